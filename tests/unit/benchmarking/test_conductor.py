"""The conductor with a fake engine, clock and machine: order, looks, flags, deaths, cancel, resume."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from backends.benchmarking import metrics
from backends.benchmarking.conductor import run
from backends.benchmarking.protocol import QUICK, STANDARD, THOROUGH, Plan, blocks_until_look
from backends.benchmarking.sampling import control_flag
from backends.benchmarking.summary import pair_ratios, speed_groups, summarise
from backends.domain.errors import BadInput, JobCancelled, JobFailed, WorkerDied
from backends.domain.events import TERMINAL, Log, Progress, Sample, Started
from backends.domain.gate import Verdict
from backends.domain.hardware import BusyProcess, EnergyUse, Fact
from backends.domain.metric import TensorWorkload, TokenWorkload
from backends.domain.result import Reading

from .fakes import CALM, CALM_LIMITS, ORIGINAL, World, busy_with, configuration

WORK = TokenWorkload(tuple(range(512)), 128)
CANDIDATE = configuration("Q4_K_M")
LABEL = CANDIDATE.label
WARM_UP = 4  # the full pass, and three readings that agree at once


def twice_as_fast(precision: str, n: int) -> float:
    return 100.0 if precision == "F16" else 200.0 + n % 3


def level(precision: str, n: int) -> float:
    """Equally fast on average, scattered by 2 %, each engine in its own way."""
    return 100 * (1 + random.Random(f"{precision}/{n}").uniform(-0.01, 0.01))


def plan(**changes: object) -> Plan:
    return replace(Plan(ORIGINAL, (CANDIDATE,), WORK, QUICK), **changes)  # type: ignore[arg-type]


def pairs_of(readings: list[Reading], repeat: int = 0) -> list[int]:
    return [r.pair for r in readings if r.label == LABEL and r.repeat == repeat and not r.void]


def test_a_decided_comparison_ends_at_the_first_look() -> None:
    world = World(twice_as_fast)
    outcome = run(plan(protocol=STANDARD), world.surface)
    original, candidate = outcome.results
    assert pairs_of(world.readings) == list(range(6))
    decode = candidate.comparisons[0]
    assert decode.metric == metrics.DECODE and decode.verdict == Verdict.PASS
    assert decode.ratio.samples == 6 and decode.more_pairs is None
    assert decode.ratio.low < 2.01 < decode.ratio.high < 2.1
    assert original.comparisons == () and original.rates[metrics.DECODE].estimate == pytest.approx(100)
    assert outcome.readings == tuple(world.readings)


def test_an_undecided_comparison_goes_on_to_the_last_look() -> None:
    world = World(level)
    outcome = run(plan(protocol=STANDARD), world.surface)
    assert pairs_of(world.readings) == list(range(24))
    decode = outcome.results[1].comparisons[0]
    assert decode.verdict == Verdict.INCONCLUSIVE and decode.ratio.samples == 24
    assert [s.value for s in world.samples(metrics.LOOK)] == [6, 12, 24]


def test_every_rate_is_held_against_every_threshold() -> None:
    outcome = run(plan(thresholds=(1.0, 3.0)), World(twice_as_fast).surface)
    verdicts = {(c.metric, c.threshold): c.verdict for c in outcome.results[1].comparisons}
    assert verdicts == {
        (metrics.DECODE, 1.0): Verdict.PASS,
        (metrics.DECODE, 3.0): Verdict.FAIL,
        (metrics.PREFILL, 1.0): Verdict.PASS,
        (metrics.PREFILL, 3.0): Verdict.FAIL,
    }


def test_arms_come_in_the_planned_mirrored_blocks() -> None:
    world = World(twice_as_fast)
    run(plan(), world.surface)
    letters = ["A" if p == "F16" else "B" for p in world.arms[2 * WARM_UP :]]
    _, blocks = next(blocks_until_look(QUICK, 0))
    assert "".join(letters) == "".join("BAAB" if b.candidate_first else "ABBA" for b in blocks)


def test_idle_time_lies_before_every_arm() -> None:
    world = World(twice_as_fast)
    start_s = world.clock.time_s
    outcome = run(plan(memory=False), world.surface)
    one_a, one_b = 512 / 1000 + 127 / 100, 512 / 2000 + 127 / 200
    idle_s = 1 + len(world.arms)  # the survey's second first
    arms_s = world.clock.time_s - start_s - idle_s
    assert arms_s == pytest.approx((WARM_UP + 6) * (one_a + one_b), rel=0.01)
    assert outcome.results[1].memory is None


def test_only_two_workers_are_ever_open_and_none_is_left() -> None:
    world = World(twice_as_fast)
    others = (CANDIDATE, configuration("Q8_0"), configuration("Q2_K"))
    run(plan(candidates=others), world.surface)
    assert world.most_open == 2
    assert world.open_now.total() == 0
    assert Counter(world.opened) == {"F16": 2, "Q4_K_M": 2, "Q8_0": 2, "Q2_K": 2}  # timing, and memory


def test_where_both_do_not_fit_one_worker_is_open_at_a_time() -> None:
    world = World(twice_as_fast)
    outcome = run(plan(lack="Too large together."), world.surface)
    assert world.most_open == 1
    assert outcome.results[1].comparisons[0].verdict == Verdict.PASS
    assert world.opened.count("Q4_K_M") > 2
    assert outcome.notes == ("Too large together.",)


def test_restarts_spread_the_pairs_of_a_look_over_fresh_processes() -> None:
    world = World(twice_as_fast)
    run(plan(protocol=THOROUGH, memory=False), world.surface)
    assert Counter(world.opened) == {"F16": 3, "Q4_K_M": 3}
    assert [r.restart for r in world.readings if r.label == LABEL] == [0, 0, 1, 1, 2, 2]


def test_warm_up_goes_on_until_three_readings_agree() -> None:
    world = World(lambda precision, n: [1, 50, 80, 100, 110, 111, 112][n] if n < 7 else 112.0)
    outcome = run(plan(memory=False), world.surface)
    assert len(world.arms) == 2 * (7 + 6)
    assert outcome.notes == ()


def test_warm_up_ends_after_ten_readings_with_a_note() -> None:
    world = World(lambda precision, n: 100.0 + 20 * (n % 2) if n < 11 else 100.0)
    outcome = run(plan(memory=False), world.surface)
    assert len(world.arms) == 2 * (11 + 6)
    assert f"{LABEL} had not settled within 10 warm-up readings." in outcome.notes


def test_a_flagged_pair_is_repeated_once_at_the_end_of_its_block() -> None:
    first_pair = 2 * WARM_UP + 1

    def conditions(arms: int) -> object:
        return busy_with(50) if first_pair <= arms else CALM

    world = World(twice_as_fast, conditions=conditions)  # type: ignore[arg-type]
    outcome = run(plan(), world.surface)
    assert pairs_of(world.readings) == pairs_of(world.readings, repeat=1) == list(range(6))
    order = [(r.pair, r.repeat) for r in world.readings if r.label == LABEL]
    assert order[:4] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    assert all("50 % of a core" in f.reason for r in world.readings for f in r.flags)
    assert outcome.results[1].comparisons[0].ratio.samples == 12  # both are counted
    assert len(world.samples(metrics.FLAG)) == sum(len(r.flags) for r in world.readings)


def test_a_repeat_that_was_cut_off_is_made_up_for() -> None:
    """All pairs are there and were flagged; the last three have no repeat yet."""
    world = World(twice_as_fast, conditions=lambda n: busy_with(50))
    run(plan(memory=False), world.surface)
    earlier = [r for r in world.readings if not (r.repeat and r.pair >= 3)]
    resumed = World(twice_as_fast, conditions=lambda n: busy_with(50))
    run(plan(memory=False), resumed.surface, earlier=earlier)
    assert pairs_of(resumed.readings) == []
    assert pairs_of(resumed.readings, repeat=1) == [3, 4, 5]
    once_more = World(twice_as_fast)
    run(plan(memory=False), once_more.surface, earlier=[*earlier, *resumed.readings])
    assert once_more.readings == []


def test_a_control_that_failed_before_the_end_is_made_up_for() -> None:
    world = World(lambda precision, n: 200.0 if precision == "Q4_K_M" else 100.0)
    run(plan(memory=False), world.surface)
    mark = control_flag(100.0, 120.0, CALM_LIMITS, 1.0)
    marked = [
        replace(r, flags=mark) if r.pair == 1 and number == 2 else r
        for number, r in enumerate(world.readings)
    ]
    resumed = World(twice_as_fast)
    run(plan(memory=False), resumed.surface, earlier=marked)
    assert pairs_of(resumed.readings, repeat=1) == [0, 1]


def test_a_block_that_was_cut_in_the_middle_has_its_control_again() -> None:
    """The first of its pairs is measured once more, just before the second."""
    world = World(twice_as_fast)
    run(plan(memory=False), world.surface)
    earlier = [r for r in world.readings if r.pair < 3]
    resumed = World(twice_as_fast)
    outcome = run(plan(memory=False), resumed.surface, earlier=earlier)
    order = [(r.pair, r.repeat) for r in resumed.readings if r.label == LABEL]
    assert order == [(2, 1), (3, 0), (4, 0), (5, 0)]
    assert outcome.results[1].comparisons[0].ratio.samples == 7
    first, second = resumed.readings[1], resumed.readings[2]
    assert first.label == second.label  # neighbours of the same engine


def test_a_failed_control_repeats_both_pairs_of_its_block() -> None:
    world = World(lambda precision, n: twice_as_fast(precision, n) * (1.2 if n == WARM_UP else 1.0))
    run(plan(), world.surface)
    assert pairs_of(world.readings, repeat=1) == [0, 1]
    reasons = [f.reason for r in world.readings for f in r.flags]
    assert len(reasons) == 1 and "A–A control" in reasons[0]


def test_a_death_voids_the_pair_and_the_run_goes_on() -> None:
    world = World(twice_as_fast, deaths={"Q4_K_M": {WARM_UP + 2}})
    outcome = run(plan(), world.surface)
    assert pairs_of(world.readings) == list(range(6))
    assert outcome.results[1].failure == ""
    assert outcome.results[1].comparisons[0].ratio.samples == 6
    assert any("void" in note for note in outcome.notes)
    voided = [r for r in world.readings if r.void]
    assert all(r.label == ORIGINAL.label and "signal 9" in r.flags[-1].reason for r in voided)
    assert world.opened.count("Q4_K_M") == 3 and world.open_now.total() == 0


def test_three_deaths_give_a_configuration_up_and_the_others_go_on() -> None:
    world = World(twice_as_fast, deaths={"Q4_K_M": set(range(1000))})
    other = configuration("Q8_0")
    outcome = run(plan(candidates=(CANDIDATE, other)), world.surface)
    _, lost, kept = outcome.results
    assert "signal 9" in lost.failure and lost.comparisons == () and lost.rates == {}
    assert world.opened.count("Q4_K_M") == 3
    assert kept.failure == "" and kept.comparisons[0].verdict == Verdict.PASS


def test_without_an_original_candidates_have_rates_and_no_ratios() -> None:
    world = World(twice_as_fast, open_errors={"F16": JobFailed("F16 does not fit into memory.")})
    outcome = run(plan(protocol=STANDARD), world.surface)
    original, candidate = outcome.results
    assert original.failure == "F16 does not fit into memory."
    assert candidate.failure == "" and candidate.comparisons == ()
    assert candidate.rates[metrics.DECODE].samples == 6
    assert world.opened.count("F16") == 1


def test_the_original_dying_late_keeps_the_last_look() -> None:
    late = {WARM_UP + 8 + n for n in range(1000)}
    world = World(level, deaths={"F16": late})
    outcome = run(plan(protocol=STANDARD), world.surface)
    assert outcome.results[0].failure
    assert outcome.results[1].comparisons[0].ratio.samples == 6


def test_what_fails_in_opening_is_the_sentence_of_the_result() -> None:
    world = World(twice_as_fast, open_errors={"Q4_K_M": BadInput("m.gguf is truncated.", "Get it again.")})
    outcome = run(plan(), world.surface)
    assert outcome.results[1].failure == "m.gguf is truncated. Get it again."
    assert len(world.results) == 2


def test_memory_that_cannot_be_measured_is_a_note_only() -> None:
    world = World(twice_as_fast, memory_errors={"Q4_K_M": WorkerDied("Killed for want of memory.")})
    outcome = run(plan(), world.surface)
    assert outcome.results[1].memory is None and outcome.results[1].failure == ""
    assert outcome.results[0].memory is not None
    assert any("Memory could not be measured" in note for note in outcome.notes)


def test_bugs_are_not_swallowed() -> None:
    world = World(twice_as_fast, open_errors={"Q4_K_M": ZeroDivisionError()})
    with pytest.raises(ZeroDivisionError):
        run(plan(), world.surface)
    assert world.open_now.total() == 0


@pytest.mark.parametrize("arms", [0, 2, 9, 11, 15])
def test_cancel_closes_all_workers_and_leaves_whole_pairs(arms: int) -> None:
    world = World(twice_as_fast, cancel_after=arms)
    with pytest.raises(JobCancelled):
        run(plan(), world.surface)
    assert world.open_now.total() == 0
    assert len(world.arms) == arms
    assert len(world.readings) == max(0, arms - 2 * WARM_UP) // 2 * 2
    assert not any(isinstance(e, TERMINAL) for e in world.events)


def test_a_cancelled_run_can_be_summarised_and_carried_on() -> None:
    world = World(twice_as_fast, cancel_after=2 * WARM_UP + 7)
    with pytest.raises(JobCancelled):
        run(plan(), world.surface)
    partial = summarise(plan(), world.readings)
    assert partial[1].comparisons == () and partial[1].rates[metrics.DECODE].samples == 3
    resumed = World(twice_as_fast)
    outcome = run(plan(), resumed.surface, earlier=world.readings)
    assert pairs_of(resumed.readings) == [3, 4, 5]
    assert pairs_of(resumed.readings, repeat=1) == [2]  # it had no neighbour for its control
    assert outcome.results[1].comparisons[0].ratio.samples == 7
    times = [r.t_s for r in outcome.readings]
    assert times == sorted(times)


def test_a_quick_run_can_be_carried_on_to_the_next_look() -> None:
    first, second = World(level), World(level)
    outcome = run(plan(), first.surface)
    run(plan(protocol=STANDARD), second.surface, earlier=outcome.readings)
    assert pairs_of(second.readings) == list(range(6, 24))


def test_a_finished_run_is_not_measured_again() -> None:
    first, second = World(twice_as_fast), World(twice_as_fast)
    outcome = run(plan(memory=False), first.surface)
    again = run(plan(memory=False), second.surface, earlier=outcome.readings)
    assert second.arms == []
    assert again.results[1].comparisons == outcome.results[1].comparisons


def test_a_long_pause_is_followed_by_an_unmeasured_pass() -> None:
    world = World(twice_as_fast)

    def pause(n: int) -> None:
        world.clock.time_s += 60 if n == 3 else 0

    world.pauses = pause
    run(plan(), world.surface)
    assert len(world.arms) == 2 * (WARM_UP + 6) + 2
    assert world.gates == 6 + 2, "pairs, and the memory of both"
    left = [e.remaining_s for e in world.events if isinstance(e, Progress) and e.remaining_s is not None]
    assert max(left) < 60


def test_a_repeated_pair_keeps_its_number() -> None:
    world = World(twice_as_fast, conditions=lambda n: busy_with(30.0) if n == 2 * WARM_UP + 3 else CALM)
    run(plan(), world.surface)
    numbers = [sample.step for sample in world.samples(metrics.PAIR_RATIO, LABEL)]
    assert sorted(numbers) == sorted([*range(1, 7), *(pair + 1 for pair in pairs_of(world.readings, 1))])
    assert len(numbers) > 6


def test_memory_and_energy_wait_while_the_user_has_paused() -> None:
    world = World(twice_as_fast)
    world.pauses = lambda n: setattr(world.clock, "time_s", world.clock.time_s + 600 * (n > 6))
    seen: list[tuple[int, str]] = []

    class Counters:
        domains = ()
        from_battery = False

        def start(self) -> None:
            seen.append((world.gates, "energy"))

        def used(self) -> Fact[tuple[EnergyUse, ...]]:
            return Fact(None, "none", "There are no counters.")

    run(plan(), replace(world.surface, counters=Counters()))
    assert seen == [(8, "energy"), (10, "energy")], "six pairs, then memory and energy of both"
    left = [e.remaining_s for e in world.events if isinstance(e, Progress) and e.remaining_s is not None]
    assert max(left) < 60, "a pause is none of the time that work takes"


def test_the_order_of_events_and_the_progress() -> None:
    world = World(twice_as_fast)
    run(plan(candidates=(CANDIDATE, configuration("Q8_0"))), world.surface)
    assert isinstance(world.events[0], Started)
    fractions = [e.fraction for e in world.events if isinstance(e, Progress)]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    remaining = [e.remaining_s for e in world.events if isinstance(e, Progress)]
    assert remaining[-1] == 0


def test_samples_tell_what_the_readings_hold() -> None:
    world = World(twice_as_fast)
    run(plan(), world.surface)
    assert {e.metric for e in world.events if isinstance(e, Sample)} <= set(metrics.SAMPLE_METRICS)
    for label in (LABEL, ORIGINAL.label):
        own = [r for r in world.readings if r.label == label]
        assert [s.value for s in world.samples(metrics.DECODE, label)] == [
            r.measurement.decode_tokens_per_s for r in own
        ]
        assert len(world.samples(metrics.GAP, label)) == sum(len(r.measurement.gaps_s) for r in own)
        assert [s.t_s for s in world.samples(metrics.DECODE, label)] == [r.t_s for r in own]
    ratios = tuple(s.value for s in world.samples(metrics.PAIR_RATIO, LABEL))
    assert ratios == pair_ratios(world.readings, LABEL, metrics.DECODE)
    assert len(world.samples(metrics.RATIO_LOW)) == len(ratios) - 2
    assert [s.value for s in world.samples(metrics.PEAK, LABEL)] == [2000]
    assert all(s.value == pytest.approx(25) for s in world.samples(metrics.WORKER_CPU))


def test_tensor_models_have_inferences_and_short_warm_ups() -> None:
    work = TensorWorkload(Path("/x.npz"))
    world = World(lambda precision, n: 1000.0 if precision == "F16" else 1500.0)
    outcome = run(plan(workload=work), world.surface)
    result = outcome.results[1]
    assert set(result.rates) == {metrics.INFERENCES} and result.ttft_p50_s is None
    assert result.latency_p99_s == pytest.approx(1 / 1500)
    assert result.comparisons[0].ratio.estimate == pytest.approx(1.5)
    assert len(world.samples(metrics.LATENCY, LABEL)) <= 6 * metrics.CHART_POINTS


def test_a_run_of_the_original_alone() -> None:
    world = World(twice_as_fast)
    outcome = run(plan(candidates=(), protocol=STANDARD), world.surface)
    (only,) = outcome.results
    assert only.rates[metrics.DECODE].samples == 6 and only.comparisons == ()
    assert only.memory is not None and len(world.results) == 1


def test_the_same_artifact_twice_is_no_claim() -> None:
    """A–A through the whole conductor, 100 times: 1.7 false claims are to be expected at one look."""
    same = replace(ORIGINAL, artifact=replace(ORIGINAL.artifact))
    claims = 0
    for seed in range(100):
        world = World(lambda precision, n, seed=seed: level(f"{seed}/{precision}", n))  # type: ignore[misc]
        outcome = run(plan(candidates=(same,), memory=False), world.surface)
        claims += outcome.results[1].comparisons[0].verdict != Verdict.INCONCLUSIVE
    assert [r.label for r in outcome.results] == ["original F16 (CPU) #1", "original F16 (CPU) #2"]
    assert claims <= 5


def test_candidates_are_ranked_in_groups_only() -> None:
    rates = {"F16": 100.0, "Q4_K_M": 200.0, "Q8_0": 150.0, "Q2_K": 201.0}
    world = World(lambda precision, n: rates[precision] / 100 * level(precision, n))
    others = (CANDIDATE, configuration("Q8_0"), configuration("Q2_K"))
    outcome = run(plan(candidates=others), world.surface)
    groups = speed_groups(outcome.results, metrics.DECODE)
    assert [set(group) for group in groups] == [
        {"llamacpp Q4_K_M", "llamacpp Q2_K"},
        {"llamacpp Q8_0"},
    ]


def test_what_disturbs_is_said_before_measuring() -> None:
    world = World(twice_as_fast, conditions=lambda n: replace(busy_with(300), on_battery=True))
    notes = run(plan(), world.surface).notes
    assert "Before measuring: other programs used 300 % of a core." in notes
    assert "Before measuring: the machine runs on battery." in notes


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        ("suspend", "the machine was suspended for 90.0 s"),
        ("clock", "the system clock jumped by -3600.0 s"),
        ("battery", "the machine went on battery"),
        ("heat", "the processor was throttled to cool down"),
        ("frequency", "the processor's frequency fell by 33%"),
        ("load", "other programs used 180 % of a core; the busiest was backup"),
    ],
)
def test_what_happens_in_the_middle_flags_its_pair_which_is_repeated(happens: str, reason: str) -> None:
    """In the first arm of the third pair; all is calm again after it."""
    moment = 2 * WARM_UP + 5
    world = World()

    def rate(precision: str, n: int) -> float:
        if len(world.arms) == moment and happens == "suspend":
            world.clock.suspended_s += 90
        if len(world.arms) == moment and happens == "clock":
            world.clock.wall_offset_s -= 3600
        return twice_as_fast(precision, n)

    disturbed = {
        "battery": replace(CALM, on_battery=True),
        "heat": replace(CALM, throttled=True),
        "frequency": replace(CALM, frequency_hz=2e9),
        "load": replace(busy_with(180), busiest=BusyProcess("backup", 180.0)),
    }
    world.rate = rate
    world.conditions = lambda n: disturbed.get(happens, CALM) if n == moment else CALM
    outcome = run(plan(), world.surface)
    assert pairs_of(world.readings, repeat=1) == [2]
    flags = [flag.reason for reading in world.readings for flag in reading.flags]
    assert flags == [reason]
    assert (
        outcome.results[1].comparisons[0].ratio.samples == 7
    )  # the flagged pair, and its repeat, both count
    assert any(isinstance(event, Log) and reason in event.text for event in world.events)
