"""A world in which time passes only when told to, and engines are as fast and as mortal as is wished."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from backends.benchmarking.bench import Surface
from backends.benchmarking.clock import Stamp
from backends.benchmarking.sampling import Limits
from backends.domain.artifact import Artifact, Configuration, LoadOptions
from backends.domain.errors import JobCancelled, WorkerDied
from backends.domain.events import Event, Sample
from backends.domain.hardware import Conditions
from backends.domain.metric import (
    LoadedEngine,
    Measurement,
    MemoryReading,
    TensorMeasurement,
    TensorWorkload,
    TokenMeasurement,
    TokenWorkload,
    Workload,
)
from backends.domain.model import ModelFormat, ModelKind, TensorContents
from backends.domain.result import ConfigurationResult, Reading

CALM = Conditions(0.0, 0.0, 0.0, 3e9, 50.0, False, False, None)
CALM_LIMITS = Limits(logical_cores=4)


def configuration(precision: str = "Q4_K_M", original: bool = False, threads: int = 0) -> Configuration:
    contents = TensorContents({"Q4_K": 30, "F32": 10}, 1_000_000, 600_000, 4.8)
    artifact = Artifact(
        precision,
        "llamacpp",
        precision,
        ModelFormat.GGUF,
        ModelKind.LANGUAGE,
        Path(f"/models/{precision}.gguf"),
        600_000,
        contents,
        Path("/models/source"),
        original,
    )
    return Configuration(artifact, LoadOptions(threads=threads))


ORIGINAL = configuration("F16", original=True)


@dataclass
class FakeClock:
    time_s: float = 1000.0
    suspended_s: float = 0.0
    wall_offset_s: float = 5e8

    def now_s(self) -> float:
        return self.time_s

    def sleep_s(self, duration_s: float) -> None:
        self.time_s += duration_s

    def stamp(self) -> Stamp:
        elapsed = self.time_s + self.suspended_s
        return Stamp(self.time_s, elapsed, elapsed + self.wall_offset_s)


@dataclass
class World:
    """``rate(precision, n)``: main rate of this configuration's n-th arm, counted over all its workers."""

    rate: Callable[[str, int], float] = lambda precision, n: 100.0
    clock: FakeClock = field(default_factory=FakeClock)
    deaths: dict[str, set[int]] = field(default_factory=dict)  # precision -> numbers of arms that kill
    open_errors: dict[str, Exception] = field(default_factory=dict)
    memory_errors: dict[str, Exception] = field(default_factory=dict)
    conditions: Callable[[int], Conditions] = lambda n: CALM  # of the n-th arm of all
    cancel_after: int = 10**9  # arms
    arms: list[str] = field(default_factory=list)  # precisions in the order they measured
    opened: list[str] = field(default_factory=list)
    open_now: Counter[str] = field(default_factory=Counter)
    most_open: int = 0
    busy: bool = False
    events: list[Event] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    results: list[ConfigurationResult] = field(default_factory=list)
    samplers: int = 0
    pauses: Callable[[int], None] = lambda n: None  # at the n-th call of the gate
    gates: int = 0

    # -- JobContext

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def check_cancelled(self) -> None:
        if len(self.arms) >= self.cancel_after:
            raise JobCancelled

    # -- the rest of the surface

    def gate(self) -> None:
        self.gates += 1
        self.pauses(self.gates)

    def open_sampler(self, pids: Collection[int]) -> Callable[[], Conditions]:
        assert not self.busy, "sampled while an engine was measuring"
        return lambda: self.conditions(len(self.arms))

    def open_engine(self, configuration: Configuration) -> FakeEngine:
        precision = configuration.artifact.precision
        self.opened.append(precision)
        if precision in self.open_errors:
            raise self.open_errors[precision]
        self.open_now[precision] += 1
        self.most_open = max(self.most_open, self.open_now.total())
        return FakeEngine(self, configuration, len(self.opened))

    @property
    def surface(self) -> Surface:
        return Surface(
            self.open_engine,
            self.clock,
            self.open_sampler,
            self,
            self.gate,
            self.readings.append,
            self.results.append,
            cpu_time=lambda pid: self.clock.time_s,
            limits=CALM_LIMITS,
        )

    def samples(self, metric: str, series: str | None = None) -> list[Sample]:
        found = [e for e in self.events if isinstance(e, Sample) and e.metric == metric]
        return [s for s in found if series is None or s.series == series]


class FakeEngine:
    def __init__(self, world: World, configuration: Configuration, pid: int) -> None:
        self._world = world
        self._precision = configuration.artifact.precision
        self.threads = configuration.load.threads
        self.engine = LoadedEngine("llamacpp", "1.0", "CPU", self.threads or 2, 0.5, 10)
        self.pid = pid
        self._open = True

    def measure(self, work: Workload) -> Measurement:
        world = self._world
        assert self._open, "measured after closing"
        assert not world.busy, "two engines measured at once"
        world.busy = True
        number = world.arms.count(self._precision)
        world.arms.append(self._precision)
        try:
            if number in world.deaths.get(self._precision, ()):
                raise WorkerDied(f"The worker ended with signal 9 at arm {number}.")
            measurement = measured(work, world.rate(self._precision, number))
            world.clock.time_s += sum_s(measurement)
            return measurement
        finally:
            world.busy = False

    def memory(self, work: Workload) -> MemoryReading:
        if self._precision in self._world.memory_errors:
            raise self._world.memory_errors[self._precision]
        return MemoryReading(2000, 1200, 800, 100, 700, 100, "fake")

    def close(self) -> None:
        if self._open:
            self._world.open_now[self._precision] -= 1
        self._open = False

    def logits(self, token_ids: Sequence[int]) -> None:
        raise NotImplementedError

    choose = tokenize = infer = logits


def measured(work: Workload, rate: float) -> Measurement:
    """Prefill at ten times the decode rate; batch 1 inferences."""
    if isinstance(work, TensorWorkload):
        count = max(work.min_repeats, round(work.min_duration_s * rate))
        return TensorMeasurement(1, (1 / rate,) * count)
    assert isinstance(work, TokenWorkload)
    first_s = len(work.token_ids) / (10 * rate)
    return TokenMeasurement(len(work.token_ids), tuple(first_s + n / rate for n in range(work.new_tokens)))


def sum_s(measurement: Measurement) -> float:
    if isinstance(measurement, TokenMeasurement):
        return measurement.token_times_s[-1]
    return sum(measurement.latencies_s)


def busy_with(percent_of_a_core: float) -> Conditions:
    return replace(CALM, cpu_percent=percent_of_a_core / CALM_LIMITS.logical_cores)
