"""Workflows are built from a request, and one that was edited is held to the rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backends.domain.errors import BadInput
from backends.domain.model import ModelFormat, ModelKind
from backends.frameworks import registry
from backends.frameworks.base import OptimizeRequest
from backends.frameworks.olive import workflows
from backends.frameworks.olive.catalogue import Pass, check, read, suitable

HF, ONNX = ModelFormat.HUGGING_FACE, ModelFormat.ONNX
LANGUAGE, VISION = ModelKind.LANGUAGE, ModelKind.VISION


def request(form: ModelFormat, kind: ModelKind, precision: str, **options: Any) -> OptimizeRequest:
    return OptimizeRequest(Path("m"), form, kind, precision, Path("out"), options=options)


def test_every_precision_of_the_manifest_has_a_road() -> None:
    for precision in registry.manifest("olive").precisions:
        for kind in precision.kinds:
            form = HF if kind is LANGUAGE else ONNX
            made = workflows.workflow(request(form, kind, precision.name))
            assert workflows.pass_types(made)
            assert workflows.needs_samples(made) is precision.needs_calibration
            assert made["output_dir"] == workflows.OUTPUT


def test_what_has_no_road_is_bad_input() -> None:
    with pytest.raises(BadInput):
        workflows.workflow(request(ONNX, LANGUAGE, "FP32"))
    with pytest.raises(BadInput, match="calibration"):
        workflows.workflow(request(ONNX, VISION, "INT8_STATIC", calibration_method="guess"))


def test_paths_come_in_when_it_is_run(tmp_path: Path) -> None:
    made = workflows.workflow(request(ONNX, VISION, "INT8_STATIC"))
    assert str(tmp_path) not in json.dumps(made)
    places = workflows.Places(tmp_path / "m.onnx", tmp_path / "out", tmp_path / "cache", tmp_path / "s.npz")
    text = json.dumps(workflows.filled(made, places))
    assert "{" + "source}" not in text
    assert "{" + "samples}" not in text
    assert workflows.READER_FILE.is_file()


def test_what_old_models_cannot_take_is_left_out_of_the_quantization_alone() -> None:
    made = workflows.workflow(request(ONNX, VISION, "INT8_STATIC"))
    assert workflows.quantizes_tensors(made)
    assert made["passes"]["quantize"]["per_channel"] is True
    assert workflows.without_axes(made)["passes"]["quantize"]["per_channel"] is False
    widened = workflows.without_widening(made)["passes"]["quantize"]
    assert widened == made["passes"]["quantize"] | {"extra_options": {workflows.WIDENING: True}}
    half = workflows.workflow(request(ONNX, VISION, "FP16"))
    assert not workflows.quantizes_tensors(half)
    assert workflows.without_axes(half) == workflows.without_widening(half) == half
    several = {**made, "passes": {"one": [made["passes"]["quantize"], half["passes"]["half"]]}}
    first, second = workflows.without_axes(several)["passes"]["one"]
    assert (first["per_channel"], second) == (False, half["passes"]["half"])


def test_the_catalogue_says_what_suits(tmp_path: Path) -> None:
    entry = {"supported_accelerators": ["cpu"], "supported_precisions": ["int8"]}
    passes = {
        "Small": entry,
        "Extra": {**entry, "extra_dependencies": ["inc"]},
        "Named": {**entry, "extra_dependencies": ["there"]},
    }
    data = {"passes": passes, "extra_dependencies": {"inc": ["neural-compressor>=2", "there"]}}
    (tmp_path / "olive_config.json").write_text(json.dumps(data))
    found = read(tmp_path, has=lambda package: package == "there")
    assert [one.name for one in suitable(found, "CPU", "INT8")] == ["Small", "Extra", "Named"]
    assert [one.lacking for one in found] == [(), ("neural-compressor",), ()]
    assert suitable(found, "gpu", "int8") == ()
    check(found, ["small", "named"], "cpu")
    for wanted, device in (("Unknown", "cpu"), ("Extra", "cpu"), ("Small", "npu")):
        with pytest.raises(BadInput):
            check(found, [wanted], device)
    with pytest.raises(BadInput):
        read(tmp_path / "nowhere")


def test_any_is_any() -> None:
    one = Pass("P", ("*",), ("*",), False)
    assert one.suits("npu", "int3")
    assert Pass("P", ("npu",), ("int8",), False).suits("*")
