"""A user's own arrays for a model's named inputs; and what is drawn where nobody gave any."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.domain.errors import BadInput
from backends.domain.model import TensorSpec
from backends.jobs.context import Context
from backends.quality import drawn, named

IDS = TensorSpec("ids", "int64", ("batch", "seq"))
MASK = TensorSpec("attention_mask", "int64", ("batch", "seq"))
WAVE = TensorSpec("wave", "float32", ("N", 1, "T"))
PHOTO = TensorSpec("photo", "float32", ("N", 3, "height", "width"))


def quiet() -> Context:
    return Context(lambda event: None)


def save(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("dtype", ["bfloat16", "float8e4m3fn", "string", "str", "complex64"])
def test_a_type_that_numpy_lacks_is_a_sentence(dtype: str) -> None:
    with pytest.raises(BadInput, match=dtype):
        drawn.draw((TensorSpec("x", dtype, ("n", 4)),))


def test_calibration_without_an_axis_of_samples_is_a_sentence(tmp_path: Path) -> None:
    path = save(tmp_path / "in.npz", flag=np.array(True))
    with pytest.raises(BadInput, match="axis of samples"):
        named.read(path, (TensorSpec("flag", "bool", ()),))


def test_every_input_gets_its_array_and_labels_come_along(tmp_path: Path) -> None:
    ids = np.arange(600).reshape(300, 2) % 7
    path = save(tmp_path / "in.npz", ids=ids, attention_mask=np.ones_like(ids), labels=np.arange(300) % 3)
    assert named.is_named(path, (IDS, MASK))
    made = named.prepare(path, (IDS, MASK), tmp_path, quiet())
    assert made.samples == 300
    assert made.labels == tuple(index % 3 for index in range(300))
    parts = [np.load(batch)["ids"] for batch in made.batches]
    assert len(parts) == 2
    assert np.array_equal(np.concatenate(parts), ids)


def test_images_of_the_only_input_are_read_as_images(tmp_path: Path) -> None:
    path = save(tmp_path / "in.npz", images=np.zeros((2, 3, 8, 8), np.float32))
    assert not named.is_named(path, (PHOTO,))
    assert named.is_named(path, (TensorSpec("images", "float32", ("N", 3, 8, 8)),))
    assert named.is_named(save(tmp_path / "x.npz", photo=np.zeros((2, 3, 8, 8), np.float32)), (PHOTO,))


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"ids": np.zeros((2, 4), np.int64)}, "attention_mask"),
        ({"ids": np.zeros((2, 4), np.int64), "attention_mask": np.zeros((3, 4), np.int64)}, "unequal"),
        ({"ids": np.zeros((2, 4), np.int64), "attention_mask": np.zeros(2, np.int64)}, "shape"),
        (
            {
                "ids": np.zeros((2, 4), np.int64),
                "attention_mask": np.zeros((2, 4), np.int64),
                "labels": np.array([-1, 0]),
            },
            "labels",
        ),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, arrays: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        named.read(save(tmp_path / "in.npz", **arrays), (IDS, MASK))


def test_a_damaged_file_is_no_named_one(tmp_path: Path) -> None:
    (tmp_path / "in.npz").write_bytes(b"PK nonsense")
    assert not named.is_named(tmp_path / "in.npz", (IDS,))


def test_what_is_drawn_fits_how_such_models_are_used() -> None:
    arrays = drawn.draw((IDS, MASK))
    assert arrays["ids"].shape == arrays["attention_mask"].shape == (32, drawn.TOKENS)
    assert len(np.unique(arrays["ids"])) > 1
    assert arrays["attention_mask"].min() == 1
    assert drawn.draw((WAVE,))["wave"].shape == (32, 1, drawn.VALUES)
    assert drawn.draw((PHOTO,))["photo"].shape == (32, 3, 224, 224)
    assert drawn.open_sizes((IDS, MASK)) == {"seq": drawn.TOKENS}
    last = TensorSpec("photo", "uint8", (1, "h", "w", 3))
    assert drawn.draw((last,))["photo"].shape == (1, 224, 224, 3)


def test_a_value_without_axes_stays_one() -> None:
    flag = TensorSpec("flag", "bool", ())
    arrays = drawn.draw((TensorSpec("a", "float32", ("N", 4)), flag))
    assert arrays["flag"].shape == ()
    assert arrays["a"].shape == (1, 4)


sizes = st.one_of(st.integers(1, 5), st.sampled_from(["N", "a", "b", "?", ""]))
dtypes = st.sampled_from(["float32", "float16", "int64", "int32", "uint8", "bool", ""])
specs = st.lists(
    st.builds(lambda dtype, shape: (dtype, tuple(shape)), dtypes, st.lists(sizes, max_size=3)),
    min_size=1,
    max_size=3,
)


@settings(deadline=None)  # the machine may be busy
@given(specs)
def test_any_input_gets_what_its_shape_asks_for(drawn_specs: list[tuple[str, tuple[int | str, ...]]]) -> None:
    inputs = [TensorSpec(f"x{i}", dtype, shape) for i, (dtype, shape) in enumerate(drawn_specs)]
    arrays = drawn.draw(inputs, samples=2)
    seen: dict[str, int] = {}
    for spec in inputs:
        array = arrays[spec.name]
        assert array.dtype == np.dtype(spec.dtype or "float32")
        assert array.ndim == len(spec.shape)
        for size, found in zip(spec.shape, array.shape, strict=True):
            if isinstance(size, int):
                assert found == size
            elif size not in drawn.UNNAMED:
                assert seen.setdefault(size, found) == found


def test_ids_are_no_longer_than_the_model_takes() -> None:
    short = drawn.no_longer((IDS, MASK, WAVE, PHOTO), 24)
    assert [spec.shape for spec in short] == [("batch", 24), ("batch", 24), WAVE.shape, PHOTO.shape]
    assert drawn.draw(short[:2], samples=2)["ids"].shape == (2, 24)
    assert drawn.no_longer((IDS,), drawn.TOKENS) == (IDS,), "as many as are usual stay open"
