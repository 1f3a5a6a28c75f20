"""A user's own images from calibration to judgement: prepared the same way, and kept with the artifact."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backends import cli
from backends.actions.artifacts import load_artifact
from backends.actions.bench import bench
from backends.actions.calibration import calibrated
from backends.actions.quantize import quantize
from backends.assessment.source import source_model
from backends.domain.errors import BadInput
from backends.domain.model import SourceModel
from backends.domain.preprocessing import Preprocessing
from backends.jobs.context import Context
from backends.quality.data import prepare, read_images
from backends.storage.history import History
from tests.contract.tiny_models import IMAGE, language_gguf, vision_onnx

WANTED = Preprocessing(*IMAGE[1:], 3, mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.3), channel_order="BGR")


@pytest.fixture
def job() -> Context:
    return Context(lambda event: None)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Ten classes of two images, larger than the model's input."""
    generator = np.random.default_rng(1)
    for label in range(10):
        folder = tmp_path / "images" / f"class{label}"
        folder.mkdir(parents=True)
        for number in range(2):
            pixels = generator.integers(0, 255, (20, 24, 3), np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "images"


@pytest.fixture
def source(tmp_path: Path) -> SourceModel:
    return source_model(vision_onnx(tmp_path / "tiny.onnx"))


def test_images_become_the_models_input(source: SourceModel, images: Path, job: Context) -> None:
    own = replace(source, calibration=images, preprocessing=WANTED)
    with calibrated(own, True, job) as ready:
        assert ready.preprocessing == WANTED
        kept = ready.calibration
        with np.load(kept) as arrays:
            expected = prepare(WANTED, read_images(images).load(slice(0, 20)))
            np.testing.assert_array_equal(arrays["images"], expected)
            assert arrays["labels"].tolist() == [label for label in range(10) for _ in range(2)]
    assert not kept.exists()
    with calibrated(own, False, job) as untouched:
        assert untouched is own, "a precision that needs no data reads none"


def test_arrays_go_as_they_are(source: SourceModel, tmp_path: Path, job: Context) -> None:
    np.savez(tmp_path / "inputs.npz", images=np.zeros((4, *IMAGE), np.float32))
    own = replace(source, calibration=tmp_path / "inputs.npz")
    with calibrated(own, True, job) as ready:
        assert ready is own


def test_texts_of_lines_become_one(tmp_path: Path, job: Context) -> None:
    (tmp_path / "texts.jsonl").write_text('{"text": "the cat"}\n{"text": "sat"}\n')
    language = source_model(language_gguf(tmp_path / "tiny.gguf"))
    with calibrated(replace(language, calibration=tmp_path / "texts.jsonl"), True, job) as ready:
        assert ready.calibration.read_text() == "the cat\nsat"


def test_images_that_do_not_fit_are_refused(source: SourceModel, images: Path, job: Context) -> None:
    wrong = replace(WANTED, height=9)
    own = replace(source, calibration=images, preprocessing=wrong)
    with pytest.raises(BadInput, match="wants"), calibrated(own, True, job):
        pass


@pytest.mark.real
def test_the_preprocessing_stays_with_the_artifact_and_is_used_again(
    source: SourceModel, images: Path, tmp_path: Path, job: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEWRIGHT_HOME", str(tmp_path / "home"))
    own = replace(source, calibration=images, preprocessing=WANTED)
    quantize(own, "onnxruntime", "INT8_STATIC", tmp_path / "made", job)
    assert load_artifact(tmp_path / "made").preprocessing == WANTED
    history = History(tmp_path / "history.sqlite3")
    record = bench([source.profile.path, tmp_path / "made"], job, history, data=images)
    assert record.setup.preprocessing == WANTED
    judged = {result.label: result.quality for result in record.results}
    assert all(score.items == 20 for score in judged.values())


@pytest.mark.real
def test_a_command_calibrates_with_the_preprocessing_that_it_names(
    source: SourceModel, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEWRIGHT_HOME", str(tmp_path / "home"))
    words = ["quantize", str(source.profile.path), "--framework", "onnxruntime", "--precision", "INT8_STATIC"]
    words += ["--calibration", str(images), "--mean", "0.5,0.4,0.3", "--std", "0.2,0.2,0.3"]
    words += ["--channel-order", "BGR"]
    assert cli.main([*words, "--out", str(tmp_path / "made")]) == 0
    assert load_artifact(tmp_path / "made").preprocessing == WANTED
