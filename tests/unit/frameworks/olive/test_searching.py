"""Searches as workflows, and the trial that is kept of what they leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backends.domain.errors import BadInput, JobFailed
from backends.domain.model import ModelFormat, ModelKind, TensorSpec
from backends.domain.trial import ORIGINAL
from backends.frameworks.base import OptimizeRequest
from backends.frameworks.olive import auto, searching, trials, workflows
from backends.frameworks.olive.catalogue import Pass

VISION = ModelKind.VISION


def request(
    kind: ModelKind = VISION, calibration: Path | None = Path("c"), **options: Any
) -> OptimizeRequest:
    return OptimizeRequest(
        Path("m"), ModelFormat.ONNX, kind, "INT8_STATIC", Path("o"), calibration=calibration, options=options
    )


def test_every_candidate_is_counted_before_it_runs() -> None:
    made = searching.search_workflow(request(classes=10))
    assert searching.steps(made) == 2 + 1 + 3
    assert workflows.needs_samples(made)
    assert workflows.needs_evaluation(made)
    made["search_strategy"]["max_iter"] = 4
    assert searching.steps(made) == 5
    without = searching.search_workflow(request(calibration=None, classes=10))
    assert "OnnxStaticQuantization" not in workflows.pass_types(without)
    assert searching.steps(workflows.workflow(request())) == 1
    with pytest.raises(BadInput, match="labelled data"):
        searching.search_workflow(request())


def test_a_language_model_is_judged_by_windows_of_text(tmp_path: Path) -> None:
    made = searching.search_workflow(request(ModelKind.LANGUAGE))
    assert made["evaluators"]["judge"]["metrics"][0]["sub_types"][0]["name"] == "perplexity"
    inputs = (
        TensorSpec("input_ids", "int64", ("batch", "length")),
        TensorSpec("attention_mask", "int64", ("batch", "length")),
        TensorSpec("past_key_values.0.key", "float32", ("batch", 2, "past", 8)),
    )
    path = searching.windows(list(range(300)), inputs, tmp_path / "e.npz")
    with np.load(path) as found:
        assert found["input_ids"].tolist() == [list(range(128)), list(range(128, 256))]
        assert found["labels"].tolist() == found["input_ids"].tolist()
        assert found["attention_mask"].all()
        assert found["past_key_values.0.key"].shape == (2, 2, 0, 8)
        assert set(found) == {spec.name for spec in inputs} | {"labels"}
    with pytest.raises(BadInput, match="127 tokens"):
        searching.windows(list(range(127)), inputs, tmp_path / "short.npz")


def node(parent: str | None, passed: str | None, config: dict[str, Any], **metrics: float) -> dict[str, Any]:
    names = {shown: olive for olive, shown in trials.METRICS.items() if shown != "latency_ms"}
    values = {
        {**names, "latency_ms": "latency-p50"}[name]: {"value": value} for name, value in metrics.items()
    }
    return {
        "parent_model_id": parent,
        "from_pass": passed,
        "pass_run_config": config or None,
        "model_config_data": {"config": {"model_path": f"{passed}.onnx"}} if passed else None,
        "metrics": {"value": values} if values else None,
    }


def footprint(folder: Path) -> Path:
    nodes = {
        "a": node(None, None, {}, accuracy=0.9, latency_ms=4.0, size_bytes=100),
        "b": node("a", "onnxdynamicquantization", {"per_channel": True}, accuracy=0.89, latency_ms=3.0),
        "c": node("a", "onnxdynamicquantization", {"per_channel": False}, accuracy=0.7, latency_ms=1.0),
        "d": node("a", "onnxfloattofloat16", {}),
        "e": node("a", "prepare", {}),
        "f": node("e", "onnxkquantquantization", {"bits": 8}, accuracy=0.9, latency_ms=3.5),
    }
    (folder / trials.FILE).write_text(json.dumps(nodes))
    return folder


def test_trials_are_named_by_what_tells_them_apart(tmp_path: Path) -> None:
    found = trials.read(footprint(tmp_path), ["OnnxDynamicQuantization", "OnnxKQuantQuantization"])
    assert [one.trial.name for one in found] == [
        ORIGINAL,
        "OnnxDynamicQuantization (per_channel True)",
        "OnnxDynamicQuantization (per_channel False)",
        "onnxfloattofloat16",
        "prepare → OnnxKQuantQuantization",
    ]
    assert [bool(one.trial.failure) for one in found] == [False, False, False, True, False]
    assert [one.precision for one in found] == ["", "INT8_DYNAMIC", "INT8_DYNAMIC", "FP16", "INT8"]


@pytest.mark.parametrize(("limit", "chosen"), [(0.02, "per_channel True"), (0.3, "per_channel False")])
def test_the_quickest_is_kept_that_loses_no_more_than_allowed(
    tmp_path: Path, limit: float, chosen: str
) -> None:
    found = trials.choose(trials.read(footprint(tmp_path)), limit)
    assert [chosen in one.trial.name for one in found if one.trial.chosen] == [True]


def test_where_all_lose_too_much_the_least_is_said(tmp_path: Path) -> None:
    found = [one for one in trials.read(footprint(tmp_path)) if "KQuant" not in one.trial.name.title()]
    found = [one for one in found if "onnxk" not in one.trial.name]
    with pytest.raises(JobFailed, match=r"best loses 1\.1%"):
        trials.choose(found, 0.001)
    with pytest.raises(JobFailed, match="None of the candidates"):
        trials.choose(found[:1], 1.0)
    with pytest.raises(JobFailed, match="record"):
        trials.read(tmp_path / "nowhere")


def test_olives_own_choice_is_held_to_the_rules_and_told_what_is_missing(tmp_path: Path) -> None:
    chosen = {
        "input_model": {"type": "ONNXModel", "model_path": "/somewhere"},
        "passes": {
            "first": {"type": "OnnxPeepholeOptimizer"},
            "second": {"type": "OnnxDynamicQuantization", "precision": "int8"},
            "third": {"type": "ExtractAdapters"},
        },
        "no_artifacts": True,
    }
    (tmp_path / auto.CONFIG).write_text(json.dumps(chosen))
    lacking = Pass("OnnxPeepholeOptimizer", ("*",), ("*",), False, ("onnxoptimizer",))
    made, notes = auto.read(tmp_path, [lacking])
    assert workflows.pass_types(made) == ("OnnxDynamicQuantization",)
    assert made["input_model"]["model_path"] == workflows.SOURCE
    assert "no_artifacts" not in made
    assert notes == ("OnnxPeepholeOptimizer is left out: onnxoptimizer is not installed.",)
    with pytest.raises(JobFailed):
        auto.read(tmp_path / "nowhere", [])
    with pytest.raises(BadInput, match="INT8_DYNAMIC"):
        auto.arguments(request(), "cpu", tmp_path)
