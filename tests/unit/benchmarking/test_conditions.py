"""Clock jumps and the flags of an arm."""

from __future__ import annotations

import sys
import time
from dataclasses import replace

import pytest

from backends.benchmarking import clock as clocks
from backends.benchmarking import metrics, sampling
from backends.benchmarking.clock import RealClock, Stamp, jump
from backends.benchmarking.sampling import Limits, Surroundings
from backends.domain.hardware import BusyProcess, Conditions

from .fakes import CALM, CALM_LIMITS, FakeClock, busy_with

START, END = Stamp(10, 20, 1000), Stamp(12, 22, 1002)


def reasons(conditions: Conditions, ended: Stamp = END, limits: Limits = CALM_LIMITS) -> list[str]:
    around = Surroundings(conditions, START, ended)
    return [flag.reason for flag in sampling.flags(around, CALM, limits, 7.0)]


def test_calm_raises_no_flag() -> None:
    assert reasons(CALM) == []
    assert reasons(replace(CALM, frequency_hz=None, on_battery=None, throttled=None)) == []


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (busy_with(11), "other programs used 11 % of a core"),
        (replace(CALM, steal_percent=3), "the host took 3.0 %"),
        (replace(CALM, frequency_hz=2.6e9), "frequency fell by 13%"),
        (replace(CALM, on_battery=True), "went on battery"),
        (replace(CALM, throttled=True), "throttled"),
    ],
)
def test_each_disturbance_raises_its_flag(conditions: Conditions, expected: str) -> None:
    (reason,) = reasons(conditions)
    assert expected in reason


@pytest.mark.parametrize(
    "conditions", [busy_with(9), replace(CALM, steal_percent=2), replace(CALM, frequency_hz=2.75e9)]
)
def test_little_is_let_pass(conditions: Conditions) -> None:
    assert reasons(conditions) == []


def test_the_busiest_program_is_named() -> None:
    busy = replace(busy_with(80), busiest=BusyProcess("chrome", 75))
    assert reasons(busy) == ["other programs used 80 % of a core; the busiest was chrome"]


def test_other_programs_are_judged_by_one_core_whatever_their_number() -> None:
    taken = replace(CALM, cpu_percent=1.0)  # of all cores
    assert reasons(taken, limits=Limits(logical_cores=2)) == []
    assert reasons(taken, limits=Limits(logical_cores=64)) != []


def test_our_own_window_is_a_disturbance_too() -> None:
    """Of 10 s: more than 2 % of a core, and more than one redraw of all charts."""
    long = Stamp(START.awake_s + 10, START.elapsed_s + 10, START.wall_s + 10)
    assert reasons(replace(CALM, observer_s=0.19), long) == []
    assert reasons(replace(CALM, observer_s=0.35), long) == [
        "Edgewright's own window or command used 4 % of a core"
    ]
    short = Stamp(START.awake_s + 2, START.elapsed_s + 2, START.wall_s + 2)
    assert reasons(replace(CALM, observer_s=0.09), short) == [], "4.5 % of a core, but one redraw"
    assert len(reasons(replace(CALM, observer_s=0.11), short)) == 1


def test_suspend_and_jumps_are_told_apart() -> None:
    assert jump(START, END) == ""
    assert jump(START, Stamp(12, 82, 1062)) == "the machine was suspended for 60.0 s"
    assert jump(START, Stamp(12, 22, 4602)) == "the system clock jumped by +3600.0 s"
    assert jump(START, Stamp(12, 22, 902)) == "the system clock jumped by -100.0 s"
    assert reasons(CALM, Stamp(12, 82, 1062)) == ["the machine was suspended for 60.0 s"]


def test_the_control_allows_five_percent() -> None:
    assert sampling.control_flag(100, 104.9, CALM_LIMITS, 0) == ()
    assert sampling.control_flag(105.2, 100, CALM_LIMITS, 0) != ()
    assert sampling.control_flag(100, 105.2, CALM_LIMITS, 0) != ()


def test_what_is_not_told_is_not_charted() -> None:
    samples = sampling.condition_samples(replace(CALM, temperature_celsius=None), 3.0)
    assert {s.metric for s in samples} == {metrics.CPU, metrics.STEAL, metrics.FREQUENCY}
    assert {s.series for s in samples} == {metrics.MACHINE}


def test_the_survey_takes_a_second_and_names_no_pid() -> None:
    clock, asked = FakeClock(), []

    def open_sampler(pids: object) -> sampling.Sampler:
        asked.append(tuple(pids))  # type: ignore[call-overload]
        return lambda: busy_with(20)

    notes = sampling.survey(open_sampler, clock, CALM_LIMITS)
    assert notes == ("Before measuring: other programs used 20 % of a core.",)
    assert asked == [()] and clock.time_s == 1001


def test_a_sampler_is_kept_for_its_processes() -> None:
    made, calls = [], []

    def make(pids: object) -> sampling.Sampler:
        made.append(pids)
        return lambda: calls.append(pids) or CALM  # type: ignore[func-returns-value]

    open_sampler = sampling.remembering(make)
    first, second, other = open_sampler((1,)), open_sampler([1]), open_sampler((2,))
    assert first is second is not other
    assert made == [{1}, {2}] and calls == [{1}, {1}, {2}]  # each opening begins an interval


def test_the_real_clock_runs() -> None:
    clock = RealClock()
    first, now_s = clock.stamp(), clock.now_s()
    clock.sleep_s(0.0)
    assert jump(first, clock.stamp()) == ""
    assert clock.now_s() >= now_s


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's clocks by number")
def test_linux_has_both_clocks() -> None:
    awake, elapsed = clocks._clocks("linux")
    assert awake() == pytest.approx(time.clock_gettime(time.CLOCK_MONOTONIC), abs=1)
    assert elapsed() == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=1)


def test_elsewhere_one_clock_serves_for_both() -> None:
    assert clocks._clocks("plan9") == (time.monotonic, time.monotonic)
    assert clocks._clocks("win32") == (clocks._unbiased_interrupt_s, time.monotonic)
