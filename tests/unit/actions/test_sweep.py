"""What a sweep keeps open, on machines of several sizes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from backends.actions import sweep as sweeps
from backends.actions.modes import Subject
from backends.benchmarking.room import Room
from backends.benchmarking.sweeps import Sweep, sweep
from backends.domain.artifact import Artifact, LoadOptions
from backends.domain.errors import JobFailed, WorkerDied
from backends.domain.metric import TokenMeasurement, TokenWorkload
from backends.domain.model import ModelKind
from backends.jobs.context import Context
from tests.unit.benchmarking.fakes import CALM_LIMITS, World, configuration
from tests.unit.samples import profile

MODEL_BYTES = configuration().artifact.size_bytes
CACHE_BYTES = 2 * 16 * 8 * 64 * 1024 * 4
EACH_BYTES = MODEL_BYTES + CACHE_BYTES


@dataclass
class Engine:
    pid: int
    load: LoadOptions
    dies: bool = False

    def begin_measure(self, work: TokenWorkload) -> Any:
        def finish() -> TokenMeasurement:
            if self.dies:
                raise WorkerDied("Killed for want of memory.")
            return TokenMeasurement(1, (0.1, 0.1 + 1 / self.load.threads))

        return finish


@dataclass
class Place:
    """A :class:`Subject` whose workers are counted."""

    artifact: Artifact = field(default_factory=lambda: configuration().artifact)
    load: LoadOptions = field(default_factory=lambda: LoadOptions(threads=4))
    job: Context = field(default_factory=lambda: Context(lambda event: None))
    refuses: int = 0  # threads with which it cannot be opened
    dies: int = 0  # threads with which it dies
    opened_ever: int = 0
    open_now: int = 0
    most_open: int = 0
    is_language = True
    kind = ModelKind.LANGUAGE

    @property
    def configuration(self) -> Any:
        return configuration()

    @contextmanager
    def opened(self, load: LoadOptions) -> Iterator[Engine]:
        if load.threads == self.refuses:
            raise JobFailed("The device refuses so many threads.")
        self.opened_ever += 1
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        try:
            yield Engine(self.opened_ever, load, load.threads == self.dies)
        finally:
            self.open_now -= 1

    def work(self, engine: object, scratch: Path) -> TokenWorkload:
        return TokenWorkload((1, 2, 3))


def swept(over: str, place: Place, values: tuple[int, ...], workers_that_fit: int) -> Sweep:
    world = World()
    free_bytes = int(workers_that_fit * EACH_BYTES / 0.8) + 1
    with sweeps.ExitStack() as cleanup:
        bench = sweeps._Bench(cast(Subject, place), Path(), cleanup, Room(profile(), 0, free_bytes))
        steps = sweeps._STEPS[over](bench, values)
        found = sweep(over, steps, world.clock, world.open_sampler, world, limits=CALM_LIMITS)
    assert place.open_now == 0
    return found


def test_all_steps_stay_open_where_they_fit() -> None:
    place = Place()
    found = swept("threads", place, (1, 2, 4), workers_that_fit=3)
    assert (place.opened_ever, place.most_open) == (3, 3)
    assert found.best == 4


def test_one_step_at_a_time_where_they_do_not_fit() -> None:
    place = Place()
    found = swept("threads", place, (1, 2, 4), workers_that_fit=2)
    assert (place.opened_ever, place.most_open) == (3 * 4, 1)  # an unmeasured pass and three rounds
    assert found.best == 4
    assert all(len(point.readings["decode_tokens_per_s"]) == 3 for point in found.points)


@pytest.mark.parametrize("workers_that_fit", [2, 9])
def test_a_step_that_cannot_be_opened_or_dies_is_a_row(workers_that_fit: int) -> None:
    found = swept("threads", Place(refuses=2, dies=3), (1, 2, 3, 4), workers_that_fit)
    told = {point.value: point.failure for point in found.points}
    assert told == {
        1: "",
        2: "The device refuses so many threads.",
        3: "Killed for want of memory.",
        4: "",
    }


def test_sessions_that_would_fill_the_memory_are_not_opened() -> None:
    place = Place()
    found = swept("concurrency", place, (1, 2, 4), workers_that_fit=2)
    assert place.most_open == 2
    assert [point.failure for point in found.points] == [
        "",
        "",
        "The free memory does not hold 4 sessions at once.",
    ]
