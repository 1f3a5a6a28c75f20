"""The conductor: plain blocking code that drives engines through a plan, one arm at a time.

Candidates are taken one after the other, each against the original: at most two workers are open, so idle
engines neither fill the memory nor spin on cores that are being measured, and a candidate's pairs lie within
minutes of each other. What is compared between candidates is therefore their ratios, never their rates.

Runs on a QThread in the window and on the main thread in the command line. Threads, storage and processes are
the caller's, who hands in how to open an engine, a clock, a sampler of the machine, and a gate.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from backends.benchmarking import metrics, sampling
from backends.benchmarking.bench import Arm, Bench, Surface
from backends.benchmarking.narrator import Narrator
from backends.benchmarking.progress import Meter
from backends.benchmarking.protocol import Block, PairSlot, Plan, blocks_until_look
from backends.benchmarking.seats import PairVoid, Seat
from backends.benchmarking.summary import (
    Notebook,
    Outcome,
    compare,
    decided,
    interval_of,
    pair_ratios,
    result_of,
    summarise,
)
from backends.domain.events import Started
from backends.domain.result import ConfigurationResult, Flag, Reading

__all__ = ["Outcome", "Surface", "run"]

LONG_PAUSE_S = 10.0  # after a longer one the engines run once unmeasured: caches and clocks have cooled
WARM_UP_UNITS = 2  # of progress, a pair being one: a full pass and three readings are four arms
PAIRS_TO_SHOW = 3  # from here on a running interval is worth drawing


def run(
    plan: Plan,
    surface: Surface,
    earlier: Sequence[Reading] = (),
    finished: Sequence[ConfigurationResult] = (),
) -> Outcome:
    """Measure ``plan``; emits Started, Progress, Sample and Log, and no terminal event.

    ``earlier`` are the readings of an interrupted run of the same plan, or of one with fewer looks: their
    pairs are not measured again, and of what is in its ``finished`` results neither memory nor energy. A
    configuration that cannot be run says why in its result's ``failure``; the others go on.

    Raises JobCancelled between two arms. All workers are closed then, and whole pairs have been handed over;
    ``summary.summarise`` makes results of them.
    """
    surface.job.emit(Started(f"Measuring {len(plan.candidates) + 1} configurations"))
    narrator = Narrator(surface.job)
    with closing(Bench(plan, surface, narrator.note)) as bench:
        return _Conductor(plan, surface, narrator, bench, earlier, finished).run()


@dataclass(frozen=True)
class _Turn:
    """Which pair is being measured."""

    seat: Seat
    slot: PairSlot
    restart: int
    repeat: int = 0


class _Conductor:
    def __init__(
        self,
        plan: Plan,
        surface: Surface,
        narrator: Narrator,
        bench: Bench,
        earlier: Sequence[Reading],
        finished: Sequence[ConfigurationResult],
    ) -> None:
        self.plan = plan
        self.surface = surface
        self.narrator = narrator
        self.bench = bench
        self.readings = list(earlier)
        self.books = {seat.label: Notebook() for seat in bench.seats}
        for result in finished:
            if result.label in self.books and not result.failure:
                self.books[result.label] = Notebook(
                    result.engine, result.memory, energy=result.energy, start_up=result.start_up
                )
        self.restart = 0
        self.earlier_s = max((r.t_s for r in earlier), default=0.0)
        self.settled = 0  # seats whose first warm-up is counted
        pairs = max(1, len(plan.candidates)) * plan.protocol.most_pairs
        self.meter = Meter(pairs + (WARM_UP_UNITS + plan.memory) * len(bench.seats), surface.clock)

    @property
    def t_s(self) -> float:
        """Seconds since the start; a resumed run goes on after its last reading."""
        return self.earlier_s + self.meter.now_s

    def run(self) -> Outcome:
        if self.plan.lack:
            self.narrator.note(self.plan.lack)
        for sentence in sampling.survey(self.surface.open_sampler, self.surface.clock, self.surface.limits):
            self.narrator.note(sentence)
        seats = self.bench.seats
        for number, seat in enumerate(seats[1:] or seats):
            self.candidate(number, seat)
            self.finish(seat)
        if len(seats) > 1:
            self.finish(self.bench.original)
        results = summarise(self.plan, self.readings, [self.notebook(seat) for seat in seats])
        return Outcome(results, tuple(self.readings), tuple(self.narrator.notes))

    def candidate(self, number: int, seat: Seat) -> None:
        """Look after look, until every claim is decided or the candidate is given up."""
        rules = self.plan.protocol
        self.restart = 0 if rules.restarts == 1 else -1  # -1: the first block starts fresh as well
        for look, blocks in blocks_until_look(rules, number):
            for block in blocks:
                self.block(block, seat)
            if seat.failure or self.is_decided(seat, look):
                break
        to_come = max(0, len(self.plan.candidates) - number - 1)
        memory_runs = self.plan.memory * (len(self.bench.seats) - number)
        self.meter.expect(to_come * (rules.most_pairs + WARM_UP_UNITS) + memory_runs)

    def is_decided(self, seat: Seat, look: int) -> bool:
        """Without an original there is nothing to decide, and one look will do."""
        comparisons = compare(self.plan, seat.label, self.readings)
        self.narrator.look(seat.label, self.t_s, look, comparisons)
        return decided(comparisons)

    def finish(self, seat: Seat) -> None:
        """Memory, start-up and energy, then the result of one configuration."""
        seat.close()
        book = self.books[seat.label]
        if self.plan.memory:
            self.tell_progress(f"{seat.label}: memory")
            if not seat.failure and book.memory is None:
                self.pass_gate()
                book.memory = self.bench.memory(seat)
            if book.memory is not None:
                self.narrator.memory(seat.label, self.t_s, book.memory)
            self.meter.done()
        if self.plan.start_up and not seat.failure and book.start_up is None:
            self.pass_gate()
            book.start_up = self.bench.start_up(seat)
        if not seat.failure and book.energy is None and self.surface.counters is not None:
            self.pass_gate()
            book.energy = self.bench.energy(seat)
        self.surface.on_result(
            result_of(self.plan, seat.label, seat.configuration, self.readings, self.notebook(seat))
        )
        self.tell_progress(f"{seat.label}: finished")

    def notebook(self, seat: Seat) -> Notebook:
        """With what the seat knows by now."""
        book = self.books[seat.label]
        book.engine, book.failure = seat.engine or book.engine, seat.failure
        return book

    def block(self, block: Block, seat: Seat) -> None:
        """Two mirrored pairs, then the repeats of those that were flagged; of an earlier run what it lacks.

        Where that ended between the two, the first is repeated, to have a control between neighbours.
        """
        missing = [slot for slot in block.slots if not self.is_measured(seat, slot)]
        turns = [_Turn(seat, slot, block.restart) for slot in missing]
        if missing == [block.slots[1]]:
            turns.insert(0, _Turn(seat, block.slots[0], block.restart, repeat=1))
        if (turns or self.doubtful(seat, block)) and block.restart != self.restart:
            self.bench.close()
        self.restart = block.restart
        before: Sequence[Reading] = ()
        for turn in turns:
            before = self.pair(turn, before)
            self.count_warm_ups()
            if turn.repeat == 0:
                self.meter.done()
            self.tell_progress(f"{seat.label}: pair {turn.slot.index + 1}")
        for slot in self.doubtful(seat, block):
            self.pair(_Turn(seat, slot, block.restart, repeat=1))

    def is_measured(self, seat: Seat, slot: PairSlot) -> bool:
        """In an earlier run; or nothing to measure any more."""
        whole = (r.pair for r in self.readings if r.comparison == r.label == seat.label and not r.void)
        return bool(seat.failure) or slot.index in whole

    def doubtful(self, seat: Seat, block: Block) -> list[PairSlot]:
        """Flagged pairs that were not repeated; both pairs where the control between them failed, for either
        may be off."""
        indices = {slot.index for slot in block.slots}
        own = [r for r in self.readings if r.comparison == seat.label and r.pair in indices and not r.void]
        repeated = {r.pair for r in own if r.repeat}
        flagged = {r.pair for r in own if r.flags}
        if any(sampling.is_control(flag) for r in own for flag in r.flags):
            flagged = indices
        return [slot for slot in block.slots if slot.index in flagged - repeated]

    def control(self, neighbours: Sequence[Reading], reading: Reading) -> tuple[Flag, ...]:
        """The A–A control of ``reading`` against the arm just before it, where that was the same engine's."""
        if not neighbours or neighbours[-1].label != reading.label:
            return ()
        rates = metrics.main_rate(neighbours[-1].measurement), metrics.main_rate(reading.measurement)
        return sampling.control_flag(*rates, self.surface.limits, reading.t_s)

    def pair(self, turn: _Turn, neighbours: Sequence[Reading] = ()) -> Sequence[Reading]:
        """One pair, again and again until it is whole; empty where its candidate is given up.

        ``neighbours``: the pair just before, whose last arm serves as A–A control of the first arm here.
        """
        while not turn.seat.failure:
            arms: list[Reading] = []
            try:
                self.make_ready(turn)
                for seat in self.order(turn):
                    reading = self.reading(turn, seat, self.bench.arm(seat))
                    flags = self.control(neighbours, reading) if not arms else ()
                    arms.append(replace(reading, flags=reading.flags + flags))
                    self.narrator.reading(arms[-1])
            except PairVoid as lost:
                self.void(turn, arms, str(lost))
            else:
                self.keep(arms)
                self.show_ratio(turn.seat, turn.slot.index + 1)
                return arms
        return ()

    def order(self, turn: _Turn) -> tuple[Seat, ...]:
        """Both seats in the slot's order; one alone where the original cannot be run, or is the only one."""
        original = self.bench.original
        if turn.seat is original or original.failure:
            return (turn.seat,)
        return (turn.seat, original) if turn.slot.candidate_first else (original, turn.seat)

    def make_ready(self, turn: _Turn) -> None:
        pause_s = self.pass_gate()
        order = self.order(turn)
        if self.plan.resident and any(seat.warm is None for seat in order):
            self.tell_progress(f"{turn.seat.label}: warming up")
        self.bench.make_ready(order, refresh=pause_s > LONG_PAUSE_S)

    def pass_gate(self) -> float:
        """Wait while the user has paused; seconds it took."""
        began_s = self.surface.clock.now_s()
        self.surface.gate()
        pause_s = self.surface.clock.now_s() - began_s
        self.meter.paused(pause_s)
        return pause_s

    def count_warm_ups(self) -> None:
        settled = sum(seat.has_settled for seat in self.bench.seats)
        self.meter.done(WARM_UP_UNITS * (settled - self.settled))
        self.settled = settled

    def reading(self, turn: _Turn, seat: Seat, arm: Arm) -> Reading:
        t_s = self.t_s
        return Reading(
            seat.label,
            turn.slot.index,
            turn.restart,
            t_s,
            arm.measurement,
            sampling.flags(arm.around, seat.warm, self.surface.limits, t_s),
            comparison=turn.seat.label,
            repeat=turn.repeat,
            conditions=arm.around.conditions,
            worker_cpu_percent=arm.worker_cpu_percent,
        )

    def keep(self, arms: Sequence[Reading]) -> None:
        for reading in arms:
            self.readings.append(reading)
            self.surface.on_reading(reading)

    def void(self, turn: _Turn, arms: Sequence[Reading], why: str) -> None:
        """What was measured of the pair is kept and marked; it is in no figure."""
        self.narrator.note(f"Pair {turn.slot.index + 1} is void. {why}")
        mark = Flag(f"the pair is void: {why}", self.t_s)
        self.keep([replace(arm, void=True, flags=(*arm.flags, mark)) for arm in arms])

    def show_ratio(self, seat: Seat, pair: int) -> None:
        """The running interval is for the eye; claims are made at looks only."""
        for rate in metrics.rate_metrics(self.plan.workload):
            ratios = pair_ratios(self.readings, seat.label, rate)
            if ratios:
                interval = interval_of(self.plan, ratios) if len(ratios) >= PAIRS_TO_SHOW else None
                self.narrator.ratio(seat.label, self.t_s, rate, pair, ratios[-1], interval)

    def tell_progress(self, what: str) -> None:
        self.surface.job.emit(self.meter.progress(what))
