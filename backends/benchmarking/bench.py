"""The bench: the seats of a run, how they are made ready, and the one place where anything is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from backends.benchmarking import energy, metrics, sampling, start_up
from backends.benchmarking.clock import Clock
from backends.benchmarking.energy import Counters
from backends.benchmarking.protocol import Plan, filling, warm_up_workload
from backends.benchmarking.sampling import Limits, OpenSampler, Surroundings
from backends.benchmarking.seats import OpenEngine, PairVoid, Seat
from backends.domain.artifact import Artifact
from backends.domain.energy import EnergyReading, GridIntensity
from backends.domain.metric import Measurement, MemoryReading, StartUp, Workload
from backends.domain.result import ConfigurationResult, Reading
from backends.frameworks.base import EngineHandle, JobContext

T = TypeVar("T")
CpuTime = Callable[[int], float]  # processor seconds the process of this id and its children have used


def _nothing(*_: object) -> None:
    pass


@dataclass(frozen=True)
class Surface:
    """Where a benchmark touches the world; all of it is faked in tests.

    ``gate`` is called before every pair, memory run and energy reading, and blocks while the user has paused;
    it returns, or raises JobCancelled, when he cancels meanwhile. ``on_reading`` gets the arms of a pair once
    the pair is whole (or void), ``on_result`` each configuration once it is finished. ``drop_pages`` says
    whether it could.
    """

    open_engine: OpenEngine
    clock: Clock
    open_sampler: OpenSampler
    job: JobContext
    gate: Callable[[], None] = _nothing
    on_reading: Callable[[Reading], None] = _nothing
    on_result: Callable[[ConfigurationResult], None] = _nothing
    cpu_time: CpuTime | None = None
    limits: Limits = field(default_factory=Limits)
    drop_pages: Callable[[Artifact], bool] = lambda artifact: False  # its files, from the page cache
    counters: Counters | None = None  # of energy; None where nobody asked for it
    grid: GridIntensity | None = None  # for carbon beside the energy


@dataclass(frozen=True)
class Arm:
    """One measured arm and what surrounded it."""

    measurement: Measurement
    around: Surroundings
    worker_cpu_percent: float | None  # of all logical cores together


class Bench:
    """At most one worker measures at any time: everything goes through :meth:`measure`, which blocks."""

    def __init__(self, plan: Plan, surface: Surface, note: Callable[[str], None]) -> None:
        self._plan = plan
        self._rules = plan.protocol
        self._surface = surface
        self._note = note
        self.seats = tuple(
            Seat(label, configuration, surface.open_engine, plan.protocol.deaths_allowed)
            for label, configuration in zip(plan.labels, (plan.original, *plan.candidates), strict=True)
        )

    @property
    def original(self) -> Seat:
        return self.seats[0]

    def close(self) -> None:
        for seat in self.seats:
            seat.close()

    def make_ready(self, seats: Iterable[Seat], refresh: bool) -> None:
        """Open and warm before a pair begins, so that nothing loads between its arms.

        Where both models do not fit in memory nothing can be done yet: each arm readies its own.
        ``refresh``: warm engines run once unmeasured too, because they have been idle for long.
        """
        if self._plan.resident:
            for seat in seats:
                with seat.watched():
                    self._ready(seat, refresh)

    def arm(self, seat: Seat) -> Arm:
        """One arm of a pair. Raises PairVoid when the worker is lost."""
        with seat.watched():
            self._ready(seat)
            return self.measure(seat, self._plan.workload)

    def measure(self, seat: Seat, work: Workload) -> Arm:
        """Idle, see whether to go on, then let the engine work while this process sleeps on its pipe."""
        handle = seat.open()
        self._surface.clock.sleep_s(self._rules.idle_s)
        self._surface.job.check_cancelled()
        used_s = self._cpu_time(handle.pid)
        measurement, around = sampling.watch(
            self._surface.open_sampler, handle.pid, self._surface.clock, lambda: handle.measure(work)
        )
        return Arm(measurement, around, self._cpu_percent(used_s, self._cpu_time(handle.pid), around))

    def memory(self, seat: Seat) -> MemoryReading | None:
        """In a fresh worker, with its context filled: the marks of a timed one hold what the timing left."""
        work = filling(self._plan.workload, seat.configuration.load.context)
        return self._apart(seat, "Memory", lambda handle: handle.memory(work))

    def energy(self, seat: Seat) -> EnergyReading | None:
        """In a fresh worker and with all others closed: an idle one that spins would be counted."""
        surface, counters = self._surface, self._surface.counters
        if counters is None:
            return None
        self.close()
        clock, job, work = surface.clock, surface.job, self._plan.workload
        return self._apart(
            seat,
            "Energy",
            lambda handle: energy.measure(
                handle,
                seat.label,
                work,
                counters,
                clock,
                job,
                surface.open_sampler,
                surface.limits,
                surface.grid,
            ),
        )

    def start_up(self, seat: Seat) -> StartUp | None:
        """In two fresh workers: one loads what has left the page cache, where that can be done, and the other
        what the first has brought there."""
        artifact, was_dropped = seat.configuration.artifact, False

        def drop() -> None:
            nonlocal was_dropped
            for other in self.seats:
                if other.configuration.artifact.path == artifact.path:
                    other.close()  # what is mapped stays in memory
            was_dropped = self._surface.drop_pages(artifact)

        first_s = self._apart(seat, "Loading", lambda handle: handle.engine.cold_load_s, drop)
        if first_s is None:
            return None
        second = self._apart(seat, "Start-up", lambda handle: start_up.measure(handle, self._plan))
        return replace(second, first_load_s=first_s, is_cold=was_dropped) if second else None

    def _apart(
        self,
        seat: Seat,
        what: str,
        read: Callable[[EngineHandle], T],
        before: Callable[[], None] = _nothing,
    ) -> T | None:
        """``read`` on a worker of its own; ``before`` comes just before it is opened.

        ``None`` where it fails; the notes say why, and the configuration, which did run, is not given up.
        """
        for other in self.seats:
            if other is seat or not self._plan.resident:
                other.close()
        while not seat.failure:
            self._surface.job.check_cancelled()
            before()
            try:
                with seat.watched():
                    reading = read(seat.open())
            except PairVoid as lost:
                self._note(f"{what} could not be measured. {lost}")
            else:
                seat.close()
                return reading
        seat.failure = ""
        return None

    def _ready(self, seat: Seat, refresh: bool = False) -> None:
        if seat.warm is None:
            if not self._plan.resident:
                self.close()
            self._warm_up(seat)
        elif refresh:
            self.measure(seat, self._plan.workload)

    def _warm_up(self, seat: Seat) -> None:
        """One full pass unmeasured, then readings until three in a row agree within 5 %, at most ten.

        A worker that had to make room for the other model and comes back settles for the full pass.
        """
        arm = self.measure(seat, self._plan.workload)
        if self._plan.resident or not seat.has_settled:
            arm = self._settle(seat) or arm
        seat.warm, seat.has_settled = arm.around.conditions, True

    def _settle(self, seat: Seat) -> Arm | None:
        work = warm_up_workload(self._rules, self._plan.workload)
        arm, rates = None, list[float]()
        while len(rates) < self._rules.warm_up_limit:
            arm = self.measure(seat, work)
            rates.append(metrics.main_rate(arm.measurement))
            if self._is_steady(rates):
                return arm
        self._note(f"{seat.label} had not settled within {len(rates)} warm-up readings.")
        return arm

    def _is_steady(self, rates: Sequence[float]) -> bool:
        last = rates[-self._rules.steady_readings :]
        wide = max(last) > min(last) * (1 + self._rules.steady_spread)
        return len(last) == self._rules.steady_readings and not wide

    def _cpu_time(self, pid: int) -> float | None:
        return self._surface.cpu_time(pid) if self._surface.cpu_time else None

    def _cpu_percent(
        self, before_s: float | None, after_s: float | None, around: Surroundings
    ) -> float | None:
        elapsed_s = around.ended.elapsed_s - around.began.elapsed_s
        if before_s is None or after_s is None or elapsed_s <= 0:
            return None
        return 100 * (after_s - before_s) / elapsed_s / self._surface.limits.logical_cores
