"""How many threads serve a configuration best here: a quick sweep, no claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from statistics import median
from typing import TypeVar

from backends.benchmarking import metrics
from backends.benchmarking.clock import Clock
from backends.benchmarking.seats import OpenEngine
from backends.domain.artifact import Configuration
from backends.domain.errors import BadInput
from backends.domain.metric import Measurement, Workload
from backends.frameworks.base import EngineHandle, JobContext

K = TypeVar("K")
ROUNDS = 3
IDLE_S = 0.5
NEAR = 0.03  # within this of the best, fewer threads win: they leave cores to everything else


@dataclass(frozen=True)
class ThreadAdvice:
    """``rates``: threads -> readings in tokens/s (decode) or inferences/s, in the order taken."""

    best: int
    rates: Mapping[int, tuple[float, ...]]

    @property
    def medians(self) -> dict[int, float]:
        return {threads: median(rates) for threads, rates in self.rates.items()}

    def gain_over(self, threads: int) -> float:
        """Rate with the best count ÷ rate with ``threads``, medians of a few readings."""
        return self.medians[self.best] / self.medians[threads]


def counts_to_try(physical_cores: int, logical_cores: int) -> tuple[int, ...]:
    """Powers of two up to the physical cores, one core left free, all physical, all logical."""
    powers = {2**n for n in range(physical_cores.bit_length()) if 2**n <= physical_cores}
    spare = {physical_cores - 1} if physical_cores > 3 else set[int]()
    return tuple(sorted(powers | spare | {physical_cores, logical_cores}))


def sweep(
    configuration: Configuration,
    counts: Sequence[int],
    open_engine: OpenEngine,
    work: Workload,
    clock: Clock,
    job: JobContext,
) -> ThreadAdvice:
    """Open the configuration once for each count, all at once, and measure them in turns.

    The caller gives fewer counts where so many copies do not fit in memory. Raises what opening and measuring
    raise, and BadInput for no counts.
    """
    with ExitStack() as opened:
        handles: dict[int, EngineHandle] = {}
        for threads in counts:
            job.check_cancelled()
            load = replace(configuration.load, threads=threads)
            handles[threads] = open_engine(replace(configuration, load=load))
            opened.callback(handles[threads].close)
        return compare(handles, work, clock, job)


def compare(
    handles: Mapping[int, EngineHandle], work: Workload, clock: Clock, job: JobContext, rounds: int = ROUNDS
) -> ThreadAdvice:
    """The thread counts in turns. Raises BadInput for none."""
    if not handles:
        raise BadInput("There is no thread count to try.")
    seen = in_turns(dict(sorted(handles.items())), work, clock, job, rounds)
    rates = {threads: tuple(metrics.main_rate(one) for one in taken) for threads, taken in seen.items()}
    return ThreadAdvice(recommend(rates), rates)


def in_turns(
    handles: Mapping[K, EngineHandle], work: Workload, clock: Clock, job: JobContext, rounds: int = ROUNDS
) -> dict[K, list[Measurement]]:
    """One unmeasured pass each, then rounds there and back, so that a drift hits all alike."""
    seen: dict[K, list[Measurement]] = {name: [] for name in handles}
    for number in range(rounds + 1):
        names = list(handles) if number % 2 else list(handles)[::-1]
        for name in names:
            job.check_cancelled()
            clock.sleep_s(IDLE_S)
            measurement = handles[name].measure(work)
            if number > 0:
                seen[name].append(measurement)
    return seen


def recommend(rates: Mapping[int, Sequence[float]]) -> int:
    """The fewest threads whose median is within 3 % of the best median."""
    medians = {threads: median(seen) for threads, seen in rates.items()}
    enough = max(medians.values()) * (1 - NEAR)
    return min(threads for threads, rate in medians.items() if rate >= enough)
