"""Optimizing in stages as actions for the runner, and the stages in words and bars. Knows no widgets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

from backends.domain.artifact import CPU
from backends.domain.gate import Verdict
from backends.domain.model import SourceModel
from backends.domain.result import RESUMABLE, RunRecord, Stage
from backends.frameworks.base import JobContext
from backends.optimization.stages import Link, Outcome, Step, main_comparison, waterfall
from backends.recommendation.ranking import Weights
from backends.storage.history import History
from backends.storage.paths import app_paths
from backends.workflow.wizard import Choice
from gui.charts.bar_chart import Bar
from gui.charts.waterfall_chart import Fall
from gui.theme.hues import ORIGINAL, Hue
from gui.theme.tone import Tone
from gui.widgets import units
from gui.wizard.pages.measured_words import verdict_chip

MIB = 2**20

_STEPS: Mapping[str, object] = {
    Step.BASELINE: QT_TRANSLATE_NOOP("Stages", "Baseline"),
    Step.CONVERSION: QT_TRANSLATE_NOOP("Stages", "Conversion"),
    Step.QUANTIZATION: QT_TRANSLATE_NOOP("Stages", "Quantization"),
    Step.ACCELERATION: QT_TRANSLATE_NOOP("Stages", "Acceleration"),
    Step.VALIDATION: QT_TRANSLATE_NOOP("Stages", "Validation"),
}
_MEANS: Mapping[str, object] = {
    Step.BASELINE: QT_TRANSLATE_NOOP("Stages", "The model as it is; everything is held against it."),
    Step.CONVERSION: QT_TRANSLATE_NOOP("Stages", "The same weights in the framework's own format."),
    Step.QUANTIZATION: QT_TRANSLATE_NOOP("Stages", "Fewer bits a weight; quality is judged."),
    Step.ACCELERATION: QT_TRANSLATE_NOOP("Stages", "Threads, caches and hints are searched."),
    Step.VALIDATION: QT_TRANSLATE_NOOP("Stages", "All of it against the original, with stress and gates."),
}
_OUTCOMES: Mapping[str, tuple[object, Tone]] = {
    Outcome.KEPT: (QT_TRANSLATE_NOOP("Stages", "kept"), Tone.OK),
    Outcome.HELD: (QT_TRANSLATE_NOOP("Stages", "holds"), Tone.SOFT),
    Outcome.DROPPED: (QT_TRANSLATE_NOOP("Stages", "dropped"), Tone.WARN),
    Outcome.FAILED: (QT_TRANSLATE_NOOP("Stages", "failed"), Tone.BAD),
    Outcome.SKIPPED: (QT_TRANSLATE_NOOP("Stages", "not needed"), Tone.NEUTRAL),
}


@dataclass(frozen=True)
class Wish:
    """What the page starts. ``choices``: what to make; none: what is recommended, the best ``candidates``.

    ``threads``: to begin with; 0: the physical cores. ``weights``: what matters where it is recommended.
    """

    source: SourceModel
    choices: tuple[Choice, ...]
    target: str
    depth: str
    candidates: int = 1
    device: str = CPU
    threads: int = 0
    stress: bool = True
    weights: Weights | None = None


@dataclass(frozen=True)
class Ears:
    """What the worker's thread calls while it works."""

    on_start: Callable[[str], None]
    on_stage: Callable[[Stage], None]
    gate: Callable[[], None]


def optimize(wish: Wish, job: JobContext, history: History, ears: Ears) -> RunRecord:
    """Runs in the worker's thread, where the imports cost the window nothing."""
    from backends.actions import optimize as action
    from backends.actions.devices import check_device
    from backends.actions.pipeline import Optimization

    choices = _choices(wish, job)
    usual = action.comparison_at(wish.depth, wish.source, job)
    check_device(wish.device, (usual.original.framework, *(one.framework for one in choices)), job)
    stress = usual.stress if wish.stress else None
    comparison = replace(usual, device=wish.device, threads=wish.threads, stress=stress)
    wanted = Optimization(comparison, choices, app_paths().artifacts, wish.depth)
    return action.optimize(wanted, job, history, ears.on_stage, ears.on_start, ears.gate)


def _choices(wish: Wish, job: JobContext) -> tuple[Choice, ...]:
    from backends.actions.optimize import choose

    if not wish.choices:
        return choose(wish.source, job, target=wish.target, candidates=wish.candidates, weights=wish.weights)
    return tuple(
        found for one in wish.choices for found in choose(wish.source, job, one.framework, one.precision)
    )


def carry_on(run_id: str, job: JobContext, history: History, ears: Ears) -> RunRecord:
    from backends.actions import optimize as action

    return action.resume(run_id, job, history, ears.on_stage, ears.on_start, ears.gate)


def cut_off(model: str, history: History) -> str:
    """The newest run in stages of this model, where it ended early; "" for none."""
    history.mark_interrupted()
    for summary in history.runs():
        if summary.model == model and "optimization" in (history.request(summary.run_id) or {}):
            return summary.run_id if summary.state in RESUMABLE else ""
    return ""


def step_name(name: str) -> str:
    return _say(_STEPS[name]) if name in _STEPS else name.capitalize()


def step_means(name: str) -> str:
    return _say(_MEANS.get(name, ""))


def outcome_chip(verdict: str) -> tuple[str, Tone]:
    """Of a stage; of the validation it is the gravest verdict of its gates."""
    if verdict in _OUTCOMES:
        text, tone = _OUTCOMES[verdict]
        return _say(text), tone
    return verdict_chip(Verdict(verdict))


def falls(stages: Sequence[Stage]) -> list[Fall]:
    """Bars of the waterfall: each begins at what the kept stages before it had come to."""
    found: list[Fall] = []
    before = 1.0
    for link in waterfall(stages):
        start = 1.0 if link.stage.name == Step.VALIDATION else before
        if link.factor is not None and link.stage.name != Step.BASELINE:
            found.append(_fall(link, start))
        if link.stage.verdict == Outcome.KEPT and link.total is not None:
            before = link.total.estimate
    return found


def _fall(link: Link, start: float) -> Fall:
    factor, stage, result = link.factor, link.stage, link.stage.result
    assert factor is not None and result is not None
    chip, _ = outcome_chip(stage.verdict)
    counts = stage.verdict == Outcome.KEPT or stage.name == Step.VALIDATION
    spread = f"{factor.low:.2f}{units.DASH}{factor.high:.2f}"
    return Fall(
        step_name(stage.name),
        start,
        factor.estimate,
        factor.low,
        factor.high,
        _hue(stage),
        counts,
        f"{units.ratio(factor.estimate)} ({spread}), {chip}",
        f"{result.label}\n{stage.evidence[0]}",
    )


def size_bars(stages: Sequence[Stage]) -> list[Bar]:
    """The file of every stage that made one, in MiB."""
    made = [stage for stage in stages if stage.result is not None and stage.name != Step.VALIDATION]
    return [
        Bar(
            step_name(stage.name),
            (stage.result.configuration.artifact.size_bytes / MIB,),
            _hue(stage),
            units.size(stage.result.configuration.artifact.size_bytes),
            stage.result.label,
        )
        for stage in made
        if stage.result is not None
    ]


def memory_bars(stages: Sequence[Stage]) -> list[Bar]:
    """Peak memory of every stage that was measured, in MiB."""
    return [
        Bar(
            step_name(stage.name),
            (stage.result.memory.total_peak_bytes / MIB,),
            _hue(stage),
            units.size(stage.result.memory.total_peak_bytes),
            stage.result.label,
        )
        for stage in stages
        if stage.result is not None and stage.result.memory is not None
    ]


def _hue(stage: Stage) -> Hue:
    assert stage.result is not None
    artifact = stage.result.configuration.artifact
    return ORIGINAL if artifact.original else Hue(artifact.framework_title or artifact.framework)


def speed_title(stages: Sequence[Stage]) -> str:
    """The metric of the factors; decode unless told otherwise."""
    for stage in stages:
        found = main_comparison(stage.result) if stage.result else None
        if found is not None:
            return found.metric
    return ""


def _say(text: object) -> str:
    return QCoreApplication.translate("Stages", str(text))
