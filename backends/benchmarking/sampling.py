"""The machine's conditions around each arm, and the flags they raise.

A flag doubts a reading; it never removes one. A pair with a flag is repeated once, at the end of its block.
Both stay: in every ratio, rate and percentile the repeat counts as one more pair with the same weight as any
other, so a flagged pair's influence shrinks and nothing is chosen by its value. (The control's flag does look
at values. In the simulation false claims rose from 4.2 % without repeats to 5.9 % with the repeat in the
pair's place and 5.3 % with their average, but only to 4.7 % with both counted.)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import TypeVar

from backends.benchmarking import metrics
from backends.benchmarking.clock import Clock, Stamp, jump
from backends.domain.events import Sample
from backends.domain.hardware import Conditions
from backends.domain.metric import Measurement
from backends.domain.result import Flag

T = TypeVar("T")
Sampler = Callable[[], Conditions]  # each call tells of the time since the one before
# Opens an interval now. The ids name the processes whose work is no disturbance.
OpenSampler = Callable[[Collection[int]], Sampler]

CONTROL = "(A–A control)"
OBSERVER = "Edgewright's own window or command"  # whichever of the two this process is
SURVEY_S = 1.0
SURVEY_SCANS = 8


@dataclass(frozen=True)
class Limits:
    """Above these a reading is flagged.

    Other programs are judged by what they take of *one* core: an engine that uses all cores waits for its
    slowest thread at every step, so a tenth of one core lost is a tenth of its speed, on 4 cores as on 64.
    """

    other_percent_of_a_core: float = 10.0
    observer_percent_of_a_core: float = 2.0
    observer_least_s: float = 0.1  # as one redraw of all charts may fall into a short arm
    steal_percent: float = 2.0
    frequency_fall: float = 0.10
    control_difference: float = 0.05
    logical_cores: int = field(default_factory=lambda: os.cpu_count() or 1)


@dataclass(frozen=True)
class Surroundings:
    """How things were during one arm, and the clocks at both ends of it."""

    conditions: Conditions
    began: Stamp
    ended: Stamp


def watch(
    open_sampler: OpenSampler, pid: int, clock: Clock, work: Callable[[], Measurement]
) -> tuple[Measurement, Surroundings]:
    """Do ``work`` between two samples. Nothing runs in this process meanwhile: polling costs a core.

    Only ``pid``, the process that works, is excused: an idle worker that spins is a disturbance.
    """
    return watch_all(open_sampler, (pid,), clock, work)


def watch_all(
    open_sampler: OpenSampler, pids: Collection[int], clock: Clock, work: Callable[[], T]
) -> tuple[T, Surroundings]:
    """:func:`watch` where several processes work at the same time."""
    sampler, began = open_sampler(pids), clock.stamp()
    found = work()
    ended = clock.stamp()
    return found, Surroundings(sampler(), began, ended)


def flags(around: Surroundings, warm: Conditions | None, limits: Limits, t_s: float) -> tuple[Flag, ...]:
    """What disturbed one arm.

    ``warm`` is how things were at the end of this engine's own warm-up. Its frequency is the one to hold: an
    idle core's says nothing, and wide vector instructions slow one engine's clock where another's stays.
    """
    now = around.conditions
    reasons = (
        _others(now, limits),
        _observer(now, around.ended.elapsed_s - around.began.elapsed_s, limits),
        _steal(now, limits),
        _frequency(now, limits, warm.frequency_hz) if warm else "",
        _power(now, warm) if warm else "",
        "the processor was throttled to cool down" if now.throttled else "",
        jump(around.began, around.ended),
    )
    return tuple(Flag(reason, t_s) for reason in reasons if reason)


def control_flag(one: float, other: float, limits: Limits, t_s: float) -> tuple[Flag, ...]:
    """The A–A control: two neighbouring arms of the same engine, in the middle of a block, should agree."""
    difference = max(one, other) / min(one, other) - 1
    if difference <= limits.control_difference:
        return ()
    return (Flag(f"the same engine twice in a row differed by {difference:.0%} {CONTROL}", t_s),)


def is_control(flag: Flag) -> bool:
    """Whether :func:`control_flag` raised it."""
    return flag.reason.endswith(CONTROL)


def remembering(make: OpenSampler) -> OpenSampler:
    """One sampler for each set of processes, kept from arm to arm.

    A sampler looks at the other processes in small slices and knows the busiest only after some samples.
    """
    kept: dict[frozenset[int], Sampler] = {}

    def open_sampler(pids: Collection[int]) -> Sampler:
        ids = frozenset(pids)
        if ids not in kept:
            kept[ids] = make(ids)
        kept[ids]()  # the interval begins here
        return kept[ids]

    return open_sampler


def survey(open_sampler: OpenSampler, clock: Clock, limits: Limits) -> tuple[str, ...]:
    """A second of looking before anything is measured: sentences on what would disturb.

    Further samples before and after that second let the sampler get round all processes, to name the busiest.
    """
    sampler = open_sampler(())
    for _ in range(SURVEY_SCANS):
        sampler()
    clock.sleep_s(SURVEY_S)
    now = sampler()
    seen = [now.busiest, *(sampler().busiest for _ in range(SURVEY_SCANS))]
    busiest = max((b for b in seen if b is not None), key=lambda b: b.percent, default=None)
    now = replace(now, busiest=busiest)
    reasons = (
        _others(now, limits),
        _steal(now, limits),
        "the machine runs on battery" if now.on_battery else "",
        "the processor is throttled to cool down" if now.throttled else "",
    )
    return tuple(f"Before measuring: {reason}." for reason in reasons if reason)


def condition_samples(conditions: Conditions, t_s: float) -> tuple[Sample, ...]:
    """For the charts; what this system does not tell is left out."""
    values = {
        metrics.CPU: conditions.cpu_percent,
        metrics.STEAL: conditions.steal_percent,
        metrics.FREQUENCY: conditions.frequency_hz,
        metrics.TEMPERATURE: conditions.temperature_celsius,
    }
    return tuple(Sample(metrics.MACHINE, name, t_s, v) for name, v in values.items() if v is not None)


def _others(conditions: Conditions, limits: Limits) -> str:
    of_a_core = conditions.cpu_percent * limits.logical_cores
    if of_a_core <= limits.other_percent_of_a_core:
        return ""
    busiest = f"; the busiest was {conditions.busiest.name}" if conditions.busiest else ""
    return f"other programs used {of_a_core:.0f} % of a core{busiest}"


def _observer(conditions: Conditions, elapsed_s: float, limits: Limits) -> str:
    """Edgewright's own window has less than others: it is the one disturbance that is ours."""
    used_s = conditions.observer_s or 0.0
    if elapsed_s <= 0 or used_s <= limits.observer_least_s:
        return ""
    of_a_core = 100 * used_s / elapsed_s
    if of_a_core <= limits.observer_percent_of_a_core:
        return ""
    return f"{OBSERVER} used {of_a_core:.0f} % of a core"


def _steal(conditions: Conditions, limits: Limits) -> str:
    if conditions.steal_percent <= limits.steal_percent:
        return ""
    return f"the host took {conditions.steal_percent:.1f} % of this virtual machine's processor time"


def _frequency(conditions: Conditions, limits: Limits, warm_hz: float | None) -> str:
    now = conditions.frequency_hz
    if not now or not warm_hz or now >= warm_hz * (1 - limits.frequency_fall):
        return ""
    return f"the processor's frequency fell by {1 - now / warm_hz:.0%}"


def _power(now: Conditions, earlier: Conditions) -> str:
    return "the machine went on battery" if now.on_battery and not earlier.on_battery else ""
