"""What is left of the first seconds' speed after minutes of work: heat, power limits, memory that fills."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from backends.benchmarking import metrics, sampling, statistics
from backends.benchmarking.clock import Clock
from backends.benchmarking.sampling import Limits, OpenSampler, Surroundings
from backends.domain.errors import BadInput
from backends.domain.events import Progress, Sample
from backends.domain.hardware import Conditions
from backends.domain.metric import Interval, Measurement, Workload
from backends.frameworks.base import EngineHandle, JobContext

BURST_S = 10.0
LAST_S = 60.0
FEWEST = 3  # readings in either stretch, where single ones last long


@dataclass(frozen=True)
class SustainedReading:
    """``t_s``: end of the reading, seconds since the first began.

    ``flags``: what disturbed it. Heat and a falling frequency are none, for they are what is looked for.
    """

    t_s: float
    measurement: Measurement
    conditions: Conditions
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sustained:
    """Rates in tokens/s (decode) or inferences/s: medians with 95 % intervals.

    ``kept`` is the last minute's median ÷ the burst's: 1 means nothing was lost.
    """

    label: str
    metric: str
    burst: Interval
    last_minute: Interval
    readings: tuple[SustainedReading, ...]

    @property
    def kept(self) -> float:
        return self.last_minute.estimate / self.burst.estimate

    @property
    def was_throttled(self) -> bool | None:
        """``None`` where this system does not tell."""
        told = [r.conditions.throttled for r in self.readings if r.conditions.throttled is not None]
        return any(told) if told else None

    @property
    def flags(self) -> tuple[str, ...]:
        """Each with its moment, in the order they came."""
        return tuple(f"at {one.t_s:.0f} s {reason}" for one in self.readings for reason in one.flags)

    @property
    def temperature_rise_celsius(self) -> float | None:
        return _change([r.conditions.temperature_celsius for r in self.readings])

    @property
    def frequency_change_hz(self) -> float | None:
        return _change([r.conditions.frequency_hz for r in self.readings])


def check_duration(duration_s: float) -> None:
    """Raises BadInput for one that has no last minute apart from its burst."""
    if duration_s < BURST_S + LAST_S:
        raise BadInput(f"A sustained run takes at least {BURST_S + LAST_S:.0f} s, not {duration_s:g} s.")


def measure(
    handle: EngineHandle,
    label: str,
    work: Workload,
    duration_s: float,
    clock: Clock,
    open_sampler: OpenSampler,
    job: JobContext,
    limits: Limits | None = None,
) -> Sustained:
    """Work without a break for ``duration_s`` after one unmeasured pass and a rest as long as the burst.

    The rest lets the processor's short-term power budget fill up again, so that the burst is one.

    Raises BadInput for a duration that is too short, and what the handle raises.
    """
    check_duration(duration_s)
    _, warm = sampling.watch(open_sampler, handle.pid, clock, lambda: handle.measure(work))
    clock.sleep_s(BURST_S)
    rules = _Rules(warm.conditions, limits or Limits())
    readings = _work_on(handle, label, work, duration_s, clock, open_sampler, job, rules)
    metric = metrics.rate_metrics(work)[0]
    end_s = readings[-1].t_s
    burst = _stretch(readings, lambda r: r.t_s <= BURST_S) or readings[:FEWEST]
    last = _stretch(readings, lambda r: r.t_s >= end_s - LAST_S) or readings[-FEWEST:]
    return Sustained(label, metric, _rate(burst), _rate(last), tuple(readings))


@dataclass(frozen=True)
class _Rules:
    """``warm``: how things were in the unmeasured pass."""

    warm: Conditions
    limits: Limits

    def flags(self, around: Surroundings, t_s: float) -> tuple[str, ...]:
        calm = replace(around.conditions, frequency_hz=None, throttled=None)
        found = sampling.flags(replace(around, conditions=calm), self.warm, self.limits, t_s)
        return tuple(flag.reason for flag in found)


def _work_on(
    handle: EngineHandle,
    label: str,
    work: Workload,
    duration_s: float,
    clock: Clock,
    open_sampler: OpenSampler,
    job: JobContext,
    rules: _Rules,
) -> list[SustainedReading]:
    readings: list[SustainedReading] = []
    start_s, t_s = clock.now_s(), 0.0
    while t_s < duration_s:
        job.check_cancelled()
        measurement, around = sampling.watch(open_sampler, handle.pid, clock, lambda: handle.measure(work))
        t_s = clock.now_s() - start_s
        flags = rules.flags(around, t_s)
        readings.append(SustainedReading(t_s, measurement, around.conditions, flags))
        for name, value in metrics.figures(measurement).items():
            job.emit(Sample(label, name, t_s, value))
        for sample in sampling.condition_samples(readings[-1].conditions, t_s):
            job.emit(sample)
        job.emit(Progress(min(1.0, t_s / duration_s), f"{label}: sustained", max(0.0, duration_s - t_s)))
    return readings


def _stretch(
    readings: Sequence[SustainedReading], inside: Callable[[SustainedReading], bool]
) -> list[SustainedReading]:
    """Readings inside a stretch of time; none where they are too few to speak for it."""
    found = [r for r in readings if inside(r)]
    return found if len(found) >= FEWEST else []


def _rate(readings: Sequence[SustainedReading]) -> Interval:
    interval = statistics.rate_interval([metrics.main_rate(r.measurement) for r in readings])
    assert interval is not None  # there is at least one reading
    return interval


def _change(values: Sequence[float | None]) -> float | None:
    told = [value for value in values if value is not None]
    return told[-1] - told[0] if len(told) > 1 else None
