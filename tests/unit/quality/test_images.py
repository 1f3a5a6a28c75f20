"""Labelled images, preprocessing, and the judgement of tensor models."""

from __future__ import annotations

import gzip
import random
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.domain.errors import BadInput, EdgewrightError, FrameworkUnavailable, JobFailed
from backends.domain.model import TensorSpec
from backends.domain.preprocessing import Preprocessing, image_shape, told_by
from backends.quality import harness, vision
from backends.quality.data import (
    ImageSet,
    prepare,
    preprocessing_for,
    read_images,
    resize,
)

from .fakes import Job, TensorEngine, patient

SPEC = TensorSpec("input", "float32", ("batch", 1, 8, 8))


def npz(folder: Path, **arrays: Any) -> Path:
    path = folder / "images.npz"
    np.savez(path, **arrays)
    return path


def idx(path: Path, array: np.ndarray, magic: int) -> Path:
    content = struct.pack(f">{1 + array.ndim}I", magic, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize(
    ("shape", "expected"), [((5, 4, 6), (4, 6, 1)), ((5, 4, 6, 3), (4, 6, 3)), ((5, 3, 4, 6), (4, 6, 3))]
)
def test_bytes_of_any_layout_become_pixels(
    tmp_path: Path, shape: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    images = read_images(npz(tmp_path, images=np.zeros(shape, np.uint8), labels=np.arange(5)))
    assert images.load(slice(1, 3))[0].shape == expected
    assert (images.size, images.labels, images.ready) == (5, (0, 1, 2, 3, 4), False)


def test_floats_are_the_models_own_input(tmp_path: Path) -> None:
    images = read_images(npz(tmp_path, images=np.zeros((5, 7), np.float64)))
    assert images.ready and images.labels is None


@pytest.mark.parametrize(
    ("arrays", "what"),
    [
        ({"labels": np.zeros(3, int)}, 'no array "images"'),
        ({"images": np.zeros(0, np.uint8)}, 'no array "images"'),
        ({"images": np.zeros((0, 2, 2), np.uint8)}, 'no array "images"'),
        (
            {"images": np.zeros((3, 2, 2), np.uint8), "labels": np.zeros(2, int)},
            "3 images but labels of shape",
        ),
        ({"images": np.zeros((3, 2, 2), np.uint8), "labels": np.zeros((3, 2), int)}, "labels of shape"),
        ({"images": np.zeros((3, 2, 2), np.uint8), "labels": np.zeros(3)}, "class numbers"),
        ({"images": np.zeros((3, 2, 2), np.uint8), "labels": np.full(3, -1)}, "class numbers"),
        ({"images": np.zeros((3, 2, 2), np.int64)}, "bytes or floats"),
        ({"images": np.zeros((3, 2, 2, 2), np.uint8)}, "neither grey nor RGB"),
        ({"images": np.zeros((3, 2), np.uint8)}, "neither grey nor RGB"),
        ({"images": np.array([{}, {}], dtype=object)}, "more than plain arrays"),
    ],
)
def test_a_bad_npz_is_a_sentence(tmp_path: Path, arrays: dict[str, Any], what: str) -> None:
    with pytest.raises(BadInput, match=r"images\.npz") as caught:
        read_images(npz(tmp_path, **arrays))
    assert what in caught.value.message and caught.value.remedy


@patient
@given(st.integers(0, 300), st.integers(0, 255))
def test_a_damaged_npz_is_bad_input_or_read(
    tmp_path_factory: pytest.TempPathFactory, at: int, byte: int
) -> None:
    path = npz(tmp_path_factory.mktemp("fuzz"), images=np.zeros((2, 2, 2), np.uint8), labels=np.zeros(2, int))
    content = bytearray(path.read_bytes())
    content[at % len(content)] = byte
    path.write_bytes(content)
    try:
        read_images(path)
    except BadInput as error:
        assert str(path) in error.message


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_an_idx_pair_is_read(tmp_path: Path, suffix: str) -> None:
    pixels = np.arange(3 * 2 * 4, dtype=np.uint8).reshape(3, 2, 4)
    path = idx(tmp_path / f"t10k-images-idx3-ubyte{suffix}", pixels, 0x803)
    idx(tmp_path / f"t10k-labels-idx1-ubyte{suffix}", np.array([7, 0, 2], np.uint8), 0x801)
    images = read_images(path)
    assert images.labels == (7, 0, 2)
    np.testing.assert_array_equal(images.load(slice(1, 2))[0], pixels[1, :, :, np.newaxis])


def test_an_idx_file_without_labels_has_none(tmp_path: Path) -> None:
    path = idx(tmp_path / "images-idx3-ubyte", np.zeros((2, 3, 3), np.uint8), 0x803)
    assert read_images(path).labels is None


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("change", [slice(0, 7), slice(0, -1), slice(0, 0)])
def test_a_truncated_idx_file_is_bad_input(tmp_path: Path, suffix: str, change: slice) -> None:
    path = idx(tmp_path / f"images-idx3-ubyte{suffix}", np.ones((2, 3, 3), np.uint8), 0x803)
    path.write_bytes(path.read_bytes()[change])
    with pytest.raises(BadInput, match="no complete IDX"):
        read_images(path)


def test_a_longer_or_lying_idx_file_is_bad_input(tmp_path: Path) -> None:
    path = idx(tmp_path / "images-idx3-ubyte", np.ones((2, 3, 3), np.uint8), 0x803)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(BadInput, match="no complete IDX"):
        read_images(path)
    path.write_bytes(struct.pack(">4I", 0x803, 2**31, 2**31, 2**31))
    with pytest.raises(BadInput, match="no complete IDX"):
        read_images(path)
    with pytest.raises(BadInput, match="magic 0x801"):
        read_images(idx(path, np.ones(20, np.uint8), 0x801))


def test_other_paths_are_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no file or folder"):
        read_images(tmp_path / "none")
    with pytest.raises(BadInput, match="holds no images"):
        read_images(tmp_path)
    (tmp_path / "note.txt").write_text("")
    with pytest.raises(BadInput, match="no labelled image data"):
        read_images(tmp_path / "note.txt")


def test_without_pillow_a_folder_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(FrameworkUnavailable, match="Pillow"):
        read_images(tmp_path)


def test_a_folder_is_labelled_by_its_subfolders(tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    for name, value in (("dog", 10), ("cat", 200)):
        (tmp_path / name).mkdir()
        pillow.new("L" if name == "dog" else "RGB", (4, 2), value).save(tmp_path / name / "1.PNG")
    images = read_images(tmp_path)
    assert (images.classes, images.labels) == (("cat", "dog"), (0, 1))
    cat, dog = images.load(slice(0, 2))
    assert (cat.shape, dog.shape, dog[0, 0, 0]) == ((2, 4, 3), (2, 4, 1), 10)
    (tmp_path / "dog" / "1.PNG").write_bytes(b"no image")
    with pytest.raises(BadInput, match="cannot be decoded"):
        images.load(slice(1, 2))


def test_what_systems_leave_behind_is_no_class_and_no_image(tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    for name in ("cat", "dog", ".ipynb_checkpoints", "__MACOSX"):
        (tmp_path / name).mkdir()
        pillow.new("RGB", (4, 2)).save(tmp_path / name / "1.png")
    (tmp_path / "cat" / "._1.png").write_bytes(b"of another system")
    images = read_images(tmp_path)
    assert (images.classes, images.labels) == (("cat", "dog"), (0, 1))


def test_grey_of_16_bits_keeps_its_shades(tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    shades = np.array([[0, 255, 256, 32768, 65535]], np.uint16)
    pillow.fromarray(shades).save(tmp_path / "a.png")
    (found,) = read_images(tmp_path).load(slice(0, 1))
    assert found.dtype == np.uint8 and found.shape == (1, 5, 1)
    assert found.ravel().tolist() == [0, 0, 1, 128, 255]


@pytest.mark.parametrize(
    ("mode", "color", "suffix", "expected"),
    [
        ("CMYK", (0, 255, 255, 0), "jpg", (255, 0, 0)),
        ("RGBA", (255, 0, 0, 7), "png", (255, 0, 0)),
        ("LA", (90, 7), "png", (90,)),
        ("1", 1, "png", (255,)),
        ("P", 1, "png", (10, 20, 30)),
    ],
)
def test_every_mode_becomes_grey_or_rgb(
    tmp_path: Path, mode: str, color: Any, suffix: str, expected: tuple[int, ...]
) -> None:
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    image = pillow.new(mode, (8, 8), color)
    if mode == "P":
        image.putpalette([0, 0, 0, 10, 20, 30])
        image.info["transparency"] = bytes([0, 128])
    image.save(tmp_path / f"a.{suffix}")
    (found,) = read_images(tmp_path).load(slice(0, 1))
    np.testing.assert_allclose(found[4, 4], expected, atol=3)


def test_a_photo_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    image = pillow.fromarray(np.repeat(np.array([[0, 255]], np.uint8), 8, axis=0).repeat(8, axis=1))
    exif = pillow.Exif()
    exif[0x0112] = 6  # orientation: to be turned by 90 degrees clockwise
    image.save(tmp_path / "a.jpg", exif=exif)
    (found,) = read_images(tmp_path).load(slice(0, 1))
    assert found.shape == (16, 8, 1) and found[2, 4, 0] < 9 and found[13, 4, 0] > 246


def test_a_small_file_of_very_many_pixels_is_refused(tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    for width in (10_000, 20_000):  # Pillow warns of the one and refuses the other
        bomb = tmp_path / "bomb.png"
        pillow.new("1", (width, 9_500)).save(bomb)
        assert bomb.stat().st_size < 100_000
        with pytest.raises(BadInput, match="is too large"):
            read_images(tmp_path).load(slice(0, 1))


def test_only_the_formats_that_are_named_are_decoded(tmp_path: Path) -> None:
    """Whatever the suffix says: for PostScript, Pillow would start Ghostscript on the file."""
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    for form in ("EPS", "TIFF", "GIF"):
        pillow.new("RGB", (9, 9)).save(tmp_path / "image.png", form)
        with pytest.raises(BadInput, match="cannot be decoded"):
            read_images(tmp_path).load(slice(0, 1))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "WEBP"])
def test_a_damaged_image_is_bad_input_or_read(tmp_path: Path, form: str) -> None:
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    noise = np.random.default_rng(0).integers(0, 255, (24, 31, 3)).astype(np.uint8)
    path, chance, refused = tmp_path / "image.png", random.Random(form), 0
    pillow.fromarray(noise).save(path, form)
    content = path.read_bytes()
    images = read_images(tmp_path)
    for number in range(300):
        damaged = bytearray(content[: chance.randrange(len(content))] if number % 3 == 0 else content)
        for at in (chance.randrange(len(damaged)) for _ in range(2 if damaged else 0)):
            damaged[at] = chance.randrange(256)
        path.write_bytes(damaged)
        try:
            images.load(slice(0, 1))
        except BadInput as error:
            refused += "image.png" in error.message
    assert refused > 50, "cut off, it is refused by a sentence"


def test_cifar_photos_are_read(shared_data: Path) -> None:
    pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    images = read_images(shared_data / "cifar10-sample")
    assert images.size == 1000 and images.classes[0] == "airplane"
    assert images.load(slice(999, 1000))[0].shape == (32, 32, 3)


def test_mnist_is_read(shared_data: Path) -> None:
    images = read_images(shared_data / "mnist" / "t10k-images-idx3-ubyte.gz")
    assert images.size == 10_000 and images.labels is not None and images.labels[:3] == (7, 2, 1)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (("n", 3, 32, 24), ("NCHW", 32, 24, 3)),
        ((1, 1, 28, 28), ("NCHW", 28, 28, 1)),
        (("n", 32, 24, 3), ("NHWC", 32, 24, 3)),
        (("n", 3, "h", "w"), ("NCHW", 4, 6, 3)),
        (("n", "c", "h", "w"), ("NCHW", 4, 6, 3)),
        (("n", 9, 8), ("NHW", 9, 8, 1)),
        (("n", 72), ("NF", 4, 6, 3)),
    ],
)
def test_the_models_input_says_the_layout(shape: tuple[Any, ...], expected: tuple[Any, ...]) -> None:
    spec = TensorSpec("x", "float32", shape)
    image = np.zeros((4, 6, 3), np.uint8)
    found = preprocessing_for(spec, image)
    assert (found.layout, found.height, found.width, found.channels) == expected
    vision.check_fits(prepare(found, [image, image]), spec)


@pytest.mark.parametrize("shape", [("n", 4, 8, 8, 8), ("n", 7, 32, 24), ("n", 71), ("n",)])
def test_an_input_that_is_no_image_is_bad_input(shape: tuple[Any, ...]) -> None:
    with pytest.raises(BadInput):
        preprocessing_for(TensorSpec("x", "float32", shape), np.zeros((4, 6, 3), np.uint8))


@pytest.mark.parametrize(
    ("dtype", "expected"), [("uint8", [0, 200, 255]), ("int8", [-128, 72, 127]), ("int32", [0, 200, 255])]
)
def test_an_input_of_whole_numbers_gets_the_bytes_themselves(dtype: str, expected: list[int]) -> None:
    image = np.array([[[0], [200], [255]]], np.uint8)
    found = prepare(preprocessing_for(TensorSpec("x", dtype, ("n", 1, 1, 3)), image), [image])
    assert found.dtype == dtype and found.ravel().tolist() == expected


def test_whole_numbers_are_rounded_and_held_to_their_range() -> None:
    image = np.array([[[0], [100], [255]]], np.uint8)
    spread = Preprocessing(1, 3, 1, scale=1.0, mean=(10.0,), std=(0.7,), dtype="uint8")
    assert prepare(spread, [image]).ravel().tolist() == [0, 129, 255]


def test_a_mean_for_an_input_of_bytes_is_one_of_bytes() -> None:
    image = np.array([[[0], [100], [255]]], np.uint8)
    found = preprocessing_for(TensorSpec("x", "int8", ("n", 1, 1, 3)), image, mean=(100.0,))
    assert prepare(found, [image]).ravel().tolist() == [-100, 0, 127]


def test_values_are_scaled_then_normalised_per_channel() -> None:
    image = np.full((2, 2, 3), 255, np.uint8)
    found = prepare(Preprocessing(2, 2, 3, mean=(0.5, 0.0, 1.0), std=(0.5, 2.0, 1.0)), [image])
    assert found.shape == (1, 3, 2, 2) and found.dtype == np.float32
    np.testing.assert_allclose(found[0, :, 0, 0], [1.0, 0.5, 0.0])


def test_grey_and_colour_are_turned_into_each_other() -> None:
    red = np.zeros((1, 1, 3), np.uint8)
    red[..., 0] = 100
    assert prepare(Preprocessing(1, 1, 1, scale=1), [red]).item() == pytest.approx(29.9)
    assert prepare(Preprocessing(1, 1, 3, scale=1), [red[..., :1]]).ravel().tolist() == [100, 100, 100]


def test_channels_come_in_the_order_that_is_asked_for() -> None:
    image = np.array([[[10, 20, 30]]], np.uint8)
    found = prepare(Preprocessing(1, 1, 3, scale=1, mean=(1.0, 2.0, 3.0), channel_order="BGR"), [image])
    assert found.ravel().tolist() == [29, 18, 7], "mean and std are in the model's own order"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"height": 0}, "height"),
        ({"layout": "CHW"}, "layout"),
        ({"channel_order": "RBG"}, "RGB or BGR"),
        ({"mean": (0.1, 0.2)}, "3, one for each"),
        ({"std": (0.0,)}, "above zero"),
    ],
)
def test_a_preprocessing_that_cannot_be_says_why(fields: dict[str, Any], says: str) -> None:
    wrong = replace(Preprocessing(2, 2, 3), **fields)
    assert says in wrong.problem
    with pytest.raises(BadInput, match=says):
        prepare(wrong, [np.zeros((2, 2, 3), np.uint8)])


sizes = st.integers(1, 20)


@patient
@given(sizes, sizes, sizes, sizes, st.floats(0, 255))
def test_resizing_keeps_an_even_image_even(h: int, w: int, height: int, width: int, value: float) -> None:
    found = resize(np.full((h, w, 2), value), height, width)
    assert found.shape == (height, width, 2)
    np.testing.assert_allclose(found, value, atol=1e-9)


@pytest.mark.parametrize("size", [(10, 14), (40, 50), (7, 33)])
def test_resizing_is_pillows_bilinear(size: tuple[int, int]) -> None:
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    image = np.random.default_rng(0).integers(0, 256, (21, 25, 3)).astype(np.uint8)
    theirs = np.asarray(pillow.fromarray(image).resize(size[::-1], pillow.Resampling.BILINEAR)).astype(float)
    assert np.abs(resize(image.astype(float), *size) - theirs).max() < 1.01  # Pillow rounds to bytes twice


def image_set(count: int = 600, labelled: bool = True) -> tuple[ImageSet, np.ndarray]:
    """Noise images, labelled by a linear model's own choice in nine of ten cases."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (count, 8, 8, 1)).astype(np.uint8)
    weights = rng.normal(size=(64, 10)).astype(np.float32)
    labels = (pixels.reshape(count, -1) / 255 @ weights).argmax(axis=1)
    labels[::10] = (labels[::10] + 1) % 10
    return ImageSet(
        count, lambda part: list(pixels[part]), tuple(labels.tolist()) if labelled else None
    ), weights


def judged(
    folder: Path, images: ImageSet, original: TensorEngine, candidate: TensorEngine
) -> tuple[harness.Quality, harness.Quality]:
    preprocessing = preprocessing_for(SPEC, images.load(slice(0, 1))[0])
    material = vision.prepare(images, SPEC, preprocessing, folder, Job())
    first, baseline = harness.judge_tensor_original(original, material, folder / "original", Job())
    return first, harness.judge_tensor(candidate, material, baseline, folder / "candidate", Job())


def test_a_classifier_has_an_accuracy_and_a_ratio(tmp_path: Path) -> None:
    images, weights = image_set()
    noisy = weights + np.random.default_rng(1).normal(0, 0.1, weights.shape).astype(np.float32)
    first, second = judged(tmp_path, images, TensorEngine(weights), TensorEngine(noisy))
    assert first.score is not None and first.score.correct == 540 and first.score.chance == 0.1
    assert second.score is not None and second.score.ratio_to_original is not None and second.score.flipped
    assert second.score.ratio_to_original.estimate == pytest.approx(second.score.correct / 540)


def test_without_labels_a_classifier_agrees(tmp_path: Path) -> None:
    images, weights = image_set(labelled=False)
    first, second = judged(tmp_path, images, TensorEngine(weights), TensorEngine(weights))
    assert first.score is None
    assert second.score is not None
    assert (second.score.kind, second.score.correct, second.score.flipped) == ("fidelity", 600, 0.0)


@pytest.mark.parametrize("count", [1, 600])
def test_a_model_that_is_no_classifier_has_output_fidelity(tmp_path: Path, count: int) -> None:
    images, weights = image_set(count, labelled=False)
    noisy = weights + np.random.default_rng(1).normal(0, 0.1, weights.shape).astype(np.float32)
    _, second = judged(tmp_path, images, TensorEngine(weights, outputs=2), TensorEngine(noisy, outputs=2))
    found = second.output_fidelity
    assert second.score is None and found is not None and found.samples == count
    assert 0.9 < found.cosine.estimate < 1 and found.cosine_min <= found.cosine.estimate
    assert found.cosine.low <= found.cosine.estimate <= found.cosine.high and found.max_abs_error > 0


def test_equal_outputs_are_exactly_alike_even_when_zero(tmp_path: Path) -> None:
    images, _ = image_set(20, labelled=False)
    zero = TensorEngine(np.zeros((64, 10), np.float32), outputs=2)
    _, second = judged(tmp_path, images, zero, zero)
    assert second.output_fidelity is not None and second.output_fidelity.cosine.estimate == 1.0


def test_models_with_other_outputs_cannot_be_compared(tmp_path: Path) -> None:
    images, weights = image_set(20, labelled=False)
    with pytest.raises(JobFailed, match="same outputs"):
        judged(tmp_path, images, TensorEngine(weights, outputs=2), TensorEngine(weights, outputs=3))


def test_nan_outputs_end_with_a_sentence(tmp_path: Path) -> None:
    images, weights = image_set(20)
    with pytest.raises(JobFailed, match="not numbers"):
        judged(tmp_path, images, TensorEngine(weights * np.nan), TensorEngine(weights))


def test_a_label_that_is_no_class_is_bad_input(tmp_path: Path) -> None:
    images, weights = image_set(20)
    with pytest.raises(BadInput, match="labelled"):
        judged(tmp_path, images, TensorEngine(weights[:, :3]), TensorEngine(weights))


def test_ready_images_of_another_shape_are_bad_input(tmp_path: Path) -> None:
    images = ImageSet(2, lambda part: [np.zeros(7)] * 2, None, ready=True)
    with pytest.raises(BadInput, match="have the shape"):
        vision.prepare(images, SPEC, None, tmp_path, Job())


def test_ready_images_go_in_as_they_are(tmp_path: Path) -> None:
    images = ImageSet(300, lambda part: [np.full((1, 8, 8), 0.25)] * len(range(300)[part]), None, ready=True)
    material = vision.prepare(images, SPEC, None, tmp_path, Job())
    assert (material.samples, len(material.batches)) == (300, 2)
    with np.load(material.batches[1]) as archive:
        assert archive["input"].shape == (44, 1, 8, 8) and archive["input"].dtype == np.float32


def test_all_errors_of_this_room_are_for_the_user() -> None:
    assert issubclass(FrameworkUnavailable, EdgewrightError)


VIT = {"size": {"height": 224, "width": 192}, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4]}
MOBILENET = {
    "do_center_crop": True,
    "size": {"shortest_edge": 256},
    "crop_size": {"height": 224, "width": 224},
}
CONVNEXT = {"size": {"shortest_edge": 224}, "crop_pct": 0.875, "do_normalize": False}


@pytest.mark.parametrize(
    ("processor", "expected"),
    [
        (VIT, Preprocessing(224, 192, 3, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))),
        (MOBILENET, Preprocessing(224, 224, 3, mean=(0.0,) * 3, std=(1.0,) * 3, shorter_side=256)),
        (CONVNEXT, Preprocessing(224, 224, 3, mean=(0.0,) * 3, std=(1.0,) * 3, shorter_side=256)),
        (
            {**CONVNEXT, "size": {"shortest_edge": 384}},
            Preprocessing(384, 384, 3, mean=(0.0,) * 3, std=(1.0,) * 3),
        ),
        (
            {"size": 224, "do_rescale": False, "image_mean": 0.5, "image_std": 2},
            Preprocessing(224, 224, 3, scale=1.0, mean=(0.5,) * 3, std=(2.0,) * 3),
        ),
        ({"size": {"longest_edge": 1333}}, None),
        ({"size": "large"}, None),
        ({"size": 224, "image_std": [0.0, 0.0, 0.0]}, None),
        ({}, None),
    ],
)
def test_an_image_processor_tells_the_preprocessing(
    processor: dict[str, Any], expected: Preprocessing | None
) -> None:
    assert told_by(processor) == expected


@patient
@given(
    st.dictionaries(
        st.sampled_from(sorted({**VIT, **MOBILENET, **CONVNEXT})),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
            ),
        ),
    )
)
def test_whatever_a_processor_says_is_used_or_left(processor: dict[str, Any]) -> None:
    found = told_by(processor)
    assert found is None or not found.problem


def test_a_model_is_made_for_the_size_that_its_files_tell() -> None:
    assert image_shape({"image_size": 32, "num_channels": 1}, MOBILENET) == (1, 32, 32)
    assert image_shape({"image_size": [32, 64]}, None) == (3, 32, 64)
    assert image_shape({}, VIT) == (3, 224, 192)
    assert image_shape({"image_size": "large"}, None) == (3, 224, 224)


def test_the_middle_is_cut_out_of_what_has_the_shorter_side() -> None:
    """Columns 0 to 39 of a picture twice as wide as high: of 20 by 40, the middle 10 by 10."""
    picture = np.tile(np.arange(40, dtype=np.uint8)[np.newaxis, :, np.newaxis], (20, 1, 1))
    wanted = Preprocessing(10, 10, 1, "NHW", scale=1.0, shorter_side=20)
    (cut,) = prepare(wanted, [picture])
    assert cut.shape == (10, 10)
    np.testing.assert_allclose(cut[0], np.arange(15, 25))
    (smaller,) = prepare(replace(wanted, shorter_side=10), [picture])
    np.testing.assert_allclose(smaller[0], np.arange(10.5, 30, 2), atol=0.2)


def test_more_than_there_is_cannot_be_cut_out() -> None:
    with pytest.raises(BadInput, match="cut out"):
        prepare(Preprocessing(12, 10, 1, shorter_side=11), [np.zeros((20, 20, 1), np.uint8)])
