"""A framework that leaks, crashes at a load, forgets itself or yields NaN fails the stress gate, and why."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from backends.actions.stress import Room, TokenInputs, stress
from backends.domain.artifact import Artifact, Configuration, LoadOptions, Option
from backends.domain.errors import JobCancelled
from backends.domain.events import Progress
from backends.domain.gate import GateResult, Verdict
from backends.domain.metric import TokenWorkload
from backends.domain.model import ModelFormat, ModelKind, TensorContents
from backends.domain.result import ConfigurationResult, StressRun
from backends.jobs.context import CancelToken, Context
from backends.jobs.pausing import Pausable
from backends.optimization.gates import Evidence, evaluate
from backends.optimization.stress import StressPlan

pytestmark = [
    pytest.mark.usefixtures("faulty_framework"),
    pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals"),
]
PLAN = StressPlan(sessions=2, loads=6, context=64, new_tokens=4)
WORK = TokenWorkload(tuple(range(40)), 4)


def configuration(tmp_path: Path, **options: Option) -> Configuration:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"made")
    contents = TensorContents({"F32": 1}, 1, 4, 32.0)
    kind, form = ModelKind.LANGUAGE, ModelFormat.GGUF
    made = Artifact("made", "faulty", "ok", form, kind, path, 4, contents, path, options=options)
    return Configuration(made, LoadOptions(context=64))


def stressed(asked: Configuration, room: Room | None = None) -> tuple[StressRun, GateResult]:
    run = stress(asked, TokenInputs(WORK, 4), PLAN, room or Room(), Context(lambda event: None))
    gates = evaluate(Evidence(ConfigurationResult(asked, stress=run), stress=run.findings))
    return run, next(found for found in gates if found.gate.name == "stress")


def test_a_sound_framework_passes(tmp_path: Path) -> None:
    run, gate = stressed(configuration(tmp_path))
    assert gate.verdict is Verdict.PASS
    assert run.sessions == 2 and run.loads == len(run.peaks_bytes) >= 6 and run.context == 64
    assert {finding.name for finding in run.findings} == {
        "repeated loading",
        "concurrent sessions",
        "long context",
        "finite outputs",
        "memory growth",
    }


def test_every_step_waits_while_the_user_has_paused(tmp_path: Path) -> None:
    gates: list[str] = []
    told: list[str] = []
    job = Context(lambda event: told.append(event.what) if isinstance(event, Progress) else None)
    asked = configuration(tmp_path)
    stress(asked, TokenInputs(WORK, 4), PLAN, Room(), Pausable(job, lambda: gates.append(told[-1])))
    steps = {what.partition("stress, ")[2] for what in gates}
    assert steps == {"repeated loading", "concurrent sessions", "long context"}
    assert len(gates) >= 3 + PLAN.loads, "at every load, too"


def test_a_leak_fails_the_gate(tmp_path: Path) -> None:
    run, gate = stressed(configuration(tmp_path, leaks_bytes=12_000_000))
    assert gate.verdict is Verdict.FAIL
    assert run.growth is not None and run.growth.low > 8_000_000
    assert run.loads == 18, "it was given the chance to stop growing"
    assert "counts as growing" in gate.evidence


def test_a_crash_at_a_load_fails_the_gate_and_says_which(tmp_path: Path) -> None:
    run, gate = stressed(configuration(tmp_path, dies_at_load=4))
    assert gate.verdict is Verdict.FAIL
    assert "Load 4 in one process failed" in gate.evidence and "aborted" in gate.evidence
    assert len(run.peaks_bytes) == 2


def test_nan_fails_the_gate(tmp_path: Path) -> None:
    _, gate = stressed(configuration(tmp_path, logits="nan"))
    assert gate.verdict is Verdict.FAIL and "NaN" in gate.evidence


def test_other_answers_after_a_reload_fail_the_gate(tmp_path: Path) -> None:
    _, gate = stressed(configuration(tmp_path, measure="drift"))
    assert gate.verdict is Verdict.FAIL and "differ" in gate.evidence


def test_dying_while_it_works_fails_every_check(tmp_path: Path) -> None:
    run, gate = stressed(configuration(tmp_path, measure="segv"))
    assert gate.verdict is Verdict.FAIL
    assert [finding.passed for finding in run.findings[:3]] == [False, False, False]


def test_memory_for_one_session_only_is_no_verdict(tmp_path: Path) -> None:
    run, gate = stressed(configuration(tmp_path), Room(free_bytes=100, peak_bytes=80))
    assert run.sessions == 1
    assert gate.verdict is Verdict.INCONCLUSIVE and "one session only" in gate.evidence


def test_cancelling_leaves_nothing(tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(JobCancelled):
        stress(
            configuration(tmp_path), TokenInputs(WORK, 4), PLAN, Room(), Context(lambda event: None, token)
        )
