"""Where a converter refuses a model, the next road is taken; where none is left all that was said is told."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from backends.actions import convert as converting
from backends.actions import roads, walking
from backends.actions.convert import convert, form_of
from backends.actions.roads import another_road
from backends.domain.artifact import Artifact, Option
from backends.domain.errors import (
    BadInput,
    FrameworkUnavailable,
    JobFailed,
    NoRoom,
    WorkerDied,
    WorkerKilled,
)
from backends.domain.events import Event, Failed, Log
from backends.domain.model import ModelFormat, ModelKind, SourceModel, TensorContents
from backends.jobs.context import Context
from backends.jobs.outcome import as_error, as_event

OPENVINO = ModelFormat.OPENVINO
MADE = cast(Artifact, object())


@pytest.fixture
def source() -> SourceModel:
    contents = SimpleNamespace(parameters=10**6, weight_bytes=2 * 10**6)
    profile = SimpleNamespace(kind=ModelKind.LANGUAGE, contents=contents, format=ModelFormat.HUGGING_FACE)
    return SourceModel("tiny", cast(Any, profile), {ModelFormat.HUGGING_FACE: Path("tiny")})


def refusing(
    monkeypatch: pytest.MonkeyPatch, words: Mapping[str, BadInput | JobFailed], missing: tuple[str, ...] = ()
) -> list[str]:
    """All converters are there but ``missing``; those named in ``words`` refuse. Returns the roads taken."""
    walked: list[str] = []

    def walk(
        source: SourceModel, road: Any, job: object, wheels: object, options: Mapping[str, Option]
    ) -> Artifact:
        walked.append(road.text)
        for step in road.steps:
            if step.converter.name in words:
                raise walking.Refused(step.converter, words[step.converter.name])
        return MADE

    gone = SimpleNamespace(framework="olive", reason="not installed", remedy="Install it.")
    monkeypatch.setattr(converting, "walk", walk)
    monkeypatch.setattr(roads, "waiting_s", lambda: dict[str, float]())
    monkeypatch.setattr(roads, "missing", lambda one: (gone,) if one.framework in missing else ())
    return walked


def test_another_road_is_taken_and_announced(source: SourceModel, monkeypatch: pytest.MonkeyPatch) -> None:
    walked = refusing(monkeypatch, {"hf-openvino": BadInput("optimum-intel knows it not.")})
    heard: list[Event] = []
    assert form_of(source, (OPENVINO,), Context(heard.append)) is MADE
    assert walked == ["Hugging Face → OpenVINO", "Hugging Face → ONNX → OpenVINO"]
    (said,) = [event.text for event in heard if isinstance(event, Log)]
    assert "knows it not. Trying Hugging Face → ONNX → OpenVINO" in said


def test_what_is_told_is_the_road_that_was_walked(
    source: SourceModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    refusing(monkeypatch, {"hf-openvino": BadInput("No.")})
    kept = tmp_path / "kept"
    kept.mkdir()
    monkeypatch.setattr(converting, "save_artifact", lambda *_: None)
    monkeypatch.setattr(converting, "walk", reaching(converting.walk, kept))
    found = convert(source, OPENVINO, tmp_path / "out", Context(lambda event: None))
    assert [form.value for form in found.road.formats] == ["hf", "onnx", "openvino"]
    assert found.artifact.path == tmp_path / "out" / "model.xml"


def reaching(walk: Any, kept: Path) -> Any:
    """The same with an artifact whose file lies in ``kept``."""

    def walked(*given: Any) -> Artifact:
        walk(*given)
        contents = TensorContents({}, 0, 0, 0.0)
        model = (kept / "model.xml", 0, contents, Path("tiny"))
        return Artifact("tiny", "openvino", "FP32", OPENVINO, ModelKind.LANGUAGE, *model)

    return walked


def test_options_nobody_on_the_road_takes_are_refused(
    source: SourceModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    walked = refusing(monkeypatch, {})
    for target, named in ((ModelFormat.GGUF, "Hugging Face → GGUF"), (ModelFormat.MLX, "MLX")):
        with pytest.raises(BadInput, match="anything") as caught:
            convert(source, target, tmp_path / "out", Context(lambda event: None), options={"anything": 1})
        assert named in caught.value.message
    assert not walked and not (tmp_path / "out").exists()


def test_a_road_that_would_ignore_options_is_no_other_road(
    source: SourceModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing(monkeypatch, {})
    refused = ["hf-openvino"]
    assert another_road(source, (OPENVINO,), refused, {}) is not None
    assert another_road(source, (OPENVINO,), refused, {"anything": 1}) is None


def test_where_all_refuse_everything_is_said(source: SourceModel, monkeypatch: pytest.MonkeyPatch) -> None:
    words = {"hf-openvino": BadInput("One.", "Do this."), "hf-onnx": JobFailed("Two.", "Do that.", "trace")}
    walked = refusing(monkeypatch, words)
    with pytest.raises(BadInput) as caught:
        form_of(source, (OPENVINO,), Context(lambda event: None))
    assert (caught.value.message, caught.value.remedy) == ("One. Two.", "Do this.")
    assert len(walked) == 2


def test_nothing_is_installed_for_another_road(source: SourceModel, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = JobFailed("One.", "Do this.", "trace")
    walked = refusing(monkeypatch, {"hf-openvino": refused}, missing=("olive",))
    with pytest.raises(JobFailed) as caught:
        form_of(source, (OPENVINO,), Context(lambda event: None))
    assert caught.value is refused
    assert len(walked) == 1


def test_the_first_road_waits_for_its_environment(
    source: SourceModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked = refusing(monkeypatch, {}, missing=("optimum",))
    with pytest.raises(FrameworkUnavailable, match="Install it"):
        form_of(source, (OPENVINO,), Context(lambda event: None))
    assert not walked


@pytest.mark.parametrize(
    "error",
    [NoRoom("The disk is full."), WorkerKilled("Killed."), as_error(cast(Failed, as_event(MemoryError())))],
    ids=lambda error: type(error).__name__,
)
def test_for_want_of_room_no_other_road_is_tried(
    source: SourceModel, monkeypatch: pytest.MonkeyPatch, error: JobFailed
) -> None:
    tried = stopping(monkeypatch, error)
    with pytest.raises(JobFailed) as caught:
        form_of(source, (OPENVINO,), Context(lambda event: None))
    assert caught.value is error and tried == ["hf-openvino"]


@pytest.mark.parametrize(
    "error",
    [BadInput("It is unknown."), JobFailed("Another model."), WorkerDied("A crash.")],
    ids=lambda error: type(error).__name__,
)
def test_what_a_model_is_refused_for_leads_to_another_road(
    source: SourceModel, monkeypatch: pytest.MonkeyPatch, error: BadInput | JobFailed
) -> None:
    tried = stopping(monkeypatch, error)
    with pytest.raises((BadInput, JobFailed)):
        form_of(source, (OPENVINO,), Context(lambda event: None))
    assert tried == ["hf-openvino", "hf-onnx"]


def stopping(monkeypatch: pytest.MonkeyPatch, error: Exception) -> list[str]:
    """Every converter fails with ``error``. Returns the names of those that were tried."""
    tried: list[str] = []

    def go(walker: Any) -> None:
        tried.append(walker.step.converter.name)
        raise error

    monkeypatch.setattr(roads, "waiting_s", lambda: dict[str, float]())
    monkeypatch.setattr(roads, "missing", lambda one: ())
    monkeypatch.setattr(walking._Walker, "go", go)
    monkeypatch.setattr(walking._Place, "start", lambda *_: None)
    monkeypatch.setattr(walking, "calibrated", lambda *_: nullcontext())
    return tried
