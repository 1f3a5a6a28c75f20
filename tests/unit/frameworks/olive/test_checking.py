"""A workflow that was edited keeps its passes, and nothing of it runs code or leaves its place."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from backends.domain.errors import BadInput
from backends.domain.model import ModelFormat, ModelKind
from backends.frameworks.base import OptimizeRequest
from backends.frameworks.olive import checking, searching, workflows

ONNX, VISION = ModelFormat.ONNX, ModelKind.VISION


def made(**options: Any) -> dict[str, Any]:
    request = OptimizeRequest(
        Path("m"), ONNX, VISION, "INT8_STATIC", Path("out"), calibration=Path("c"), options=options
    )
    return workflows.workflow(request) if not options else searching.search_workflow(request)


def test_what_the_program_makes_passes_its_own_check() -> None:
    language = OptimizeRequest(Path("m"), ONNX, ModelKind.LANGUAGE, "INT4", Path("out"))
    for plan in (made(), made(classes=10), searching.search_workflow(language)):
        assert checking.parsed(json.dumps(plan)) == plan


def test_an_edited_workflow_keeps_its_passes_and_nothing_of_its_places(tmp_path: Path) -> None:
    plan = made()
    plan["passes"]["again"] = {"type": "OnnxFloatToFloat16", "nodes_to_exclude": ["/layers.0/MatMul"]}
    plan |= {"output_dir": "/etc", "cache_dir": "../x", "systems": {"local": {"type": "Docker"}}}
    plan["input_model"]["model_path"] = "/somewhere/else.onnx"
    path = tmp_path / "workflow.json"
    path.write_text(json.dumps(plan))
    found = checking.edited(path)
    assert workflows.pass_types(found) == ("OnnxStaticQuantization", "OnnxFloatToFloat16")
    assert (found["output_dir"], found["cache_dir"]) == (workflows.OUTPUT, workflows.CACHE)
    assert found["systems"]["local"]["type"] == "LocalSystem"
    assert found["input_model"]["model_path"] == workflows.SOURCE


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{\n  oops", "line 2, column 3"),
        ("[]", "no passes"),
        ("[" * 100_000, "workflow|JSON"),
        ('{"passes": {}}', "no passes"),
        ('{"passes": {"a": {"kind": "X"}}}', "no type"),
        ('{"passes": {"a": {"type": "X"}}, "packaging_config": {}}', "packaging_config"),
        ('{"passes": {"a": {"type": "X"}}, "input_model": {"type": "PyTorchModel"}}', "HfModel"),
        ('{"passes": {"a": {"type": "X"}}, "input_model": 3}', "HfModel"),
    ],
)
def test_what_is_no_workflow_is_said(text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        checking.parsed(text)


@pytest.mark.parametrize(
    ("where", "key", "value"),
    [
        ("passes/quantize", "user_script", "evil.py"),
        ("passes/quantize", "script_dir", "."),
        ("passes/quantize", "host", {"type": "PythonEnvironment"}),
        ("passes/quantize", "external_data_name", "../../etc/passwd"),
        ("passes/quantize", "quant_preprocess_path", "x"),
        ("passes/quantize", "extra_options", {"backend_path": "libevil.so"}),
        ("passes/quantize", "extra_options", {"library": ["evil.dll"]}),
        ("passes/quantize", "name", "https://example.org"),
        ("passes/quantize", "name", "C:\\\\Windows"),
        ("passes/quantize", "name", "~root"),
        ("input_model", "load_kwargs", {"trust_remote_code": True}),
        ("input_model", "adapter_path", "adapter"),
        ("input_model", "model_script", "evil.py"),
        ("data_configs/0", "user_script", "evil.py"),
        ("data_configs/0/load_dataset_config", "path", "/etc/passwd"),
        ("evaluators/judge/metrics/0", "user_config", {"evaluate_func": "f"}),
        ("evaluators/judge/metrics/0", "user_config", {"user_script": "evil.py"}),
    ],
)
def test_what_would_run_code_or_leave_its_place_is_refused(where: str, key: str, value: object) -> None:
    plan = copy.deepcopy(made(classes=10))
    plan["passes"] = {"quantize": made()["passes"]["quantize"]}
    place: Any = plan
    for step in where.split("/"):
        place = place[int(step)] if step.isdigit() else place[step]
    checking.parsed(json.dumps(plan))
    place[key] = value
    with pytest.raises(BadInput, match=r"code|file or place|elsewhere"):
        checking.parsed(json.dumps(plan))


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        checking.edited(tmp_path / "none.json")
