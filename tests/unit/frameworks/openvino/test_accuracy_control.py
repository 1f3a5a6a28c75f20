"""The drop in accuracy that a user allows is held on samples that gave no ranges; NNCF itself is not run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from backends.domain.artifact import Option
from backends.domain.errors import BadInput
from backends.domain.events import Event, Log
from backends.domain.model import ModelFormat, ModelKind, TensorSpec
from backends.frameworks.base import OptimizeRequest
from backends.frameworks.openvino import recipes
from backends.frameworks.openvino.recipes import Made, Work, maker
from backends.jobs.context import Context

COUNT = 25
DEFAULTS: dict[str, Option] = {
    "samples": 300,
    "preset": "mixed",
    "fast_bias_correction": True,
    "transformer": False,
}


class Nncf:
    """Keeps what it was asked for. Its "model" takes a sample's number for its class."""

    QuantizationPreset = {"MIXED": "mixed"}  # noqa: RUF012
    ModelType = SimpleNamespace(TRANSFORMER="transformer")

    def Dataset(self, feed: list[Any], _: object) -> list[Any]:
        return feed

    def quantize(self, model: object, dataset: list[Any], **given: Any) -> str:
        self.calibrated, self.given = numbers(dataset), given
        return "made"

    def quantize_with_accuracy_control(self, model: object, dataset: list[Any], **given: Any) -> str:
        self.validated = numbers(given["validation_dataset"])
        self.accuracy = given["validation_fn"](guess, given["validation_dataset"])[0]
        return self.quantize(model, dataset, **given)


def numbers(dataset: list[Any]) -> list[int]:
    return [int(value) for batch in dataset for value in batch[0].ravel()]


def guess(batch: dict[int, Any]) -> list[Any]:
    return [np.eye(COUNT)[batch[0].ravel().astype(int)]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Sample number n holds n, and n is its label."""
    path = tmp_path / "data.npz"
    np.savez(path, x=np.arange(COUNT, dtype=np.float32)[:, None], labels=np.arange(COUNT))
    return path


def made(
    monkeypatch: pytest.MonkeyPatch, data: Path, nncf: Nncf, batch: int = 1, **options: Option
) -> tuple[Made, list[Event]]:
    monkeypatch.setattr(recipes, "specs", lambda inputs: (TensorSpec("x", "float32", (batch, 1)),))
    request = OptimizeRequest(
        data, ModelFormat.ONNX, ModelKind.TENSOR, "INT8_PTQ", data.parent, calibration=data,
        options={**DEFAULTS, **options},
    )  # fmt: skip
    heard: list[Event] = []
    make = maker("INT8_PTQ", ModelKind.TENSOR)
    assert make is not None
    work = Work(
        request,
        SimpleNamespace(inputs=()),
        Context(heard.append),
        nncf,
        lambda model: None,
        lambda model: 0,
    )
    return make(work), heard


def test_what_calibrates_and_what_is_held_to_account_are_apart(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nncf = Nncf()
    found, heard = made(monkeypatch, data, nncf, max_drop=0.01)
    assert sorted([*nncf.calibrated, *nncf.validated]) == list(range(COUNT))
    assert nncf.accuracy == 1.0  # each of them against its own label
    assert nncf.given["subset_size"] == len(nncf.calibrated)
    assert (found.options["calibration_samples"], found.options["validation_samples"]) == (13, 12)
    assert any("13 samples calibrate; accuracy is held on 12" in e.text for e in heard if isinstance(e, Log))


def test_labels_that_alternate_are_in_both_halves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, x=np.arange(COUNT, dtype=np.float32)[:, None], labels=np.arange(COUNT) % 2)
    nncf = Nncf()
    made(monkeypatch, path, nncf, max_drop=0.01)
    for half in (nncf.calibrated, nncf.validated):
        assert {number % 2 for number in half} == {0, 1}


def test_without_a_drop_all_samples_calibrate(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nncf = Nncf()
    found, _ = made(monkeypatch, data, nncf)
    assert nncf.calibrated == list(range(COUNT))
    assert "validation_samples" not in found.options


@pytest.mark.parametrize("options", [{}, {"max_drop": 0.01}])
def test_a_transformer_is_treated_as_one(
    data: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Option]
) -> None:
    nncf = Nncf()
    made(monkeypatch, data, nncf, transformer=True, **options)
    assert nncf.given["model_type"] == "transformer"
    made(monkeypatch, data, nncf, **options)
    assert nncf.given["model_type"] is None


@pytest.mark.parametrize(("batch", "samples", "least"), [(1, 19, "20"), (8, 25, "32")])
def test_too_few_samples_are_a_sentence(
    data: Path, monkeypatch: pytest.MonkeyPatch, batch: int, samples: int, least: str
) -> None:
    with pytest.raises(BadInput, match=f"needs {least} labelled samples"):
        made(monkeypatch, data, Nncf(), batch, samples=samples, max_drop=0.01)
