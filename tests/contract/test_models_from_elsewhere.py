"""Models that nobody here made: an opset of 2018, a detector with two outputs, a TensorFlow Lite file.

Each is quantized and run by the frameworks to which a road leads, and held against the original.
"""

from __future__ import annotations

import gzip
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from backends.actions.artifacts import original_artifact
from backends.actions.engines import opener
from backends.actions.quantize import quantize
from backends.assessment.source import source_model
from backends.conversion.graph import NoRoad
from backends.domain.artifact import Artifact, Configuration
from backends.domain.model import ModelFormat, SourceModel
from backends.quality.data import read_images
from backends.quality.vision import read_outputs
from tests.contract.managed import cosine, installed, quiet
from tests.unit.assessment.builders import make_masked, make_tflite

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(900)]

JUDGED = 1000  # digits
ON_THE_EMULATOR = 100  # of them: it takes its time
EVERY_FRAMEWORK = [
    ("onnxruntime", "INT8_STATIC"),
    ("onnxruntime", "INT8_DYNAMIC"),
    ("openvino", "INT8_PTQ"),
    ("openvino", "INT8"),
    ("olive", "INT8_STATIC"),
    ("olive", "INT8_DYNAMIC"),
    ("qnn", "A16W8"),
]


def outputs(made: Artifact, inputs: NDArray[np.float32], folder: Path) -> dict[str, NDArray[np.generic]]:
    path = folder / "inputs.npz"
    np.savez(path, images=inputs)
    with closing(opener(quiet())(Configuration(made))) as engine:
        return dict(read_outputs(engine.infer(path, folder / "outputs.npz")))


@pytest.fixture
def digits(shared_data: Path) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Images as the model was trained on them, grey values from 0 to 255, and what they show."""
    folder = shared_data / "mnist"
    with gzip.open(folder / "t10k-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)
    with gzip.open(folder / "t10k-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    return pixels.astype(np.float32), labels.astype(np.int64)


@pytest.mark.parametrize(("framework", "precision"), EVERY_FRAMEWORK)
def test_an_old_opset_keeps_its_accuracy(
    framework: str,
    precision: str,
    digits: tuple[NDArray[np.float32], NDArray[np.int64]],
    shared_data: Path,
    tmp_path: Path,
) -> None:
    installed(framework)
    images, labels = digits
    calibration = tmp_path / "calibration.npz"
    np.savez(calibration, images=images[JUDGED::90])
    source = replace(source_model(shared_data / "mnist" / "mnist_8.onnx"), calibration=calibration)
    made = quantize(source, framework, precision, tmp_path / "out", quiet())
    judged = ON_THE_EMULATOR if framework == "qnn" else JUDGED
    found = outputs(made, images[:judged], tmp_path)
    right = next(iter(found.values())).argmax(-1) == labels[:judged]
    assert right.mean() > 0.97
    assert made.sameness[-1].holds


@pytest.mark.parametrize(("framework", "precision"), EVERY_FRAMEWORK)
def test_a_detector_with_two_outputs_finds_the_same_faces(
    framework: str, precision: str, shared_data: Path, tmp_path: Path
) -> None:
    installed(framework)
    pytest.importorskip("PIL.Image", reason="reading the photos needs Pillow")
    photos = faces(shared_data / "ultraface")
    calibration = tmp_path / "calibration.npz"
    np.savez(calibration, images=np.concatenate([photos, photos[..., ::-1]]))
    source = replace(
        source_model(shared_data / "ultraface" / "version-slim-320.onnx"), calibration=calibration
    )
    made = quantize(source, framework, precision, tmp_path / "out", quiet())
    before = outputs(original_artifact(source), photos, tmp_path)
    after = outputs(made, photos, tmp_path)
    assert list(after) == ["scores", "boxes"]
    for photo in range(len(photos)):
        best = before["scores"][photo, :, 1].argmax()
        assert before["scores"][photo, best, 1] > 0.9
        assert after["scores"][photo, best, 1] > 0.8
        assert np.abs(before["boxes"][photo, best] - after["boxes"][photo, best]).max() < 0.05


def faces(folder: Path) -> NDArray[np.float32]:
    """Two photos as the detector takes them: 320 × 240, centred on 127 and divided by 128."""
    from PIL import Image

    photos = [Image.open(path).convert("RGB").resize((320, 240)) for path in sorted(folder.glob("*.jpg"))]
    pixels = np.stack([np.asarray(photo, np.float32) for photo in photos])
    return np.ascontiguousarray(((pixels - 127) / 128).transpose(0, 3, 1, 2))


@pytest.mark.parametrize(
    ("framework", "precision"),
    [("onnxruntime", "INT8_DYNAMIC"), ("openvino", "INT8"), ("olive", "INT8_DYNAMIC")],
)
def test_scores_of_masked_tokens_are_quantized_and_run(
    framework: str, precision: str, tmp_path: Path
) -> None:
    installed(framework)
    source = source_model(make_masked(tmp_path / "masked.onnx"))
    ids = np.random.default_rng(0).integers(0, 32, (4, 16))
    path = tmp_path / "ids.npz"
    np.savez(path, input_ids=ids, attention_mask=np.ones_like(ids))
    made = quantize(source, framework, precision, tmp_path / "out", quiet())
    found = []
    for artifact in (original_artifact(source), made):
        with closing(opener(quiet())(Configuration(artifact))) as engine:
            found.append(dict(read_outputs(engine.infer(path, tmp_path / "outputs.npz")))["logits"])
    assert found[0].shape == (4, 16, 32)
    assert cosine(found[0], found[1]) > 0.99


@pytest.fixture
def lite(tmp_path: Path) -> tuple[SourceModel, NDArray[np.int8]]:
    """A TensorFlow Lite file made on the spot, and its weights (4, 16)."""
    weights = np.random.default_rng(20261121).integers(-100, 100, (4, 16)).astype(np.int8)
    return source_model(make_tflite(tmp_path / "model.tflite", weights.tobytes())), weights


@pytest.mark.parametrize("precision", ["INT8", "INT8_PTQ", "FP16", "FP32"])
def test_tensorflow_lite_runs_and_is_quantized_in_openvino(
    precision: str, lite: tuple[SourceModel, NDArray[np.int8]], tmp_path: Path
) -> None:
    source, weights = lite
    inputs = np.random.default_rng(0).uniform(-1, 1, (32, 16)).astype(np.float32)
    calibration = tmp_path / "calibration.npz"
    np.savez(calibration, images=inputs)
    expected = inputs @ weights.T.astype(np.float32)
    (exact,) = outputs(original_artifact(source), inputs, tmp_path).values()
    np.testing.assert_allclose(exact, expected, rtol=1e-4, atol=1e-2)
    made = quantize(
        replace(source, calibration=calibration), "openvino", precision, tmp_path / "out", quiet()
    )
    (found,) = outputs(made, inputs, tmp_path).values()
    assert cosine(found, expected) > 0.95  # post-training quantization clips what is rarely reached
    assert made.format is ModelFormat.OPENVINO
    assert made.sameness[-1].holds


@pytest.mark.parametrize("framework", ["onnxruntime", "olive", "qnn"])
def test_where_no_road_leads_from_tensorflow_lite_it_says_why(
    framework: str, lite: tuple[SourceModel, NDArray[np.int8]], tmp_path: Path
) -> None:
    with pytest.raises(NoRoad, match="only OpenVINO reads TensorFlow Lite"):
        quantize(lite[0], framework, default_of(framework), tmp_path / "out", quiet())


def default_of(framework: str) -> str:
    from backends.frameworks import registry

    return registry.manifest(framework).default_precision["tensor"]


def test_idx_images_are_read_as_they_come(shared_data: Path) -> None:
    images = read_images(shared_data / "mnist" / "t10k-images-idx3-ubyte.gz")
    assert images.size == 10_000
    assert images.labels is not None
    assert images.labels[:5] == (7, 2, 1, 0, 4)
