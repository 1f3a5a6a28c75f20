"""Optimizing in stages for real: stored as it goes, cut off and resumed, and ended with papers that hold."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from backends import cli
from backends.actions.acceleration import SEARCH_S
from backends.actions.assess import assess
from backends.actions.certificate import verify_certificate
from backends.actions.compare import Comparison
from backends.actions.convert import original
from backends.actions.optimize import choose, optimize, resume
from backends.actions.pipeline import Optimization
from backends.domain.errors import BadInput, JobCancelled
from backends.domain.gate import Verdict
from backends.domain.result import Stage
from backends.frameworks import registry
from backends.jobs.context import CancelToken, Context
from backends.optimization.gates import default_gates, with_thresholds
from backends.optimization.stress import StressPlan
from backends.storage.history import History
from backends.storage.paths import resources
from backends.workflow.wizard import Choice
from tests.unit.cli.test_cli import check

DIGITS = resources() / "models" / "edgewright-digits"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEWRIGHT_HOME", str(tmp_path / "home"))
    return tmp_path


def quiet(token: CancelToken | None = None) -> Context:
    return Context(lambda event: None, token)


def wanted(folder: Path) -> Optimization:
    source = assess(DIGITS, quiet())
    gates = with_thresholds(default_gates(), {"inference_speed": 0.01, "stability": 5.0})
    comparison = Comparison(source, original(source, quiet()), (), gates=gates, stress=StressPlan(loads=5))
    return Optimization(comparison, (Choice("onnxruntime", "INT8_STATIC"),), folder)


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.timeout(1500)
def test_cut_off_resumed_certified(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(SEARCH_S, "quick", 10.0)  # a few settings are enough to have a stage of them
    history = History(home / "home" / "data" / "history.sqlite3")
    token, runs, seen = CancelToken(), list[str](), list[str]()

    def stop_after_quantization(stage: Stage) -> None:
        seen.append(stage.name)
        if stage.name == "quantization":
            token.cancel()

    asked = wanted(home / "made")
    with pytest.raises(JobCancelled):
        optimize(asked, quiet(token), history, stop_after_quantization, runs.append)
    (run_id,) = runs
    cut = history.run(run_id)
    assert cut.state == "cancelled" and [stage.name for stage in cut.stages] == seen
    assert seen == ["baseline", "conversion", "quantization"]

    report, paper = home / "report.html", home / "certificate.json"
    papers = ("--report", str(report), "--certificate", str(paper))
    assert cli.main(("optimize", "--resume", run_id, *papers, "--json")) == 0
    document = check("optimize", capsys.readouterr().out)
    assert [stage["name"] for stage in document["stages"]] == [*seen, "acceleration", "validation"]
    record = history.run(run_id)
    assert record.stages[:3] == cut.stages, "what was decided is not measured again"
    assert record.setup is not None and record.setup.thresholds["inference_speed"] == 0.01
    assert record.setup.choices == (("onnxruntime", "INT8_STATIC"),)

    (best,) = (one for one in record.results if not one.configuration.artifact.original)
    gates = {gate.gate.name: gate for gate in best.gates}
    assert best.stress is not None and best.stress.loads >= 5 and best.stress.sessions == 2
    assert gates["stress"].verdict in (Verdict.PASS, Verdict.INCONCLUSIVE)
    assert gates["inference_speed"].gate.threshold == 0.01
    stages_kept = {reading.comparison.partition(":")[0] for reading in record.readings}
    assert {"baseline", "quantization"} <= stages_kept, "raw samples of every stage are kept"

    page = report.read_text(encoding="utf-8")
    assert "<h2>Stages</h2>" in page and "Quantization" in page and "edgewright optimize" in page
    certificate = verify_certificate(paper, [home / "made", DIGITS])
    assert certificate.intact and not certificate.problems
    assert certificate.certificate is not None and len(certificate.certificate.record.stages) >= 5
    with pytest.raises(BadInput, match="finished"):
        resume(run_id, quiet(), history)


def test_a_run_of_what_has_changed_is_not_resumed(home: Path) -> None:
    history = History(home / "history.sqlite3")
    run_id = history.start("x", request={"optimization": {}})
    with pytest.raises(BadInput, match="running"):
        resume(run_id, quiet(), history)
    other = history.start("y")
    history.finish(other, "interrupted")
    with pytest.raises(BadInput, match="no optimization in stages"):
        resume(other, quiet(), history)


def test_what_is_named_is_checked_before_anything_runs(home: Path) -> None:
    source = assess(DIGITS, quiet())
    assert choose(source, quiet(), "openvino") == (Choice("openvino", "INT8_PTQ"),)
    assert choose(source, quiet(), "onnxruntime", "int8_static") == (Choice("onnxruntime", "INT8_STATIC"),)
    with pytest.raises(BadInput, match="Q9"):
        choose(source, quiet(), "openvino", "Q9")
    with pytest.raises(BadInput, match="of which framework"):
        choose(source, quiet(), precision="INT8")


@pytest.mark.real
def test_what_needs_calibration_is_proposed_only_with_data(home: Path) -> None:
    source = assess(DIGITS, quiet())
    assert source.calibration is not None
    bare = replace(source, calibration=None)
    for choice in choose(bare, quiet(), candidates=9):
        spec = registry.manifest(choice.framework).precision(choice.precision)
        assert spec is not None and not spec.needs_calibration
    assert len(choose(source, quiet(), candidates=9)) >= 2
    assert len(choose(source, quiet())) == 1


def test_the_command_line_says_what_is_missing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(("optimize",)) == 2
    assert "--resume" in capsys.readouterr().err
    assert cli.main(("optimize", str(DIGITS), "--framework", "openvino", "--gate", "beauty=1", "--json")) == 2
    assert "beauty" in json.loads(capsys.readouterr().out)["error"]["message"]
    assert cli.main(("optimize", str(DIGITS), "--framework", "openvino", "--gate", "memory")) == 2
    assert "NAME=VALUE" in capsys.readouterr().err
