"""Somebody else's image model in three frameworks: its accuracy on a thousand labelled images stays.

Calibrated and scored as a user would, from a folder of images with the preprocessing it was trained with.
QNN's emulator is too slow for all of them: ``test_qnn`` takes a hundred, ``tests.benchmarks.six_frameworks``
the thousand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from backends.actions.artifacts import original_artifact
from backends.actions.assess import assess
from backends.actions.quantize import quantize
from backends.domain.model import SourceModel
from backends.quality import vision
from backends.quality.data import preprocessing_for, read_images
from tests.benchmarks.six_frameworks import MEAN, STD, accuracy
from tests.conftest import SHARED_DATA
from tests.contract.managed import installed, quiet

MODEL = SHARED_DATA / "resnet20-cifar10" / "resnet20_cifar10.onnx"
IMAGES = SHARED_DATA / "cifar10-sample"
ORIGINAL = 0.804  # as published for these images
LEAST = ORIGINAL - 0.02  # a thousand images have a standard error of 1.3 points; paired, far less

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not MODEL.is_file(), reason="the model and its images are not part of the project"),
]


@pytest.fixture(scope="module")
def source() -> SourceModel:
    found = assess(MODEL, quiet())
    image = read_images(IMAGES).load(slice(0, 1))[0]
    steps = preprocessing_for(found.profile.inputs[0], image, mean=MEAN, std=STD)
    return replace(found, calibration=IMAGES, preprocessing=steps)


@pytest.fixture(scope="module")
def images(source: SourceModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[vision.TensorMaterial]:
    folder = tmp_path_factory.mktemp("images")
    yield vision.prepare(read_images(IMAGES), source.profile.inputs[0], source.preprocessing, folder, quiet())


def test_the_original_is_as_good_as_published(source: SourceModel, images: vision.TensorMaterial) -> None:
    assert accuracy(original_artifact(source), images) == pytest.approx(ORIGINAL, abs=0.001)


@pytest.mark.parametrize(
    ("framework", "precision"),
    [
        ("onnxruntime", "INT8_STATIC"),
        ("onnxruntime", "INT8_DYNAMIC"),
        ("openvino", "INT8_PTQ"),
        ("openvino", "INT8"),
        ("olive", "INT8_STATIC"),
    ],
)
def test_it_is_nearly_as_good_at_eight_bits(
    source: SourceModel, images: vision.TensorMaterial, framework: str, precision: str, tmp_path: Path
) -> None:
    installed(framework)
    made = quantize(source, framework, precision, tmp_path / "made", quiet())
    assert made.sameness, "it says how closely it follows the original"
    if precision != "INT8_DYNAMIC" and precision != "INT8":  # those see no images
        assert made.preprocessing == source.preprocessing
    assert accuracy(made, images) > LEAST
