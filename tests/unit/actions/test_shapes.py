"""Making a shape: room is looked for first, a cancel leaves nothing, and nothing is scored afterwards."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backends.actions import material, shapes
from backends.actions.artifacts import load_artifact, original_artifact, save_artifact
from backends.benchmarking.protocol import QUICK
from backends.domain.artifact import Configuration
from backends.domain.errors import BadInput, JobCancelled, JobFailed
from backends.domain.events import Event, Progress
from backends.domain.gate import Verdict
from backends.domain.model import ModelFormat
from backends.domain.result import ConfigurationResult
from backends.frameworks import registry
from backends.jobs.context import CancelToken, Context
from backends.optimization.gates import Evidence, evaluate
from backends.recommendation.ranking import recommend
from backends.sources.shapes import Shape
from backends.storage.paths import resources
from tests.unit.samples import machine
from tests.unit.sources.test_shapes import TINY

SHAPE = Shape("tiny", TINY)


def test_the_progress_ends_at_one_and_the_files_are_there(tmp_path: Path) -> None:
    events: list[Event] = []
    source = shapes.make(SHAPE, tmp_path / "tiny", Context(events.append))
    shares = [event.fraction for event in events if isinstance(event, Progress) and event.fraction]
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1.0)
    assert source.profile.shape_only and source.forms == {ModelFormat.HUGGING_FACE: tmp_path / "tiny"}


def test_a_cancel_leaves_nothing(tmp_path: Path) -> None:
    token = CancelToken()
    with pytest.raises(JobCancelled):
        shapes.make(SHAPE, tmp_path / "tiny", Context(lambda event: token.cancel(), token))
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_room_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shapes.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1_000})())
    with pytest.raises(JobFailed, match="free"):
        shapes.make(SHAPE, tmp_path / "tiny", Context(lambda event: None))
    assert list(tmp_path.iterdir()) == []


def test_what_the_window_made_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWRIGHT_HOME", str(tmp_path / "home"))
    job = Context(lambda event: None)
    made = shapes.kept(SHAPE, job)
    weights = made.profile.path / "model.safetensors"
    written = weights.stat().st_mtime_ns
    assert shapes.kept(SHAPE, job) == made
    assert weights.stat().st_mtime_ns == written
    wider = Shape("tiny", {**TINY, "intermediate_size": 256})
    assert shapes.kept(wider, job).profile.path != made.profile.path


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model_type": "own", "auto_map": {"AutoModel": "x.Y"}}, "remote code"),
        ({"vocab_size": 300}, "too small"),
    ],
)
def test_a_configuration_is_refused_before_a_folder_is_made(
    changes: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({**TINY, **changes}))
    with pytest.raises(BadInput, match=sentence):
        shapes.find_shape(str(tmp_path))


def test_a_shape_leaves_the_code_behind_that_it_does_not_need(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({**TINY, "auto_map": {"AutoModel": "x.Y"}}))
    assert shapes.find_shape(str(tmp_path)).config == TINY


def test_every_shape_is_held_against_this_machines_memory() -> None:
    offers = shapes.offers(machine(16))
    assert offers[0].fit.fits and not offers[-1].fit.fits
    assert all(offer.fit.total_bytes > offer.size_bytes == 2 * offer.parameters for offer in offers)


def test_no_quality_is_expected_of_random_weights(tmp_path: Path) -> None:
    source = shapes.make(SHAPE, tmp_path / "tiny", Context(lambda event: None))
    source = replace(source, forms={ModelFormat.GGUF: Path("m.gguf")})
    from backends.actions.recommend import rule_book
    from backends.frameworks.base import Availability

    manifests = [registry.manifest("llamacpp")]
    there = {"llamacpp": Availability("llamacpp", True)}
    found = recommend(source, machine(), manifests, there, rule_book())
    assert {candidate.expected_quality for candidate in found.candidates} == {(0.0, 1.0)}


class _Engine:
    """Splits text and can do nothing else: scoring it would fail."""

    def tokenize(self, texts: list[str]) -> list[list[int]]:
        return [list(range(2000)) for _ in texts]


def test_there_is_something_to_time_and_nothing_to_score(tmp_path: Path) -> None:
    source = shapes.make(SHAPE, tmp_path / "tiny", Context(lambda event: None))
    gguf = {ModelFormat.GGUF: tmp_path / "m.gguf"}
    original = original_artifact(
        replace(source, forms=gguf), lambda path: replace(source, profile=replace(source.profile, path=path))
    )
    assert original.shape_only
    job = Context(lambda event: None)
    found = material.prepare_material(source, original, _Engine(), QUICK, 1024, tmp_path, job)  # type: ignore[arg-type]
    assert not found.can_be_scored
    assert found.notes == (material.SHAPE_ONLY,)


def test_the_quality_gate_says_why_it_was_not_measured(tmp_path: Path) -> None:
    source = shapes.make(SHAPE, tmp_path / "tiny", Context(lambda event: None))
    read = replace(source, forms={ModelFormat.GGUF: tmp_path})
    artifact = replace(original_artifact(read, lambda path: source), original=False)
    gates = evaluate(Evidence(ConfigurationResult(Configuration(artifact))))
    assert (gates[0].gate.name, gates[0].verdict) == ("accuracy", Verdict.NOT_MEASURED)
    assert "random" in gates[0].evidence


def test_an_artifact_keeps_the_mark_in_its_description(tmp_path: Path) -> None:
    made = load_artifact(resources() / "models" / "edgewright-digits")
    model = tmp_path / made.path.name
    model.write_bytes(made.path.read_bytes())
    save_artifact(tmp_path, replace(made, path=model, shape_only=True))
    assert load_artifact(tmp_path).shape_only
