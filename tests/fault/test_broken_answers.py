"""A model that answers with NaN is timed, fails its quality gate with the reason, and is not recommended."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from backends.actions.compare import Comparison, compare
from backends.actions.measuring import OFF
from backends.actions.report import account_of
from backends.benchmarking.protocol import Protocol
from backends.codec import from_plain, to_plain
from backends.domain.artifact import Artifact, Option
from backends.domain.gate import Verdict
from backends.domain.model import ModelFormat, ModelKind, ModelProfile, SourceModel, TensorContents
from backends.domain.result import RunRecord
from backends.jobs.context import Context
from backends.reporting.report import html_report
from backends.storage.history import History

pytestmark = [
    pytest.mark.usefixtures("faulty_framework"),
    pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals"),
]
BRISK = Protocol(32, 64, looks=(6,), idle_s=0.0, arm_s=0.01, token_arm_s=0.01, warm_up_s=0.01)
CONTENTS = TensorContents({"F32": 1}, 1, 4, 32.0)


def made(folder: Path, name: str, original: bool = False, **options: Option) -> Artifact:
    path = folder / f"{name}.gguf"
    path.write_bytes(b"made")
    form, kind = ModelFormat.GGUF, ModelKind.LANGUAGE
    return Artifact(name, "faulty", name, form, kind, path, 4, CONTENTS, path, original, options=options)


@pytest.fixture
def compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., RunRecord]:
    monkeypatch.setenv("EDGEWRIGHT_HOME", str(tmp_path / "home"))
    first = made(tmp_path, "whole", original=True)
    profile = ModelProfile(
        first.path, first.format, first.kind, "llama", "made", 4, CONTENTS, "F32", context_length=128
    )
    source = SourceModel("made", profile, {first.format: first.path})

    def run(**candidates: dict[str, Option]) -> RunRecord:
        artifacts = tuple(made(tmp_path, name, **options) for name, options in candidates.items())
        wanted = Comparison(source, first, artifacts, BRISK, context=128, energy=OFF)
        return compare(wanted, Context(lambda event: None), History(tmp_path / "history.sqlite3"))

    return run


def test_nan_fails_the_quality_gate_and_is_not_recommended(compared: Callable[..., RunRecord]) -> None:
    record = compared(broken={"logits": "nan"}, sound={})
    _, broken, sound = record.results
    assert "NaN" in broken.quality_failure and broken.rates, "it was timed all the same"
    gate = next(one for one in broken.gates if one.gate.name == "top1_agreement")
    assert gate.verdict is Verdict.FAIL and "NaN" in gate.evidence
    assert not sound.quality_failure and sound.fidelity is not None

    account = account_of(record)
    assert account.pick is not None and account.pick.label != broken.label
    assert "NaN" in html_report(account)
    stored = to_plain(record)
    assert from_plain(stored, RunRecord).results[1].quality_failure == broken.quality_failure
    del stored["results"][1]["quality_failure"]  # as runs of earlier versions are
    assert from_plain(stored, RunRecord).results[1] == replace(broken, quality_failure="")


def test_where_every_candidate_is_broken_the_original_stays(compared: Callable[..., RunRecord]) -> None:
    record = compared(broken={"logits": "nan"})
    pick = account_of(record).pick
    assert pick is not None and pick.label == record.results[0].label
    assert "could not be judged" in pick.reason
