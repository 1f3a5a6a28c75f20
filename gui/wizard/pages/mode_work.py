"""Sweeps, sustained runs and llama-bench as actions for the runner, and their documents as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QT_TRANSLATE_NOOP

from backends.benchmarking import metrics
from backends.domain.artifact import Artifact, LoadOptions
from backends.domain.metric import Interval
from backends.domain.model import ModelKind
from backends.frameworks.base import JobContext
from backends.storage.history import History
from gui.widgets import units
from gui.widgets.remedies import in_window
from gui.wizard.pages.measured_words import say

SWEEP, SUSTAINED, LLAMA_BENCH = "sweep", "sustained", "llama-bench"
SUSTAINED_S = 300.0
USUAL_CONTEXT, DEEP_CONTEXT = 1024, 8192  # tokens; never more than the model was made for

_MODES: Mapping[str, object] = {
    "threads": QT_TRANSLATE_NOOP("Modes", "Threads in steps"),
    "depth": QT_TRANSLATE_NOOP("Modes", "Context depth in steps"),
    "batch": QT_TRANSLATE_NOOP("Modes", "Batch size in steps"),
    "concurrency": QT_TRANSLATE_NOOP("Modes", "Sessions at once"),
    "streams": QT_TRANSLATE_NOOP("Modes", "Streams in one process"),
    SUSTAINED: QT_TRANSLATE_NOOP("Modes", "Five minutes without a break"),
    LLAMA_BENCH: QT_TRANSLATE_NOOP("Modes", "As llama-bench: pp512 and tg128"),
}
_AXES: Mapping[str, object] = {
    "threads": QT_TRANSLATE_NOOP("Modes", "threads"),
    "depth": QT_TRANSLATE_NOOP("Modes", "tokens before"),
    "batch": QT_TRANSLATE_NOOP("Modes", "samples a batch"),
    "concurrency": QT_TRANSLATE_NOOP("Modes", "sessions"),
    "streams": QT_TRANSLATE_NOOP("Modes", "streams"),
    SUSTAINED: QT_TRANSLATE_NOOP("Modes", "s"),
}


@dataclass(frozen=True)
class Wish:
    """``mode``: what is swept, or "sustained" or "llama-bench". ``trained_context`` in tokens."""

    artifact: Artifact
    mode: str
    trained_context: int | None = None


@dataclass(frozen=True)
class StepRow:
    """One step: its rate with a 95 % interval where there are readings enough; else why there is none."""

    name: str
    place: float
    rate: Interval | None
    doubts: tuple[str, ...] = ()
    failure: str = ""


@dataclass(frozen=True)
class Shown:
    """A document as the page shows it. ``best``: the value that is recommended."""

    title: str
    axis: str
    unit: str
    rows: tuple[StepRow, ...]
    sentence: str
    best: int | None = None
    is_curve: bool = True


def modes_for(artifact: Artifact) -> tuple[str, ...]:
    if artifact.kind is ModelKind.LANGUAGE:
        return ("threads", "depth", "concurrency", SUSTAINED, LLAMA_BENCH)
    return ("threads", "batch", "concurrency", "streams", SUSTAINED)


def mode_name(mode: str) -> str:
    return say(_MODES[mode])


def measure(wish: Wish, job: JobContext, history: History) -> dict[str, Any]:
    """Runs in the worker's thread, where the imports cost the window nothing. Returns the document."""
    from backends.actions.llama_bench import run_llama_bench
    from backends.actions.modes import Subject
    from backends.actions.sustained import run_sustained
    from backends.actions.sweep import run_sweep

    wanted = DEEP_CONTEXT if wish.mode == "depth" else USUAL_CONTEXT
    context = min(wanted, wish.trained_context or USUAL_CONTEXT)
    subject = Subject(wish.artifact, LoadOptions(context=context), job)
    if wish.mode == SUSTAINED:
        return run_sustained(subject, SUSTAINED_S, history)
    if wish.mode == LLAMA_BENCH:
        return run_llama_bench(subject, history)
    return run_sweep(subject, wish.mode, history)


def mode_of(document: Mapping[str, Any]) -> str:
    kind = str(document["kind"])
    return str(document["over"]) if kind == SWEEP else kind


def shown(document: Mapping[str, Any]) -> Shown:
    """``document`` as the history keeps it, of this version or an earlier one."""
    mode = mode_of(document)
    title = f"{mode_name(mode)} · {document['label']}"
    if mode == LLAMA_BENCH:
        return _llama_bench(document, title)
    unit = _unit(str(document["metric"]))
    if mode == SUSTAINED:
        return Shown(title, say(_AXES[mode]), unit, _readings(document["readings"]), _kept(document))
    rows = tuple(_step(point, str(document["metric"])) for point in document["points"])
    return Shown(title, say(_AXES[mode]), unit, rows, str(document["advice"]), document["best"])


def _unit(metric: str) -> str:
    if metric == metrics.INFERENCES:
        return say(QT_TRANSLATE_NOOP("Measured", "inf/s"))
    return say(QT_TRANSLATE_NOOP("Measured", "tok/s"))


def _step(point: Mapping[str, Any], metric: str) -> StepRow:
    rate = point["rates"].get(metric)
    return StepRow(
        f"{point['value']:,}",
        float(point["value"]),
        _interval(rate) if rate else None,
        tuple(point["flags"]),
        in_window(str(point["failure"])),
    )


def _readings(readings: Sequence[Mapping[str, Any]]) -> tuple[StepRow, ...]:
    """Single ones, so they have no interval of their own."""
    return tuple(StepRow(units.duration(one["t_s"]), one["t_s"], _point(one["rate"], 1)) for one in readings)


def _kept(document: Mapping[str, Any]) -> str:
    text = say(QT_TRANSLATE_NOOP("Modes", "In the last minute {0} of the first seconds' speed is left."))
    return text.format(units.percent(document["kept"], 1))


def _llama_bench(document: Mapping[str, Any], title: str) -> Shown:
    rows = []
    for number, one in enumerate(document["tests"]):
        mean, spread = one["avg_ts"], one["stddev_ts"] or 0.0
        between = Interval(mean, mean - spread, mean + spread, 0.68, len(one["samples_ts"]))
        rows.append(StepRow(str(one["test"]), float(number), between))
    note = say(
        QT_TRANSLATE_NOOP(
            "Modes", "By llama-bench's definitions, mean ± standard deviation: for comparison with it only."
        )
    )
    return Shown(title, "", say(QT_TRANSLATE_NOOP("Measured", "tok/s")), tuple(rows), note, is_curve=False)


def _interval(value: Mapping[str, Any]) -> Interval:
    return Interval(
        value["estimate"], value["low"], value["high"], value["confidence"], int(value["samples"])
    )


def _point(value: float, samples: int) -> Interval:
    return Interval(value, value, value, 0.0, samples)
