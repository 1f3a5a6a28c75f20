"""Joules a token from invented counters: idle subtracted, domains apart, and never a guess."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from backends.benchmarking import energy, statistics
from backends.benchmarking.conductor import run
from backends.benchmarking.grid import grid_of, grids
from backends.benchmarking.protocol import QUICK, Plan
from backends.domain.errors import BadInput, JobCancelled
from backends.domain.hardware import Conditions, EnergyUse, Fact
from backends.domain.metric import TensorWorkload, TokenMeasurement, TokenWorkload

from .fakes import CALM, CALM_LIMITS, ORIGINAL, World, busy_with, configuration

WORK = TokenWorkload(tuple(range(100)), 65)
IDLE_W, BUSY_W = 5.0, 25.0


@dataclass
class FakeCounters:
    """A package that draws 25 W while an engine works, and a GPU that idles at 10 W."""

    world: World
    domains: tuple[str, ...] = ("package-0", "gpu:0")
    from_battery: bool = False
    fails_after: float = float("inf")  # s on the clock
    started: tuple[float, int] = (0.0, 0)
    busy: list[float] = field(default_factory=list)
    updates: int = 0

    def start(self) -> None:
        self.started = (self.world.clock.time_s, len(self.world.arms))

    def update(self) -> None:
        self.updates += 1

    def used(self) -> Fact[tuple[EnergyUse, ...]]:
        began_s, arms = self.started
        took_s = self.world.clock.time_s - began_s
        if not self.domains or self.world.clock.time_s > self.fails_after:
            return Fact(None, "energy counters", "Energy was not measured. Ask the administrator.")
        watts = BUSY_W if len(self.world.arms) > arms else IDLE_W
        return Fact(
            (
                EnergyUse("package-0", watts * took_s, took_s, "rapl"),
                EnergyUse("gpu:0", 10.0 * took_s, took_s, "NVML"),
            ),
            "rapl",
        )


def measured(world: World, counters: FakeCounters, work: object = WORK) -> energy.EnergyReading:
    engine = world.open_engine(configuration())
    return energy.measure(
        engine,
        "x",
        work,  # type: ignore[arg-type]
        counters,
        world.clock,
        world,
        world.open_sampler,
        CALM_LIMITS,
    )


def test_idle_is_subtracted_and_both_are_shown() -> None:
    world = World(lambda precision, n: 100.0)
    reading = measured(world, FakeCounters(world))
    package, gpu = reading.domains
    pass_s = 100 / 1000 + 64 / 100
    assert (reading.unit, reading.windows, reading.window_s) == ("new token", 3, 10.0)
    assert (package.idle_watts, package.busy_watts) == pytest.approx((IDLE_W, BUSY_W))
    assert package.gross_joules.estimate == pytest.approx(BUSY_W * pass_s / 65)
    assert package.joules.estimate == pytest.approx((BUSY_W - IDLE_W) * pass_s / 65)
    assert package.joules.samples == 3 and package.joules.confidence == 0.95
    assert gpu.joules.estimate == pytest.approx(0.0, abs=1e-9)  # its own, never added to the package's
    assert gpu.gross_joules.estimate > 0


def test_windows_last_ten_seconds_and_counters_are_read_in_between() -> None:
    world = World(lambda precision, n: 100.0)
    counters = FakeCounters(world)
    start_s = world.clock.time_s
    measured(world, counters)
    assert 40 <= world.clock.time_s - start_s < 45
    assert counters.updates > 30


def test_repeated_passes_and_batches_count_all_their_work() -> None:
    twice = TokenMeasurement(4, (0.1, 0.2), repeats=((0.1, 0.2),))
    assert energy.units_of(twice) == 4
    world = World(lambda precision, n: 100.0)
    reading = measured(world, FakeCounters(world), TensorWorkload(Path("/x.npz")))
    assert reading.unit == "inference"
    assert reading.domains[0].gross_joules.estimate == pytest.approx(BUSY_W / 100)


def test_without_counters_nothing_is_measured_and_no_time_is_spent() -> None:
    world = World()
    start_s = world.clock.time_s
    reading = measured(world, FakeCounters(world, domains=()))
    assert not reading.measured and reading.why_not.endswith("Ask the administrator.")
    assert world.clock.time_s == start_s and world.arms == []


def test_a_counter_that_fails_on_the_way_is_not_guessed() -> None:
    world = World(lambda precision, n: 100.0)
    reading = measured(world, FakeCounters(world, fails_after=world.clock.time_s + 25))
    assert not reading.measured and "Ask the administrator" in reading.why_not


def test_a_battery_takes_five_minutes() -> None:
    world = World(lambda precision, n: 100.0)
    counters = FakeCounters(world, from_battery=True)
    start_s = world.clock.time_s
    reading = measured(world, counters)
    assert world.clock.time_s - start_s >= 600
    assert reading.windows == 1
    joules = reading.domains[0].joules
    assert joules.samples == 1 and joules.low == joules.estimate == joules.high


def test_a_cancel_is_heard_while_nothing_works() -> None:
    world = World(cancel_after=1)
    with pytest.raises(JobCancelled):
        measured(world, FakeCounters(world))


def test_a_run_measures_energy_in_workers_of_its_own() -> None:
    world = World(lambda precision, n: 100.0 if precision == "F16" else 200.0)
    surface = replace(world.surface, counters=FakeCounters(world), grid=grid_of("fr"))
    plan = Plan(ORIGINAL, (configuration(),), WORK, QUICK)
    original, candidate = run(plan, surface).results
    assert original.energy is not None and candidate.energy is not None
    assert original.energy.domains[0].joules.estimate > candidate.energy.domains[0].joules.estimate
    assert original.energy.grid == grid_of("FR")
    assert world.open_now.total() == 0
    assert run(plan, World().surface).results[0].energy is None  # nobody asked


def disturbed_at(*windows: int) -> World:
    """Another program draws 50 W, and works, in the windows of these numbers; the first sample is warm-up."""
    seen = iter(range(10**6))

    def conditions(arms: int) -> Conditions:
        return busy_with(60.0) if next(seen) - 1 in windows else CALM

    return World(lambda precision, n: 100.0, conditions=conditions)


class Disturbed(FakeCounters):
    """The other program's joules are in the counters of its window."""

    windows: tuple[int, ...] = ()
    read: int = -1

    def used(self) -> Fact[tuple[EnergyUse, ...]]:
        self.read += 1
        used = super().used()
        if self.read not in self.windows or used.value is None:
            return used
        more = tuple(replace(use, joules=use.joules + 50.0 * use.duration_s) for use in used.value)
        return replace(used, value=more)


@pytest.mark.parametrize("window", [0, 1, 3])
def test_a_disturbed_window_is_measured_once_more_and_kept_out_of_the_figures(window: int) -> None:
    calm = measured(world := World(lambda precision, n: 100.0), FakeCounters(world))
    world = disturbed_at(window)
    counters = Disturbed(world)
    counters.windows = (window,)
    reading = measured(world, counters)
    assert reading.domains[0].joules.estimate == pytest.approx(calm.domains[0].joules.estimate)
    assert len(reading.readings) == 5 and reading.repeated == 1 and reading.disturbances == ()
    (out,) = (one for one in reading.readings if not one.counted)
    assert out is reading.readings[window] and "60 % of a core" in out.flags[0]
    assert calm.repeated == 0 and len(calm.readings) == 4


def test_disturbed_again_it_counts_and_is_marked() -> None:
    world = disturbed_at(1, 2)
    counters = Disturbed(world)
    counters.windows = (1, 2)
    reading = measured(world, counters)
    assert reading.repeated == 1 and len(reading.readings) == 5, "once more, not until it is calm"
    assert any("60 % of a core" in reason for reason in reading.disturbances)
    assert reading.domains[0].busy_watts == pytest.approx(BUSY_W + 50.0 / 3)


def test_an_idle_cores_frequency_is_no_disturbance() -> None:
    """The processor clocks down while nothing works; while the engine works, that would be a sign."""
    world = World(lambda precision, n: 100.0)
    seen = iter((3e9, 1e9, 3e9, 2e9, 3e9, 3e9))  # warm-up, idle, work …
    world.conditions = lambda arms: replace(CALM, frequency_hz=next(seen))
    reading = measured(world, FakeCounters(world))
    assert reading.readings[0].flags == ()
    assert [one.counted for one in reading.readings] == [True, True, False, True, True]
    assert "frequency fell by 33%" in reading.readings[2].flags[0]


def test_grams_follow_from_joules() -> None:
    assert grid_of().name == "World"
    assert grid_of("DE").grams(3.6e6) == 381
    assert all(
        0 < grid.grams_per_kwh < 1500 and grid.year > 2000 and grid.source for grid in grids().values()
    )
    with pytest.raises(BadInput, match="atlantis"):
        grid_of("atlantis")


def test_the_interval_of_a_mean() -> None:
    found = statistics.mean_interval([1.0, 2.0, 3.0])
    assert found.estimate == 2.0
    assert found.high - 2.0 == pytest.approx(4.302653 / 3**0.5)  # Student's t for two degrees of freedom
    with pytest.raises(ValueError, match="nothing"):
        statistics.mean_interval([])
