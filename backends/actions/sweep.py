"""``edgewright sweep``: threads, context depth, batch, concurrency or streams in steps, on one artifact."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from backends.actions.assess import assess
from backends.actions.keeping import this_machine
from backends.actions.modes import Subject, batch_file, kept, real_sampler, shortened
from backends.benchmarking import threads
from backends.benchmarking.clock import Clock, RealClock
from backends.benchmarking.diagnosis import Case, diagnose
from backends.benchmarking.room import Room
from backends.benchmarking.sampling import OpenSampler
from backends.benchmarking.sweeps import ROUNDS, Step, Sweep, sweep
from backends.codec import to_plain
from backends.domain.artifact import LoadOptions
from backends.domain.errors import BadInput, WorkerDied
from backends.domain.events import Log
from backends.domain.metric import Measurement, TensorWorkload, TokenWorkload, Workload
from backends.domain.result import ConfigurationResult
from backends.frameworks.base import EngineHandle
from backends.frameworks.generation import physical_cores
from backends.jobs.engine import RemoteEngine
from backends.recommendation.fit import RUNTIME_BYTES
from backends.storage.history import History

AXES = ("threads", "depth", "batch", "concurrency", "streams")
DEPTHS = (0, 256, 1024, 2048, 4096, 8192, 16_384, 32_768)
BATCHES = (1, 2, 4, 8, 16, 32)
NEW_TOKENS = 64
ARM_S = 1.0  # of a tensor model's reading


@dataclass
class _Bench:
    """What a sweep works with. Everything it has open is closed at its end."""

    subject: Subject
    scratch: Path
    cleanup: ExitStack
    room: Room
    workers: list[_Workers] = field(default_factory=list)
    engines: list[RemoteEngine] = field(default_factory=list)  # that were ever open
    _work: Workload | None = None
    _ids: tuple[int, ...] = ()

    @property
    def holds_all(self) -> bool:
        """The workers of all steps fit in memory together."""
        return self.room.holds(sum(one.count for one in self.workers), self.subject.configuration)

    def prepare(self, load: LoadOptions | None = None, count: int = 1) -> _Workers:
        self.workers.append(_Workers(self, load or self.subject.load, count))
        self.cleanup.callback(self.workers[-1].close)
        return self.workers[-1]

    def work(self, engine: EngineHandle) -> Workload:
        """The same for all steps."""
        if self._work is None:
            self._work = self._shortened(self.subject.work(engine, self.scratch))
        return self._work

    def token_ids(self, engine: EngineHandle) -> tuple[int, ...]:
        """The same for all steps."""
        self._ids = self._ids or self.subject.token_ids(engine)
        return self._ids

    @staticmethod
    def _shortened(work: Workload) -> Workload:
        if isinstance(work, TokenWorkload):
            return replace(work, new_tokens=NEW_TOKENS)
        return shortened(work, ARM_S)


@dataclass
class _Workers:
    """So many workers with the model opened alike, when they are first needed.

    They stay open where the memory holds those of all steps. Else they are opened for every reading, and run
    once unmeasured before it.
    """

    bench: _Bench
    load: LoadOptions
    count: int
    open_now: list[RemoteEngine] = field(default_factory=list)
    _closing: ExitStack = field(default_factory=ExitStack)

    def step(self, value: int, work: Callable[[EngineHandle], Workload] | None = None) -> Step:
        """``work``: of each of them, by the first."""
        chosen = work or self.bench.work

        def measure() -> Sequence[Measurement]:
            return _together(self.open_now, chosen(self.open_now[0]))

        @contextmanager
        def opened() -> Iterator[tuple[int, ...]]:
            try:
                if not self.open_now:
                    self._open()
                    if not self.bench.holds_all:
                        measure()
                yield tuple(engine.pid for engine in self.open_now)
            except WorkerDied:
                self.close()
                raise
            finally:
                if not self.bench.holds_all:
                    self.close()

        return Step(value, measure, opened)

    def close(self) -> None:
        self.open_now = []
        self._closing.close()

    def _open(self) -> None:
        """All or none. Raises BadInput before several fill the memory."""
        subject = self.bench.subject
        if self.count > 1 and not self.bench.room.holds(self.count, subject.configuration):
            raise BadInput(f"The free memory does not hold {self.count} sessions at once.")
        with ExitStack() as opening:
            engines = []
            for _ in range(self.count):
                subject.job.check_cancelled()
                engines.append(opening.enter_context(subject.opened(self.load)))
            self._closing, self.open_now = opening.pop_all(), engines
        self.bench.engines += engines


def run_sweep(
    subject: Subject,
    over: str,
    history: History,
    values: Sequence[int] = (),
    rounds: int = ROUNDS,
    clock: Clock | None = None,
    open_sampler: OpenSampler | None = None,
) -> dict[str, Any]:
    """Measure, store and return the document. ``values``: other steps than the usual ones.

    Raises BadInput for an axis this kind of model does not have, or where no step could be measured.
    """
    make = _STEPS.get(over)
    if make is None:
        raise BadInput(f"There is no sweep over “{over}”.", f"Choose one of: {', '.join(AXES)}.")
    _check(subject, over, values)
    with tempfile.TemporaryDirectory(prefix="edgewright-") as scratch, ExitStack() as cleanup:
        bench = _Bench(subject, Path(scratch), cleanup, room_of(subject))
        steps = make(bench, tuple(values))
        if not bench.holds_all:
            subject.job.emit(Log("The free memory does not hold all steps: each reading opens its own anew."))
        found = sweep(over, steps, clock or RealClock(), open_sampler or real_sampler(), subject.job, rounds)
        findings = diagnosis(subject, found, bench.engines) if over == "threads" else ()
    reopened = not bench.holds_all
    return kept("sweep", subject, found, history, diagnosis=list(findings), reopened=reopened)


def room_of(subject: Subject) -> Room:
    """What is free now, and what one worker takes by estimate."""
    profile = assess(subject.artifact.path, subject.job).profile
    return Room(profile, RUNTIME_BYTES, this_machine().memory.available_bytes.value)


def _check(subject: Subject, over: str, values: Sequence[int]) -> None:
    wrong = {"depth": not subject.is_language, "batch": subject.is_language, "streams": subject.is_language}
    if wrong.get(over):
        kind = "models of named tensors" if subject.is_language else "language models"
        raise BadInput(f"Sweeps over {over} are for {kind}.", "Choose another of: " + ", ".join(AXES) + ".")
    least = 0 if over == "depth" else 1
    if any(value < least for value in values):
        raise BadInput(f"A value of {over} is {least} or more.")


def diagnosis(subject: Subject, found: Sweep, engines: Sequence[EngineHandle]) -> tuple[Any, ...]:
    """What the thread counts say of the usual one, as :mod:`backends.benchmarking.diagnosis` puts it."""
    usual = subject.load.threads or physical_cores()
    engine = next((one.engine for one in engines if one.engine.threads == usual), None)
    if engine is None or found.best is None:
        return ()
    rates = {point.value: point.readings[found.metric] for point in found.points if point.readings}
    advice = threads.ThreadAdvice(found.best, rates)
    result = ConfigurationResult(subject.configuration, engine=engine, label=subject.configuration.label)
    return tuple(to_plain(one) for one in diagnose(Case(result, this_machine(), threads=advice)))


def _threads(bench: _Bench, values: tuple[int, ...]) -> list[Step]:
    counts = values or threads.counts_to_try(physical_cores(), os.cpu_count() or 1)
    return [bench.prepare(replace(bench.subject.load, threads=count)).step(count) for count in counts]


def _depth(bench: _Bench, values: tuple[int, ...]) -> list[Step]:
    """Decode behind so many tokens; prefill is that of those very tokens. Depth 0 has a prompt of one."""
    room = bench.subject.load.context - NEW_TOKENS
    depths = values or (*(depth for depth in DEPTHS if depth < room), room)
    workers, ids = bench.prepare(), bench.token_ids

    def behind(depth: int) -> Callable[[EngineHandle], Workload]:
        return lambda engine: TokenWorkload(_repeated(ids(engine), max(1, depth)), NEW_TOKENS)

    return [workers.step(depth, behind(depth)) for depth in depths]


def _repeated(ids: tuple[int, ...], length: int) -> tuple[int, ...]:
    return (ids * (length // len(ids) + 1))[:length]


def _batch(bench: _Bench, values: tuple[int, ...]) -> list[Step]:
    workers, specs = bench.prepare(), bench.subject.inputs()

    def of(size: int) -> Callable[[EngineHandle], Workload]:
        return lambda engine: TensorWorkload(batch_file(specs, size, bench.scratch), ARM_S)

    return [workers.step(size, of(size)) for size in values or BATCHES]


def _streams(bench: _Bench, values: tuple[int, ...]) -> list[Step]:
    """Several inferences at a time in one process. OpenVINO gives each a stream and shares the cores among
    them; elsewhere threads run the one session together."""
    counts = values or threads.counts_to_try(physical_cores(), os.cpu_count() or 1)
    single = batch_file(bench.subject.inputs(), 1, bench.scratch)
    own_streams = bench.subject.artifact.framework == "openvino"
    plain = None if own_streams else bench.prepare()

    def of(count: int) -> Callable[[EngineHandle], Workload]:
        return lambda engine: TensorWorkload(single, ARM_S, parallel=count)

    return [
        (plain or bench.prepare(_with_streams(bench.subject.load, count))).step(count, of(count))
        for count in counts
    ]


def _with_streams(load: LoadOptions, count: int) -> LoadOptions:
    hint = "throughput" if count > 1 else "latency"
    return replace(load, options={**load.options, "streams": count, "hint": hint})


def _concurrency(bench: _Bench, values: tuple[int, ...]) -> list[Step]:
    """So many sessions at work at the same time, each a process of its own with its share of the cores."""
    cores = bench.subject.load.threads or physical_cores()
    counts = values or threads.counts_to_try(physical_cores(), os.cpu_count() or 1)
    loads = {count: replace(bench.subject.load, threads=max(1, cores // count)) for count in counts}
    return [bench.prepare(load, count).step(count) for count, load in loads.items()]


def _together(engines: Sequence[RemoteEngine], work: Workload) -> Sequence[Measurement]:
    """All of them are waited for, whatever becomes of one: a session left at work would disturb the next."""
    pending = [engine.begin_measure(work) for engine in engines]
    found, errors = [], []
    for finish in pending:
        try:
            found.append(finish())
        except Exception as error:  # noqa: BLE001 - raised below, once none is at work any more
            errors.append(error)
    if errors:
        raise errors[0]
    return found


_STEPS: dict[str, Callable[[_Bench, tuple[int, ...]], list[Step]]] = {
    "threads": _threads,
    "depth": _depth,
    "batch": _batch,
    "concurrency": _concurrency,
    "streams": _streams,
}
