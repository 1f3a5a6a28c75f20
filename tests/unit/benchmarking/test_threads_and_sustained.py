from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backends.benchmarking import llama_bench, sustained, threads
from backends.domain.errors import BadInput, JobCancelled, JobFailed
from backends.domain.hardware import Conditions
from backends.domain.metric import TensorWorkload, TokenMeasurement, TokenWorkload

from .fakes import CALM, CALM_LIMITS, FakeEngine, World, configuration

WORK = TokenWorkload(tuple(range(16)), 64)


class ThreadedWorld(World):
    """Rates by thread count, while the machine slows by 1 % with every arm."""

    def open_engine(self, asked):  # type: ignore[no-untyped-def,override]
        precision = str(asked.load.threads)
        artifact = replace(asked.artifact, precision=precision)
        return super().open_engine(replace(asked, artifact=artifact))


def threaded(by_threads: dict[int, float]) -> ThreadedWorld:
    world = ThreadedWorld()
    world.rate = lambda precision, n: by_threads[int(precision)] * 0.99 ** len(world.arms)
    return world


def swept(by_threads: dict[int, float]) -> threads.ThreadAdvice:
    world = threaded(by_threads)
    counts = tuple(by_threads)
    advice = threads.sweep(configuration(), counts, world.open_engine, WORK, world.clock, world)
    assert world.open_now.total() == 0
    return advice


def test_the_best_count_is_found_in_spite_of_a_drift() -> None:
    advice = swept({1: 100.0, 2: 180.0, 4: 300.0, 8: 240.0})
    assert advice.best == 4
    assert advice.gain_over(8) == pytest.approx(1.25, rel=0.05)
    assert all(len(rates) == threads.ROUNDS for rates in advice.rates.values())


def test_fewer_threads_win_where_more_gain_nothing() -> None:
    assert threads.recommend({2: [100.0] * 3, 4: [102.0] * 3, 8: [101.0] * 3}) == 2


def test_counts_worth_trying() -> None:
    assert threads.counts_to_try(1, 1) == (1,)
    assert threads.counts_to_try(2, 2) == (1, 2)
    assert threads.counts_to_try(8, 16) == (1, 2, 4, 7, 8, 16)
    assert threads.counts_to_try(6, 12) == (1, 2, 4, 5, 6, 12)


def test_no_counts_is_bad_input() -> None:
    with pytest.raises(BadInput):
        swept({})


def test_a_cancelled_sweep_closes_its_workers() -> None:
    world = threaded({1: 10.0, 2: 20.0})
    world.cancel_after = 3
    with pytest.raises(JobCancelled):
        threads.sweep(configuration(), (1, 2), world.open_engine, WORK, world.clock, world)
    assert world.open_now.total() == 0


def test_sustained_holds_the_burst_against_the_last_minute() -> None:
    """Full speed for 30 s, then 60 % of it."""
    world = World()
    world.rate = lambda precision, n: 50.0 if world.clock.time_s < 1045 else 30.0
    world.conditions = lambda arms: heated(arms)
    engine = world.open_engine(configuration())
    found = sustained.measure(engine, "x", WORK, 180, world.clock, world.open_sampler, world)
    assert found.burst.estimate == pytest.approx(50) and found.last_minute.estimate == pytest.approx(30)
    assert found.kept == pytest.approx(0.6)
    assert found.was_throttled is True and found.temperature_rise_celsius > 0
    assert found.readings[-1].t_s >= 180


def test_sustained_tells_what_disturbed_it_and_not_the_heat() -> None:
    """A suspend in the third reading, another program in the fifth; the processor is throttled throughout."""
    world = World()
    calm = replace(CALM, throttled=True, frequency_hz=1e9)
    world.conditions = lambda arms: replace(calm, cpu_percent=50.0 if arms == 6 else 0.0)

    def rate(precision: str, arm: int) -> float:
        world.clock.suspended_s += 30.0 if arm == 3 else 0.0
        return 50.0

    world.rate = rate
    engine = world.open_engine(configuration())
    found = sustained.measure(engine, "x", WORK, 90, world.clock, world.open_sampler, world, CALM_LIMITS)
    assert [bool(one.flags) for one in found.readings[:6]] == [False, False, True, False, True, False]
    suspended, busy = found.flags
    assert "the machine was suspended for 30.0 s" in suspended and suspended.startswith("at ")
    assert "other programs used 200 % of a core" in busy
    assert found.was_throttled is True


def heated(arms: int) -> Conditions:
    return replace(CALM, temperature_celsius=50 + arms / 10, throttled=arms > 30, frequency_hz=None)


def test_sustained_says_nothing_where_the_system_does_not() -> None:
    quiet = replace(CALM, temperature_celsius=None, throttled=None, frequency_hz=None)
    world = World(conditions=lambda n: quiet)
    engine = world.open_engine(configuration())
    found = sustained.measure(engine, "x", WORK, 90, world.clock, world.open_sampler, world)
    assert found.was_throttled is found.temperature_rise_celsius is found.frequency_change_hz is None
    assert found.kept == pytest.approx(1)


def test_sustained_with_readings_longer_than_the_burst() -> None:
    world = World(lambda precision, n: 2.0)
    engine = world.open_engine(configuration())
    found = sustained.measure(engine, "x", WORK, 300, world.clock, world.open_sampler, world)
    assert found.burst.samples == sustained.FEWEST


def test_sustained_needs_a_last_minute() -> None:
    world = World()
    engine = world.open_engine(configuration())
    with pytest.raises(BadInput, match="at least 70 s"):
        sustained.measure(engine, "x", WORK, 60, world.clock, world.open_sampler, world)


def test_llama_bench_rates_follow_its_own_definitions() -> None:
    measurement = TokenMeasurement(512, (0.5, 0.6, 0.7, 1.0))
    assert llama_bench.prompt_rate(measurement) == 1024
    assert llama_bench.generation_rate(measurement) == 4


def test_llama_bench_workloads_sample_nothing() -> None:
    prompt = llama_bench.prompt_workload(32000)
    assert len(prompt.token_ids) == 512 and prompt.new_tokens == 1 and not prompt.sampling
    assert prompt == llama_bench.prompt_workload(32000)
    assert max(prompt.token_ids) < 32000 and len(set(prompt.token_ids)) > 400
    assert llama_bench.generation_workload(32000, 1) == TokenWorkload((1,), 128, sampling=False)
    assert llama_bench.generation_workload(10, None).token_ids[0] in range(10)


def test_llama_bench_reports_mean_and_deviation() -> None:
    world = World(lambda precision, n: 100.0 + n % 2)
    engine = world.open_engine(configuration())
    prompt, generation = llama_bench.measure(engine, 1000, world.clock, world)
    assert (prompt.name, generation.name) == ("pp512", "tg128")
    assert len(prompt.samples) == len(generation.samples) == 5
    assert prompt.mean == pytest.approx(1004, rel=0.01) and prompt.deviation > 0
    assert str(generation).startswith("llama-bench compatible tg128: ")
    assert len(world.arms) == 12


def test_llama_bench_is_for_language_models() -> None:
    world = World()

    class Vision(FakeEngine):
        def measure(self, work: object) -> object:  # type: ignore[override]
            return super().measure(TensorWorkload(Path("/x.npz")))

    with pytest.raises(JobFailed, match="no tokens"):
        llama_bench.measure(Vision(world, configuration(), 1), 10, world.clock, world)
