"""Sweeps: one thing changed in steps, everything else kept, all in turns. They advise and claim nothing.

Each step is measured in rounds, there and back, so that a drift of the machine hits all steps alike. A step
that cannot be run says why, and the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from backends.benchmarking import metrics, sampling, statistics, threads
from backends.benchmarking.clock import Clock
from backends.benchmarking.sampling import Limits, OpenSampler
from backends.domain.errors import BadInput, EdgewrightError
from backends.domain.events import Log, Progress, Sample, Started
from backends.domain.hardware import Conditions
from backends.domain.metric import Interval, Measurement
from backends.frameworks.base import JobContext

ROUNDS = 3
IDLE_S = 0.5
LATENCY_P50 = "latency_p50_s"
GAP_P50 = "gap_p50_s"


@dataclass(frozen=True)
class Step:
    """One value of what is swept. ``measure`` runs it once, while it is ``opened``.

    That makes it ready for one reading, and tells the processes that work meanwhile. Both may fail.
    """

    value: int
    measure: Callable[[], Sequence[Measurement]]
    opened: Callable[[], AbstractContextManager[tuple[int, ...]]] = lambda: nullcontext(())


@dataclass(frozen=True)
class SweepPoint:
    """``rates``: metric -> median of ``readings`` with a 95 % interval, of all sessions together."""

    value: int
    rates: Mapping[str, Interval] = field(default_factory=dict)
    readings: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    failure: str = ""


@dataclass(frozen=True)
class Sweep:
    """``best`` is the smallest value within 3 % of the highest rate; ``None`` where more is no choice."""

    over: str
    metric: str
    points: tuple[SweepPoint, ...]
    best: int | None
    advice: str

    def estimate(self, value: int) -> float:
        """Of the main rate."""
        found = next(point for point in self.points if point.value == value)
        return found.rates[self.metric].estimate


def figures(measurements: Sequence[Measurement]) -> dict[str, float]:
    """Of all sessions that worked at the same time: rates added, times as the slowest half sees them."""
    each = [metrics.figures(measurement) for measurement in measurements]
    found = {name: sum(one[name] for one in each) for name in each[0] if name != metrics.TTFT}
    if metrics.TTFT in each[0]:
        found[metrics.TTFT] = max(one[metrics.TTFT] for one in each)
    times = statistics.percentiles([t for one in measurements for t in metrics.latencies_s(one)])
    if times is not None:
        found[GAP_P50 if metrics.DECODE in each[0] else LATENCY_P50] = times.p50
    return found


def sweep(
    over: str,
    steps: Sequence[Step],
    clock: Clock,
    open_sampler: OpenSampler,
    job: JobContext,
    rounds: int = ROUNDS,
    limits: Limits | None = None,
) -> Sweep:
    """One unmeasured pass each, then the rounds. Raises BadInput for no steps, JobCancelled between two."""
    if not steps:
        raise BadInput(f"There is nothing to try for “{over}”.")
    job.emit(Started(f"Sweeping over {over}: {', '.join(str(step.value) for step in steps)}"))
    taker = _Taker(over, clock, open_sampler, job, limits or Limits(), rounds * len(steps))
    for sentence in sampling.survey(open_sampler, clock, taker.limits):
        job.emit(Log(sentence))
    for step in steps:
        taker.take(step, counted=False)
    for number in range(rounds):
        for step in steps if number % 2 == 0 else steps[::-1]:
            taker.take(step, counted=True)
    return summarised(over, [taker.point(step.value) for step in steps])


def summarised(over: str, points: Sequence[SweepPoint]) -> Sweep:
    """Raises BadInput where no step could be run, with the reason of the first."""
    rated = [point for point in points if point.rates]
    if not rated:
        raise BadInput(points[0].failure or f"No step over {over} could be measured.")
    metric = metrics.DECODE if metrics.DECODE in rated[0].rates else metrics.INFERENCES
    best = None
    if over != "depth":
        best = threads.recommend({point.value: point.readings[metric] for point in rated})
    return Sweep(over, metric, tuple(points), best, _advice(over, metric, rated, best))


def _advice(over: str, metric: str, rated: Sequence[SweepPoint], best: int | None) -> str:
    """One sentence on what to use, or on what depth costs."""
    rate = {point.value: point.rates[metric].estimate for point in rated}
    first, last = min(rate), max(rate)
    if over == "depth":
        return (
            f"Behind {last:,} tokens it decodes at {rate[last] / rate[first]:.0%} of the rate behind "
            f"{first:,}: {rate[last]:,.1f} against {rate[first]:,.1f} tokens/s."
        )
    assert best is not None
    other = first if best != first else last
    gain = rate[best] / rate[other] - 1
    if best == first and len(rate) > 1:
        return f"{over} = {best}: more brings less than 3 % (at {last}: {rate[last] / rate[best] - 1:+.0%})."
    return f"{over} = {best}: {gain:+.0%} over {other}."


class _Taker:
    """Measures single steps and keeps what came of them."""

    def __init__(
        self, over: str, clock: Clock, open_sampler: OpenSampler, job: JobContext, limits: Limits, total: int
    ) -> None:
        self.limits = limits
        self._over, self._clock, self._open_sampler, self._job = over, clock, open_sampler, job
        self._total, self._done = total, 0
        self._readings: dict[int, dict[str, list[float]]] = {}
        self._flags: dict[int, list[str]] = {}
        self._failures: dict[int, str] = {}
        self._warm: dict[int, Conditions] = {}  # in the unmeasured pass
        self._start_s = clock.now_s()

    def take(self, step: Step, counted: bool) -> None:
        if step.value in self._failures:
            return
        self._job.check_cancelled()
        try:
            with step.opened() as pids:
                self._clock.sleep_s(IDLE_S)
                measured, around = sampling.watch_all(self._open_sampler, pids, self._clock, step.measure)
        except EdgewrightError as error:
            self._failures[step.value] = str(error)
            self._job.emit(Log(f"{self._over} = {step.value}: {error}"))
            return
        if not counted:
            self._warm[step.value] = around.conditions
        else:
            t_s = self._clock.now_s() - self._start_s
            flags = sampling.flags(around, self._warm.get(step.value), self.limits, t_s)
            self._flags.setdefault(step.value, []).extend(flag.reason for flag in flags)
            self._keep(step.value, figures(measured), t_s)

    def _keep(self, value: int, found: Mapping[str, float], t_s: float) -> None:
        kept = self._readings.setdefault(value, {})
        for name, reading in found.items():
            kept.setdefault(name, []).append(reading)
            self._job.emit(Sample(f"{self._over} {value}", name, t_s, reading))
        self._done += 1
        self._job.emit(Progress(self._done / self._total, f"{self._over} = {value}"))

    def point(self, value: int) -> SweepPoint:
        readings = {name: tuple(seen) for name, seen in self._readings.get(value, {}).items()}
        found = {name: statistics.rate_interval(seen) for name, seen in readings.items()}
        rates = {name: interval for name, interval in found.items() if interval is not None}
        flags = tuple(dict.fromkeys(self._flags.get(value, ())))
        return SweepPoint(value, rates, readings, flags, self._failures.get(value, ""))
