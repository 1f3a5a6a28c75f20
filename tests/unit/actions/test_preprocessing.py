"""What a command says of its images reaches whoever calibrates and whoever judges."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backends import cli
from backends.actions import olive
from backends.actions.preprocessing import Asked, preprocessed, preprocessing_of
from backends.commands.imaging import asked_of
from backends.commands.optimizing import _with_data
from backends.domain.errors import BadInput
from backends.domain.model import ModelKind, SourceModel, TensorSpec
from backends.domain.preprocessing import Preprocessing
from backends.jobs.context import Context
from tests.unit.samples import source as language

SPEC = TensorSpec("images", "float32", ("batch", 3, "height", "width"))
ASKED = Asked((0.5, 0.4, 0.3), (0.2, 0.2, 0.3), (6, 8), channel_order="BGR")
FLAGS = ["--mean", "0.5,0.4,0.3", "--std", "0.2,0.2,0.3", "--size", "6x8", "--channel-order", "BGR"]
WANTED = Preprocessing(6, 8, 3, mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.3), channel_order="BGR")


@pytest.fixture
def source() -> SourceModel:
    plain = language()
    return replace(plain, profile=replace(plain.profile, kind=ModelKind.TENSOR, inputs=(SPEC,)))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    np.savez(tmp_path / "images.npz", images=np.zeros((2, 4, 5, 3), np.uint8))
    return tmp_path / "images.npz"


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    np.savez(tmp_path / "ready.npz", images=np.zeros((2, 3, 4, 5), np.float32))
    return tmp_path / "ready.npz"


def test_what_is_asked_for_is_set_for_the_model(source: SourceModel, images: Path, ready: Path) -> None:
    assert preprocessed(source, ASKED, ready, images).preprocessing == WANTED
    assert preprocessing_of(source, Asked(), images) is None


@pytest.mark.parametrize("asked", [Asked((0.5, 0.5)), Asked(std=(0.0,)), Asked(size=(0, 4))])
def test_what_cannot_be_is_refused(source: SourceModel, images: Path, asked: Asked) -> None:
    with pytest.raises(BadInput):
        preprocessing_of(source, asked, images)


def test_grey_images_have_no_channel_order(source: SourceModel, tmp_path: Path) -> None:
    np.savez(tmp_path / "grey.npz", images=np.zeros((2, 4, 5, 1), np.uint8))
    grey = replace(source, profile=replace(source.profile, inputs=(replace(SPEC, shape=("n", 1, 4, 5)),)))
    with pytest.raises(BadInput, match="no order"):
        preprocessed(grey, Asked(channel_order="BGR"), tmp_path / "grey.npz")


def test_flags_of_no_effect_are_refused(source: SourceModel, images: Path, ready: Path) -> None:
    with pytest.raises(BadInput, match="no images"):
        preprocessed(source, ASKED, ready)
    with pytest.raises(BadInput, match="no images"):
        preprocessed(source, ASKED, None)
    assert preprocessed(source, Asked(), None) == source


@pytest.mark.parametrize(
    "words",
    [
        ["bench", "model"],
        ["optimize", "model"],
        ["quantize", "model", "--framework", "onnxruntime", "--precision", "INT8_STATIC", "--out", "made"],
        ["convert", "model", "--to", "onnx"],
        ["olive", "search", "model"],
    ],
    ids=lambda words: words[0],
)
def test_all_commands_with_images_have_the_flags(words: list[str]) -> None:
    assert asked_of(cli._parser().parse_args([*words, *FLAGS])) == ASKED
    assert asked_of(cli._parser().parse_args(words)) == Asked()


@pytest.mark.parametrize("flag", ["--data", "--calibration"])
def test_an_optimization_calibrates_as_it_judges(source: SourceModel, images: Path, flag: str) -> None:
    arguments = cli._parser().parse_args(["optimize", "model", flag, str(images), *FLAGS])
    assert _with_data(source, arguments).preprocessing == WANTED


def test_a_search_judges_by_images_as_they_were_prepared(source: SourceModel, tmp_path: Path) -> None:
    pixels = np.full((2, 6, 8, 3), 255, np.uint8)
    np.savez(tmp_path / "labelled.npz", images=pixels, labels=np.array([0, 1]))
    own = preprocessed(source, ASKED, tmp_path / "labelled.npz")
    path, _ = olive._samples(own, tmp_path / "labelled.npz", tmp_path, Context(lambda event: None))
    with np.load(path) as arrays:
        np.testing.assert_allclose(arrays["images"][0, :, 0, 0], [2.5, 3.0, 0.7 / 0.3], rtol=1e-6)


def test_what_is_asked_goes_before_what_lies_beside_the_model_at_one_scale(
    source: SourceModel, images: Path
) -> None:
    """Flags are for pixels of 0 to 1; this processor's own figures are for bytes."""
    beside = Preprocessing(6, 8, 3, scale=1.0, mean=(51.0,), std=(102.0,), shorter_side=9)
    known = replace(source, preprocessing=beside)
    found = preprocessing_of(known, Asked(mean=(0.5,)), images)
    assert found is not None and (found.scale, found.mean, found.shorter_side) == (1 / 255, (0.5,), 9)
    assert found.std == pytest.approx((0.4,))
    resized = preprocessing_of(known, Asked(size=(5, 5)), images)
    assert resized is not None and (resized.height, resized.shorter_side) == (5, 0)
    assert resized.mean == pytest.approx((0.2,))
