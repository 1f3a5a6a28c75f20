"""A certified measurement is repeated for real, by the rules of the certificate."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.actions.assess import assess
from backends.actions.certificate import certify, rerun
from backends.actions.compare import Comparison, compare
from backends.actions.convert import original
from backends.actions.quantize import quantize
from backends.benchmarking.protocol import Protocol
from backends.domain.errors import BadInput
from backends.jobs.context import Context
from backends.storage.history import History
from backends.storage.paths import app_paths, resources

SHORT = Protocol(looks=(6,), idle_s=0.0, arm_s=0.2)


@pytest.mark.timeout(900)
def test_what_was_certified_is_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWRIGHT_HOME", str(tmp_path / "home"))
    job, history = Context(lambda _: None), History(app_paths().history)
    source = assess(resources() / "models" / "edgewright-digits", job)
    made = quantize(source, "onnxruntime", "INT8_STATIC", tmp_path / "made", job, {})
    before = compare(Comparison(source, original(source, job), (made,), SHORT), job, history)
    paper = tmp_path / "certificate.json"
    certify(before.run_id, paper, history)

    found = rerun(paper, [tmp_path / "made"], job, history)

    assert found.record.run_id != before.run_id
    assert history.run(found.record.run_id).state == "finished"
    assert before.setup is not None
    assert found.record.setup is not None
    assert (found.record.setup.looks, found.record.setup.arm_s) == (before.setup.looks, before.setup.arm_s)
    assert found.record.setup.hashes == before.setup.hashes
    scored = [one.quality for one in before.results], [one.quality for one in found.record.results]
    assert scored[0] == scored[1], "the same answers to the same questions"
    assert any("inferences" in one.sentence or "speed" in one.sentence.lower() for one in found.agreements)

    weights = next(file for file in (tmp_path / "made").rglob("*.onnx"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x00\x01")
    with pytest.raises(BadInput, match="changed"):
        rerun(paper, [tmp_path / "made"], job, history)
