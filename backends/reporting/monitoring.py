"""What to watch once the recommended configuration is in use, with the figures of this run as the base."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backends.domain.result import ConfigurationResult
from backends.reporting import words
from backends.reporting.account import Account, label_of
from backends.reporting.figures import quality_kept

MARGIN = 0.20  # as the stability gate: what varies by more than this is no longer the same
MEMORY_MARGIN = 0.10
RECORD_FIRST = "Nothing in this run: record the first week as the base."


@dataclass(frozen=True)
class Watch:
    what: str
    base: str  # measured here
    alarm: str


def watched(account: Account) -> ConfigurationResult | None:
    """The recommended configuration, else the first that ran."""
    running = [one for one in account.candidates if not one.failure] or list(account.record.results[:1])
    wanted = account.pick.label if account.pick else None
    everyone = {label_of(one): one for one in account.record.results}
    return everyone.get(wanted or "") or next(iter(running), None)


def monitoring(account: Account) -> tuple[Watch, ...]:
    result = watched(account)
    if result is None:
        return ()
    return (*_speed(result), *_memory(result), *_quality(result), *_always())


def _speed(result: ConfigurationResult) -> Iterator[Watch]:
    for metric, value in result.rates.items():
        title, unit = words.RATES.get(metric, (metric, ""))
        figure = words.rate(value, unit)
        floor = words.number(value.low * (1 - MARGIN))
        yield Watch(f"Throughput: {title.lower()}", f"{figure.main} ({figure.note})", f"below {floor} {unit}")
    times = (
        ("Time to first token, p50", result.ttft_p50_s),
        ("Latency p50", result.latency_p50_s),
        ("Latency p95", result.latency_p95_s),
        ("Latency p99", result.latency_p99_s),
    )
    for title, seconds in times:
        if seconds is not None:
            limit = words.milliseconds(seconds * (1 + MARGIN)).main
            yield Watch(title, words.milliseconds(seconds).main, f"above {limit}")


def _memory(result: ConfigurationResult) -> Iterator[Watch]:
    if result.memory is not None:
        peak = result.memory.total_peak_bytes
        limit = words.mebibytes(peak * (1 + MEMORY_MARGIN))
        yield Watch("Peak memory", words.mebibytes(peak), f"above {limit}, or growing from day to day")


def _quality(result: ConfigurationResult) -> Iterator[Watch]:
    score, kept = result.quality, quality_kept(result)
    if score is not None and score.kind == "accuracy":
        figure = words.percent(score.accuracy)
        floor = f"{score.accuracy.low * 100:.1f} %"
        base = f"{figure.main} ({figure.note}) of {score.items:,} items"
        yield Watch("Accuracy drift: the same questions at every release", base, f"below {floor}")
    elif kept is not None:
        figure = words.percent(kept[1])
        floor = f"{kept[1].low * 100:.1f} %"
        yield Watch(f"Drift: {kept[0]}", f"{figure.main} ({figure.note})", f"below {floor}")


def _always() -> Iterator[Watch]:
    yield Watch("Confidence of the answers", RECORD_FIRST, "its distribution moves")
    yield Watch("Inputs: length, language, brightness", RECORD_FIRST, "their distribution moves")
    yield Watch("Errors and restarts", "None is expected.", "any: go back to the original model")
