"""Sweeps over invented engines: the best step in spite of a drift, steps that fail, and what is advised."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from backends.benchmarking import metrics
from backends.benchmarking.sweeps import GAP_P50, LATENCY_P50, Step, Sweep, figures, sweep
from backends.domain.errors import BadInput, JobCancelled, JobFailed
from backends.domain.metric import (
    Measurement,
    TensorMeasurement,
    TensorWorkload,
    TokenMeasurement,
    TokenWorkload,
)

from .fakes import CALM, CALM_LIMITS, World, busy_with, configuration

WORK = TokenWorkload(tuple(range(16)), 64)


def steps_of(world: World, rates: dict[int, float]) -> list[Step]:
    """One engine a value, whose rate is the one named, while the machine slows by 1 % with every arm."""
    world.rate = lambda precision, n: rates[int(precision)] * 0.99 ** len(world.arms)

    def at(value: int) -> Callable[[], Sequence[Measurement]]:
        engine = world.open_engine(configuration(str(value)))
        return lambda: (engine.measure(WORK),)

    return [Step(value, at(value)) for value in rates]


def swept(world: World, steps: list[Step], over: str = "threads") -> Sweep:
    return sweep(over, steps, world.clock, world.open_sampler, world, limits=CALM_LIMITS)


def test_the_best_step_is_found_in_spite_of_a_drift() -> None:
    world = World()
    found = swept(world, steps_of(world, {1: 100.0, 2: 180.0, 4: 300.0, 8: 240.0}))
    assert found.best == 4 and found.metric == metrics.DECODE
    assert found.estimate(4) / found.estimate(8) == pytest.approx(1.25, rel=0.05)
    assert all(point.rates[metrics.DECODE].samples == 3 for point in found.points)
    assert found.advice.startswith("threads = 4: +2")
    assert {sample.series for sample in world.samples(metrics.DECODE)} == {
        f"threads {n}" for n in (1, 2, 4, 8)
    }


def test_fewer_win_where_more_gain_nothing() -> None:
    world = World()
    found = swept(world, steps_of(world, {1: 100.0, 2: 100.5}), "streams")
    assert found.best == 1 and "more brings less than 3 %" in found.advice


def test_depth_has_no_best_but_a_price() -> None:
    world = World()
    world_rates = {0: 200.0, 1000: 100.0}
    found = swept(world, steps_of(world, world_rates), "depth")
    assert found.best is None
    assert found.advice.startswith("Behind 1,000 tokens it decodes at 5")


def test_a_step_that_fails_says_why_and_the_others_go_on() -> None:
    world = World()
    steps = steps_of(world, {1: 100.0, 2: 200.0})

    def fail() -> Sequence[Measurement]:
        raise JobFailed("It does not fit into memory.")

    found = swept(world, [*steps, Step(3, fail)], "concurrency")
    assert found.best == 2
    assert found.points[2].failure == "It does not fit into memory." and found.points[2].rates == {}
    with pytest.raises(BadInput, match="does not fit"):
        swept(World(), [Step(3, fail)])
    with pytest.raises(BadInput, match="nothing to try"):
        swept(World(), [])


def test_disturbed_readings_are_flagged_and_kept() -> None:
    world = World(conditions=lambda n: busy_with(40))
    found = swept(world, steps_of(world, {1: 100.0, 2: 200.0}))
    assert all("40 % of a core" in point.flags[0] for point in found.points)
    assert all(len(point.readings[metrics.DECODE]) == 3 for point in found.points)


def test_a_cancelled_sweep_ends_between_two_readings() -> None:
    world = World(cancel_after=3)
    with pytest.raises(JobCancelled):
        swept(world, steps_of(world, {1: 100.0, 2: 200.0}))
    assert len(world.arms) == 3


def test_sessions_at_the_same_time_add_up_and_the_slowest_decides_the_first_token() -> None:
    fast, slow = TokenMeasurement(10, (0.1, 0.2)), TokenMeasurement(10, (0.2, 0.4))
    found = figures((fast, slow))
    assert found[metrics.DECODE] == pytest.approx(10 + 5)
    assert found[metrics.TTFT] == 0.2
    assert found[GAP_P50] == pytest.approx(0.15)


def test_inferences_that_overlap_are_counted_by_the_clock() -> None:
    measurement = TensorMeasurement(2, (0.1,) * 8, elapsed_s=0.4)
    assert figures((measurement,)) == {metrics.INFERENCES: pytest.approx(40), LATENCY_P50: pytest.approx(0.1)}
    assert replace(measurement, elapsed_s=None).inferences_per_s == pytest.approx(20)


def test_the_fake_engine_counts_as_a_tensor_model_too() -> None:
    world = World(lambda precision, n: 50.0)
    engine = world.open_engine(configuration("1"))
    found = swept(world, [Step(1, lambda: (engine.measure(TensorWorkload(Path("/x.npz"))),))], "batch")
    assert found.metric == metrics.INFERENCES and found.estimate(1) == pytest.approx(50)


def test_a_frequency_that_fell_since_the_unmeasured_pass_is_flagged() -> None:
    world = World()
    steps = steps_of(world, {1: 100.0, 2: 200.0})
    world.conditions = lambda arms: replace(CALM, frequency_hz=3e9 if arms < 5 else 2e9, on_battery=arms > 6)
    found = swept(world, steps)
    assert found.points[0].flags == ("the processor's frequency fell by 33%", "the machine went on battery")


def test_a_step_is_opened_for_each_reading_and_may_fail_in_it() -> None:
    world = World()
    log: list[str] = []

    @contextmanager
    def opened(name: str) -> Iterator[tuple[int, ...]]:
        if name == "bad":
            raise JobFailed("It cannot be opened.")
        log.append(f"open {name}")
        yield (1,)
        log.append(f"close {name}")

    (good,) = steps_of(world, {1: 100.0})
    steps = [replace(good, opened=lambda: opened("good")), Step(2, good.measure, lambda: opened("bad"))]
    found = swept(world, steps)
    assert log == ["open good", "close good"] * 4  # the unmeasured pass and three rounds
    assert found.points[1].failure == "It cannot be opened." and found.best == 1
