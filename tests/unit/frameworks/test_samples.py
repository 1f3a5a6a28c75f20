"""Calibration files as users have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backends.domain.errors import BadInput, JobCancelled
from backends.domain.events import Progress
from backends.domain.model import TensorSpec
from backends.frameworks.samples import Feed, match_inputs, read_samples
from backends.jobs.context import Context

IMAGE = TensorSpec("input.1", "float32", ("batch", 3, 4, 4))


def saved(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)
    return path


def test_a_generic_name_stands_for_the_only_input(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", images=np.zeros((10, 3, 4, 4)), labels=np.arange(10))
    samples = read_samples(path, [IMAGE], limit=4)
    assert samples.arrays["input.1"].dtype == np.float32
    assert len(samples) == 4
    assert list(samples.labels) == [0, 3, 6, 9]  # spread over the file


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
