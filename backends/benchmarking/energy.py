"""Joules a token or inference: windows of steady work against an idle one, by counters only.

Each domain stands alone: psys holds the package, which holds its cores, so a sum would count twice. The idle
window comes right before, with the model open, and is subtracted; what was counted with it is kept beside.
Nothing is estimated: where a counter fails in a window, its domain is not measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Protocol

from backends.benchmarking import statistics
from backends.benchmarking.clock import Clock
from backends.domain.energy import DomainEnergy, EnergyReading, GridIntensity
from backends.domain.events import Progress
from backends.domain.hardware import EnergyUse, Fact
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


@dataclass(frozen=True)
class _Window:
    """``units`` of work done, none in an idle one."""

    uses: Mapping[str, EnergyUse]
    units: float = 0.0
    why_not: str = ""


def measure(
    handle: EngineHandle,
    label: str,
    work: Workload,
    counters: Counters,
    clock: Clock,
    job: JobContext,
    grid: GridIntensity | None = None,
) -> EnergyReading:
    """One unmeasured pass, an idle window, then windows of work. Takes no time where nothing can be read.

    Raises what the handle raises, and JobCancelled between two passes.
    """
    unit = "new token" if isinstance(work, TokenWorkload) else "inference"
    if not counters.domains:
        counters.start()
        return EnergyReading(unit, why_not=counters.used().why_not)
    windows, window_s = (BATTERY_WINDOWS, BATTERY_WINDOW_S) if counters.from_battery else (WINDOWS, WINDOW_S)
    meter = _Meter(counters, clock, job, window_s)
    handle.measure(work)
    job.emit(Progress(None, f"{label}: energy, idle"))
    idle = meter.idle()
    busy = []
    for number in range(windows):
        job.emit(Progress(None, f"{label}: energy, window {number + 1} of {windows}"))
        busy.append(meter.work(handle, work))
    domains = tuple(_domains(idle, busy))
    if not domains:
        why = next((window.why_not for window in (idle, *busy) if window.why_not), "")
        return EnergyReading(unit, why_not=why or "The energy counters did not answer all the time.")
    return EnergyReading(unit, domains, windows, window_s, grid=grid)


def units_of(measurement: Measurement) -> float:
    """New tokens, or inferences."""
    if isinstance(measurement, TokenMeasurement):
        return float(sum(len(times) for times in measurement.passes))
    return float(measurement.batch * len(measurement.latencies_s))


@dataclass(frozen=True)
class _Meter:
    counters: Counters
    clock: Clock
    job: JobContext
    window_s: float

    def idle(self) -> _Window:
        self.counters.start()
        began_s = self.clock.now_s()
        while (left_s := began_s + self.window_s - self.clock.now_s()) > 0:
            self.job.check_cancelled()
            self.clock.sleep_s(min(LOOK_S, left_s))
            self.counters.update()
        return self._close(0.0)

    def work(self, handle: EngineHandle, work: Workload) -> _Window:
        """Whole passes until the window's time is over."""
        self.counters.start()
        began_s, units = self.clock.now_s(), 0.0
        while self.clock.now_s() - began_s < self.window_s:
            self.job.check_cancelled()
            units += units_of(handle.measure(work))
            self.counters.update()
        return self._close(units)

    def _close(self, units: float) -> _Window:
        used = self.counters.used()
        return _Window({use.domain: use for use in used.value or ()}, units, used.why_not)


def _domains(idle: _Window, busy: Sequence[_Window]) -> list[DomainEnergy]:
    """Those that were counted in every window."""
    whole = [name for name in idle.uses if all(name in window.uses for window in busy)]
    return [_domain(name, idle.uses[name], busy) for name in whole]


def _domain(name: str, idle: EnergyUse, busy: Sequence[_Window]) -> DomainEnergy:
    uses = [window.uses[name] for window in busy]
    gross = [use.joules / window.units for use, window in zip(uses, busy, strict=True)]
    net = [
        (use.joules - idle.average_watts * use.duration_s) / window.units
        for use, window in zip(uses, busy, strict=True)
    ]
    return DomainEnergy(
        name,
        idle.source,
        idle.average_watts,
        fmean(use.average_watts for use in uses),
        statistics.mean_interval(net, CONFIDENCE),
        statistics.mean_interval(gross, CONFIDENCE),
    )
