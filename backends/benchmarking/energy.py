"""Joules a token or inference: windows of steady work against an idle one, by counters only.

Each domain stands alone: psys holds the package, which holds its cores, so a sum would count twice. The idle
window comes right before, with the model open, and is subtracted; what was counted with it is kept beside.
Nothing is estimated: where a counter fails in a window, its domain is not measured.

A counter counts every program. A window is flagged by what flags a pair, and measured once more; the repeat
takes its place, chosen by what happened around it and never by its value. Both are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Protocol

from backends.benchmarking import sampling, statistics
from backends.benchmarking.clock import Clock
from backends.benchmarking.sampling import Limits, OpenSampler
from backends.domain.energy import DomainEnergy, EnergyReading, EnergyWindow, GridIntensity
from backends.domain.events import Progress
from backends.domain.hardware import Conditions, EnergyUse, Fact
from backends.domain.metric import Measurement, TokenMeasurement, TokenWorkload, Workload
from backends.frameworks.base import EngineHandle, JobContext

WINDOWS, WINDOW_S = 3, 10.0
BATTERY_WINDOWS, BATTERY_WINDOW_S = 1, 300.0  # it counts in steps of tens of joules
LOOK_S = 1.0  # how soon a cancel is heard while nothing works
CONFIDENCE = 0.95


class Counters(Protocol):
    """What reads energy; :class:`backends.hardware.energy.EnergyReader` on a real machine."""

    @property
    def domains(self) -> tuple[str, ...]: ...

    @property
    def from_battery(self) -> bool: ...

    def start(self) -> None: ...

    def update(self) -> None:
        """More often than a counter starts again at zero."""

    def used(self) -> Fact[tuple[EnergyUse, ...]]: ...


def measure(
    handle: EngineHandle,
    label: str,
    work: Workload,
    counters: Counters,
    clock: Clock,
    job: JobContext,
    open_sampler: OpenSampler,
    limits: Limits,
    grid: GridIntensity | None = None,
) -> EnergyReading:
    """One unmeasured pass, an idle window, then windows of work. Takes no time where nothing can be read.

    Each window that was disturbed is repeated once.

    Raises what the handle raises, and JobCancelled between two passes.
    """
    unit = "new token" if isinstance(work, TokenWorkload) else "inference"
    if not counters.domains:
        counters.start()
        return EnergyReading(unit, why_not=counters.used().why_not)
    windows, window_s = (BATTERY_WINDOWS, BATTERY_WINDOW_S) if counters.from_battery else (WINDOWS, WINDOW_S)
    _, around = sampling.watch(open_sampler, handle.pid, clock, lambda: handle.measure(work))
    meter = _Meter(handle, counters, clock, job, window_s, open_sampler, limits, around.conditions)
    idle = meter.counted(f"{label}: energy, idle", meter.idle)
    busy = [
        meter.counted(f"{label}: energy, window {number + 1} of {windows}", lambda: meter.work(work))
        for number in range(windows)
    ]
    domains = tuple(_domains(idle, busy))
    kept = tuple(meter.readings)
    if not domains:
        why = meter.why_not or "The energy counters did not answer all the time."
        return EnergyReading(unit, why_not=why, readings=kept)
    return EnergyReading(unit, domains, windows, window_s, grid=grid, readings=kept)


def units_of(measurement: Measurement) -> float:
    """New tokens, or inferences."""
    if isinstance(measurement, TokenMeasurement):
        return float(sum(len(times) for times in measurement.passes))
    return float(measurement.batch * len(measurement.latencies_s))


@dataclass
class _Meter:
    """``warm``: how things were while the engine worked before the first window."""

    handle: EngineHandle
    counters: Counters
    clock: Clock
    job: JobContext
    window_s: float
    open_sampler: OpenSampler
    limits: Limits
    warm: Conditions
    readings: list[EnergyWindow] = field(default_factory=list)
    why_not: str = ""

    def counted(self, what: str, window: Callable[[], float]) -> EnergyWindow:
        """One window; where it was disturbed, the one that is measured in its place."""
        self.job.emit(Progress(None, what))
        read = self._watched(window)
        if read.flags:
            self.readings.append(replace(read, counted=False))
            self.job.emit(Progress(None, f"{what}, once more: {read.flags[0]}"))
            read = self._watched(window)
        self.readings.append(read)
        return read

    def idle(self) -> float:
        began_s = self.clock.now_s()
        while (left_s := began_s + self.window_s - self.clock.now_s()) > 0:
            self.job.check_cancelled()
            self.clock.sleep_s(min(LOOK_S, left_s))
            self.counters.update()
        return 0.0

    def work(self, work: Workload) -> float:
        """Whole passes until the window's time is over; how many units they were."""
        began_s, units = self.clock.now_s(), 0.0
        while self.clock.now_s() - began_s < self.window_s:
            self.job.check_cancelled()
            units += units_of(self.handle.measure(work))
            self.counters.update()
        return units

    def _watched(self, window: Callable[[], float]) -> EnergyWindow:
        """Sampled right outside of what is counted."""
        read, around = sampling.watch_all(
            self.open_sampler, (self.handle.pid,), self.clock, lambda: self._read(window)
        )
        # An idle core's frequency says nothing.
        warm = self.warm if read.units else replace(self.warm, frequency_hz=None)
        flags = sampling.flags(around, warm, self.limits, around.ended.elapsed_s)
        return replace(read, flags=tuple(flag.reason for flag in flags))

    def _read(self, window: Callable[[], float]) -> EnergyWindow:
        self.counters.start()
        units = window()
        used = self.counters.used()
        self.why_not = self.why_not or used.why_not
        return EnergyWindow(used.value or (), units)


def _domains(idle: EnergyWindow, busy: Sequence[EnergyWindow]) -> list[DomainEnergy]:
    """Those that were counted in every window."""
    quiet, worked = _by_domain(idle), [_by_domain(window) for window in busy]
    units = [window.units for window in busy]
    return [
        _domain(name, use, [uses[name] for uses in worked], units)
        for name, use in quiet.items()
        if all(name in uses for uses in worked)
    ]


def _by_domain(window: EnergyWindow) -> dict[str, EnergyUse]:
    return {use.domain: use for use in window.uses}


def _domain(name: str, idle: EnergyUse, uses: Sequence[EnergyUse], units: Sequence[float]) -> DomainEnergy:
    gross = [use.joules / done for use, done in zip(uses, units, strict=True)]
    net = [
        (use.joules - idle.average_watts * use.duration_s) / done
        for use, done in zip(uses, units, strict=True)
    ]
    return DomainEnergy(
        name,
        idle.source,
        idle.average_watts,
        fmean(use.average_watts for use in uses),
        statistics.mean_interval(net, CONFIDENCE),
        statistics.mean_interval(gross, CONFIDENCE),
    )
