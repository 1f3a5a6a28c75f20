"""What the Result page says of a run, worked out once in a worker's thread. Knows no Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from backends.benchmarking import metrics, statistics
from backends.benchmarking.diagnosis import Case, Finding, diagnose
from backends.domain.gate import GateResult
from backends.domain.metric import MEMORY_TOLERANCE, Interval
from backends.domain.model import ModelKind
from backends.domain.result import ConfigurationResult, RunRecord
from backends.optimization import choosing, pareto
from backends.optimization.gates import Gates, default_gates, known_thresholds, with_thresholds
from gui.wizard.pages.entries import label_of

SPEED_GATES = {metrics.DECODE: "decode_speed", metrics.INFERENCES: "inference_speed"}


@dataclass(frozen=True)
class Point:
    """One configuration as the scatter shows it; what was not measured is ``None``."""

    result: ConfigurationResult
    speed: Interval | None  # against the original
    quality: Interval | None  # share of the original's
    pairs: int
    disturbed: int
    gates: tuple[GateResult, ...]
    findings: tuple[Finding, ...]

    @property
    def label(self) -> str:
        return label_of(self.result)

    @property
    def original(self) -> bool:
        return self.result.configuration.artifact.original

    @property
    def peak_bytes(self) -> int | None:
        return self.result.memory.total_peak_bytes if self.result.memory else None


@dataclass(frozen=True)
class Win:
    """``leaders`` cannot be told apart; ``told_apart``: they can from all others. ``others``: how many."""

    what: str  # a metric's name, "quality", "memory" or "size"
    leaders: tuple[str, ...]
    others: int
    value: Interval


@dataclass(frozen=True)
class RunReport:
    record: RunRecord
    kind: ModelKind
    points: tuple[Point, ...]  # the original first
    quality_kind: str  # a gate's name: "accuracy", "agreement", ...
    gates: Gates
    front: tuple[str, ...]
    recommended: str
    reason: str
    wins: tuple[Win, ...]

    @property
    def main(self) -> str:
        return metrics.DECODE if self.kind is ModelKind.LANGUAGE else metrics.INFERENCES

    @property
    def speed_threshold(self) -> float:
        return self.gates[SPEED_GATES[self.main]].threshold

    @property
    def quality_threshold(self) -> float:
        return self.gates[self.quality_kind].threshold

    def point(self, label: str) -> Point | None:
        return next((point for point in self.points if point.label == label), None)


def report_of(
    record: RunRecord, thresholds: Mapping[str, float], weights: Mapping[str, float] | None = None
) -> RunReport:
    """``thresholds``: of the settings, for runs that did not keep those they were judged by."""
    own = record.setup.thresholds if record.setup else {}
    gates = with_thresholds(default_gates(), known_thresholds(own or thresholds))
    results = sorted(record.results, key=lambda result: not result.configuration.artifact.original)
    kind = results[0].configuration.artifact.kind if results else ModelKind.TENSOR
    points = tuple(_point(result, record, gates) for result in results)
    front, best = _front(points), choosing.preferred(results, weights, _judged(points))
    return RunReport(
        record=record,
        kind=kind,
        points=points,
        quality_kind=_quality_kind(results),
        gates=gates,
        front=front,
        recommended=best.label if best else "",
        reason=best.reason if best else "",
        wins=tuple(_wins(points, kind)),
    )


def rejudged(found: GateResult, gates: Gates) -> GateResult:
    """The stored figure against the threshold that holds now.

    A verdict that did not follow from the figure alone (no better than guessing) stays as it is.
    """
    gate = gates.get(found.gate.name, found.gate)
    if found.value is None or found.verdict is not found.gate.judge(found.value):
        return found
    return replace(found, gate=gate, verdict=gate.judge(found.value))


def _point(result: ConfigurationResult, record: RunRecord, gates: Gates) -> Point:
    label = label_of(result)
    own = [r for r in record.readings if r.label == label and not r.void]
    case = Case(result, record.machine, record.readings) if record.machine else None
    return Point(
        result,
        choosing.speed_ratio(result),
        _quality(result),
        len({(r.comparison, r.pair, r.repeat) for r in own}),
        sum(bool(r.flags) for r in own),
        tuple(rejudged(found, gates) for found in result.gates),
        diagnose(case) if case else (),
    )


def _quality_kind(results: Sequence[ConfigurationResult]) -> str:
    kinds = (choosing.quality_kept(one) for one in results if not one.configuration.artifact.original)
    return next((kind[0] for kind in kinds if kind is not None), "accuracy")


def _quality(result: ConfigurationResult) -> Interval | None:
    if result.failure or result.configuration.artifact.original:
        return None if result.failure else choosing.EXACTLY_ONE
    kept = choosing.quality_kept(result)
    return kept[1] if kept else None


def _front(points: Sequence[Point]) -> tuple[str, ...]:
    """Of speed and quality, the two axes of the chart."""
    axes = ("speed", "quality")
    known = choosing.candidates_of([point.result for point in points], _judged(points))
    shown = [
        replace(one, figures={name: one.figures[name] for name in axes if name in one.figures})
        for one in known
    ]
    return pareto.pareto_front([one for one in shown if len(one.figures) == len(axes)]).labels


def _judged(points: Sequence[Point]) -> choosing.Judged:
    return {point.label: point.gates for point in points}


def _wins(points: Sequence[Point], kind: ModelKind) -> list[Win]:
    """Who leads in what. Speed and quality by interval; memory within its tolerance, and size is exact."""
    rates = (metrics.DECODE, metrics.PREFILL) if kind is ModelKind.LANGUAGE else (metrics.INFERENCES,)
    running = [point for point in points if not point.result.failure]
    by_interval = {rate: {p.label: choosing.speed_ratio(p.result, rate) for p in running} for rate in rates}
    by_interval["quality"] = {p.label: p.quality for p in running}
    found = [_lead(what, values) for what, values in by_interval.items()]
    peaks = {p.label: float(p.peak_bytes) for p in running if p.peak_bytes}
    sizes = {p.label: float(p.result.configuration.artifact.size_bytes) for p in running}
    found += [_least("memory", peaks, MEMORY_TOLERANCE), _least("size", sizes)]
    return [win for win in found if win is not None]


def _lead(what: str, values: Mapping[str, Interval | None]) -> Win | None:
    known = {label: value for label, value in values.items() if value is not None}
    if len(known) < 2:
        return None
    first = statistics.groups_told_apart(known)[0]
    best = max(first, key=lambda label: known[label].estimate)
    return Win(what, first, len(known) - len(first), known[best])


def _least(what: str, values: Mapping[str, float], tolerance: float = 0.0) -> Win | None:
    """``tolerance``: a share within which two values are not told apart."""
    if len(values) < 2:
        return None
    least = min(values.values())
    leaders = tuple(label for label, value in values.items() if value <= least * (1 + tolerance))
    return Win(what, leaders, len(values) - len(leaders), Interval(least, least, least, 1.0, 1))
