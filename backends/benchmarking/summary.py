"""From readings to results: pure, so stored readings give the same figures again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from backends.benchmarking import metrics, statistics
from backends.benchmarking.protocol import Plan
from backends.domain.artifact import Configuration
from backends.domain.energy import EnergyReading
from backends.domain.gate import Gate, Verdict
from backends.domain.metric import Interval, LoadedEngine, MemoryReading, StartUp
from backends.domain.result import Comparison, ConfigurationResult, Reading


@dataclass
class Notebook:
    """What became known of one configuration beside its readings."""

    engine: LoadedEngine | None = None
    memory: MemoryReading | None = None
    failure: str = ""
    energy: EnergyReading | None = None
    start_up: StartUp | None = None


@dataclass(frozen=True)
class Outcome:
    """All a benchmark found: results of the original and the candidates, in the plan's order."""

    results: tuple[ConfigurationResult, ...]
    readings: tuple[Reading, ...]
    notes: tuple[str, ...] = field(default_factory=tuple)


def summarise(
    plan: Plan, readings: Sequence[Reading], notebooks: Sequence[Notebook] | None = None
) -> tuple[ConfigurationResult, ...]:
    """Results in the plan's order, of a cancelled run too; what is missing stays out."""
    configurations = (plan.original, *plan.candidates)
    books = notebooks or [Notebook() for _ in configurations]
    return tuple(
        result_of(plan, label, configuration, readings, book)
        for label, configuration, book in zip(plan.labels, configurations, books, strict=True)
    )


def result_of(
    plan: Plan, label: str, configuration: Configuration, readings: Sequence[Reading], book: Notebook
) -> ConfigurationResult:
    """One configuration's figures, from all of its readings that are not void."""
    own = [r.measurement for r in readings if r.label == label and not r.void]
    figures = [metrics.figures(m) for m in own]
    latency = statistics.percentiles([gap for m in own for gap in metrics.latencies_s(m)])
    first_tokens = statistics.percentiles([f[metrics.TTFT] for f in figures if metrics.TTFT in f])
    return ConfigurationResult(
        configuration,
        engine=book.engine,
        rates=_rates(plan, figures),
        latency_p50_s=latency.p50 if latency else None,
        latency_p95_s=latency.p95 if latency else None,
        latency_p99_s=latency.p99 if latency else None,
        ttft_p50_s=first_tokens.p50 if first_tokens else None,
        memory=book.memory,
        energy=book.energy,
        start_up=book.start_up,
        comparisons=compare(plan, label, readings),
        failure=book.failure,
        label=label,
        variation=statistics.variation([metrics.main_rate(m) for m in own]),
    )


def compare(plan: Plan, label: str, readings: Sequence[Reading]) -> tuple[Comparison, ...]:
    """Every rate against every threshold at the last look whose pairs are all there.

    Empty before the first look, for the original, and where the original could not be run.
    """
    slots = {pair for pair, _ in _whole_pairs(readings, label)}
    looks = [look for look in plan.protocol.looks if slots.issuperset(range(look))]
    if not looks:
        return ()
    found = []
    for metric in metrics.rate_metrics(plan.workload):
        ratios = pair_ratios(readings, label, metric, before=looks[-1])
        interval = interval_of(plan, ratios)
        found += [_comparison(plan, label, metric, ratios, interval, t) for t in plan.thresholds]
    return tuple(found)


def pair_ratios(
    readings: Iterable[Reading], label: str, metric: str, before: int | None = None
) -> tuple[float, ...]:
    """Candidate ÷ original of each whole pair, repeats among them as pairs of their own.

    ``before``: only slots of a lower number, so that the pairs of a look are always the same ones.
    """
    return tuple(
        metrics.figures(own.measurement)[metric] / metrics.figures(original.measurement)[metric]
        for (pair, _), (own, original) in _whole_pairs(readings, label).items()
        if before is None or pair < before
    )


def interval_of(plan: Plan, ratios: Sequence[float]) -> Interval:
    rules = plan.protocol
    return statistics.ratio_interval(ratios, rules.confidence, rules.resamples, rules.seed)


def decided(comparisons: Sequence[Comparison]) -> bool:
    return all(c.verdict != Verdict.INCONCLUSIVE for c in comparisons)


def speed_groups(results: Iterable[ConfigurationResult], metric: str) -> tuple[tuple[str, ...], ...]:
    """Candidates in groups by their ratio to the original, fastest first; nothing is ranked within a group.

    Ratios, not rates: each candidate met the original in the same minutes, but not the other candidates.
    """
    ratios = {c.label: c.ratio for r in results for c in r.comparisons if c.metric == metric}
    return statistics.groups_told_apart(ratios)


def _comparison(
    plan: Plan, label: str, metric: str, ratios: Sequence[float], interval: Interval, threshold: float
) -> Comparison:
    verdict = Gate(metric, threshold, at_least=True, unit="×").judge(interval)
    missing = None
    if verdict is Verdict.INCONCLUSIVE:
        missing = statistics.more_pairs(ratios, threshold, plan.protocol.confidence)
    return Comparison(label, metric, interval, threshold, verdict, missing)


def _rates(plan: Plan, figures: Sequence[dict[str, float]]) -> dict[str, Interval]:
    rates = {}
    for metric in metrics.rate_metrics(plan.workload):
        seen = [f[metric] for f in figures]
        rates[metric] = statistics.rate_interval(seen, plan.protocol.resamples, plan.protocol.seed)
    return {metric: interval for metric, interval in rates.items() if interval is not None}


def _whole_pairs(readings: Iterable[Reading], label: str) -> dict[tuple[int, int], tuple[Reading, Reading]]:
    """(pair, repeat) -> the candidate's arm and the original's, in the order they were measured."""
    arms: dict[tuple[int, int], dict[bool, Reading]] = {}
    for reading in readings:
        if reading.comparison == label and not reading.void:
            arms.setdefault((reading.pair, reading.repeat), {})[reading.label == label] = reading
    return {key: (pair[True], pair[False]) for key, pair in arms.items() if len(pair) == 2}
