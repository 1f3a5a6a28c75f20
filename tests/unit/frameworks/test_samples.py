"""Calibration files as users have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.domain.errors import BadInput, JobCancelled
from backends.domain.events import Progress
from backends.domain.model import TensorSpec
from backends.frameworks.samples import Feed, Samples, match_inputs, read_samples, spread
from backends.jobs.context import Context

IMAGE = TensorSpec("input.1", "float32", ("batch", 3, 4, 4))
LABELS = st.lists(st.integers(0, 4), min_size=2, max_size=60)
ALTERNATING = st.integers(2, 60).map(lambda count: [number % 2 for number in range(count)])


def saved(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)
    return path


def test_a_generic_name_stands_for_the_only_input(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", images=np.zeros((10, 3, 4, 4)), labels=np.arange(10))
    samples = read_samples(path, [IMAGE], limit=4)
    assert samples.arrays["input.1"].dtype == np.float32
    assert len(samples) == 4
    assert list(samples.labels) == [0, 3, 6, 9]  # spread over the file


def labelled(labels: list[int]) -> Samples:
    """Sample number n holds n."""
    return Samples({"x": np.arange(len(labels))}, np.array(labels), Path("data.npz"))


@given(LABELS | ALTERNATING)
def test_halves_share_nothing_and_both_have_every_label(labels: list[int]) -> None:
    first, second = labelled(labels).halves()
    taken = [*first.arrays["x"], *second.arrays["x"]]
    assert sorted(taken) == list(range(len(labels)))
    assert 0 <= len(first) - len(second) <= 1
    for half in (first, second):
        assert list(half.arrays["x"]) == sorted(half.arrays["x"])  # in the file's order
        assert list(half.labels) == [labels[number] for number in half.arrays["x"]]
    for label in set(labels):
        share = [list(half.labels).count(label) for half in (first, second)]
        assert abs(share[0] - share[1]) <= 1
        assert min(share) >= 1 or labels.count(label) == 1
    again, _ = labelled(labels).halves()
    assert list(again.arrays["x"]) == list(first.arrays["x"])


@given(LABELS | ALTERNATING, st.integers(2, 60))
def test_a_few_of_many_samples_are_spread_over_the_labels(labels: list[int], limit: int) -> None:
    chosen = spread(len(labels), limit, np.array(labels)).tolist()
    assert chosen == sorted(set(chosen)) and len(chosen) == min(len(labels), limit)
    step = (len(labels) - 1) / (len(chosen) - 1)
    for label in set(labels):
        assert label in {labels[place] for place in chosen} or labels.count(label) <= step


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"images": np.zeros((4, 3, 5, 5))}, "shape"),
        ({"images": np.zeros((0, 3, 4, 4))}, "no samples"),
        ({"left": np.zeros((1, 3, 4, 4)), "right": np.zeros((1, 3, 4, 4))}, "no array named"),
    ],
)
def test_arrays_that_do_not_suit(arrays: dict[str, np.ndarray], words: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=words):
        read_samples(saved(tmp_path / "a.npz", **arrays), [IMAGE])


@pytest.mark.parametrize("content", [None, b"", b"nonsense"])
def test_a_file_that_is_none(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput, match=r"a\.npz"):
        read_samples(path, [IMAGE])


def test_objects_are_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, images=np.array([{"a": 1}], dtype=object))
    with pytest.raises(BadInput):
        read_samples(path, [IMAGE])


def test_a_feed_tells_where_it_is_and_hears_the_cancel(tmp_path: Path) -> None:
    samples = read_samples(saved(tmp_path / "a.npz", images=np.zeros((6, 3, 4, 4))), [IMAGE])
    events: list[object] = []
    job = Context(events.append)
    batches = iter(Feed(samples, [IMAGE], job, 0.5))
    assert next(batches)["input.1"].shape == (1, 3, 4, 4)
    assert events == [Progress(0.0, "Calibrating, sample 1 of 6")]
    job.token.cancel()
    with pytest.raises(JobCancelled):
        next(batches)


def test_a_missing_input_is_named() -> None:
    with pytest.raises(BadInput, match=r"input\.1"):
        match_inputs({}, (IMAGE,))
