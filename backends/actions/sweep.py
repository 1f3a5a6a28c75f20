"""``edgewright sweep``: threads, context depth, batch, concurrency or streams in steps, on one artifact."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from backends.actions.keeping import this_machine
from backends.actions.modes import Subject, batch_file, kept, real_sampler, shortened
from backends.benchmarking import threads
from backends.benchmarking.clock import Clock, RealClock
from backends.benchmarking.diagnosis import Case, diagnose
from backends.benchmarking.sampling import OpenSampler
from backends.benchmarking.sweeps import ROUNDS, Step, Sweep, sweep
from backends.codec import to_plain
from backends.domain.artifact import LoadOptions
from backends.domain.errors import BadInput
from backends.domain.metric import Measurement, TensorWorkload, TokenWorkload, Workload
from backends.domain.result import ConfigurationResult
from backends.frameworks.base import EngineHandle
from backends.frameworks.generation import physical_cores
from backends.jobs.engine import RemoteEngine
from backends.storage.history import History

AXES = ("threads", "depth", "batch", "concurrency", "streams")
DEPTHS = (0, 256, 1024, 2048, 4096, 8192, 16_384, 32_768)
BATCHES = (1, 2, 4, 8, 16, 32)
NEW_TOKENS = 64
ARM_S = 1.0  # of a tensor model's reading


@dataclass
class _Bench:
    """Everything a sweep has open; closed at its end."""

    subject: Subject
    scratch: Path
    cleanup: ExitStack
    engines: list[RemoteEngine] = field(default_factory=list)

    def open(self, load: LoadOptions | None = None) -> RemoteEngine:
        self.subject.job.check_cancelled()
        engine = self.cleanup.enter_context(self.subject.opened(load))
        self.engines.append(engine)
        return engine

    def work(self, engine: EngineHandle) -> Workload:
        work = self.subject.work(engine, self.scratch)
        if isinstance(work, TokenWorkload):
            return replace(work, new_tokens=NEW_TOKENS)
        return shortened(work, ARM_S)


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
        bench = _Bench(subject, Path(scratch), cleanup)
        steps = make(bench, tuple(values))
        found = sweep(over, steps, clock or RealClock(), open_sampler or real_sampler(), subject.job, rounds)
        findings = diagnosis(subject, found, bench.engines) if over == "threads" else ()
    return kept("sweep", subject, found, history, diagnosis=list(findings))


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
    engines = {count: bench.open(replace(bench.subject.load, threads=count)) for count in counts}
    work = bench.work(engines[counts[0]])
    return [_step(count, engine, work) for count, engine in engines.items()]


def _depth(bench: _Bench, values: tuple[int, ...]) -> list[Step]:
    """Decode behind so many tokens; prefill is that of those very tokens. Depth 0 has a prompt of one."""
    room = bench.subject.load.context - NEW_TOKENS
    depths = values or (*(depth for depth in DEPTHS if depth < room), room)
    engine = bench.open()
    ids = bench.subject.token_ids(engine)
    return [
        _step(depth, engine, TokenWorkload(_repeated(ids, max(1, depth)), NEW_TOKENS)) for depth in depths
    ]


def _repeated(ids: tuple[int, ...], length: int) -> tuple[int, ...]:
    return (ids * (length // len(ids) + 1))[:length]


def _batch(bench: _Bench, values: tuple[int, ...]) -> list[Step]:
    engine, specs = bench.open(), bench.subject.inputs()

    def at(size: int) -> Callable[[], Sequence[Measurement]]:
        return lambda: (engine.measure(TensorWorkload(batch_file(specs, size, bench.scratch), ARM_S)),)

    return [Step(size, at(size), (engine.pid,)) for size in values or BATCHES]


def _streams(bench: _Bench, values: tuple[int, ...]) -> list[Step]:
    """Several inferences at a time in one process. OpenVINO gives each a stream and shares the cores among
    them; elsewhere threads run the one session together."""
    counts = values or threads.counts_to_try(physical_cores(), os.cpu_count() or 1)
    single = batch_file(bench.subject.inputs(), 1, bench.scratch)
    own_streams = bench.subject.artifact.framework == "openvino"
    plain = None if own_streams else bench.open()
    steps = []
    for count in counts:
        engine = plain or bench.open(_with_streams(bench.subject.load, count))
        steps.append(_step(count, engine, TensorWorkload(single, ARM_S, parallel=count)))
    return steps


def _with_streams(load: LoadOptions, count: int) -> LoadOptions:
    hint = "throughput" if count > 1 else "latency"
    return replace(load, options={**load.options, "streams": count, "hint": hint})


def _concurrency(bench: _Bench, values: tuple[int, ...]) -> list[Step]:
    """So many sessions at work at the same time, each a process of its own with its share of the cores."""
    cores = bench.subject.load.threads or physical_cores()
    counts = values or threads.counts_to_try(physical_cores(), os.cpu_count() or 1)
    steps = []
    for count in counts:
        load = replace(bench.subject.load, threads=max(1, cores // count))
        engines = [bench.open(load) for _ in range(count)]
        work = bench.work(engines[0])
        steps.append(Step(count, _together(engines, work), tuple(engine.pid for engine in engines)))
    return steps


def _together(engines: Sequence[RemoteEngine], work: Workload) -> Callable[[], Sequence[Measurement]]:
    """All of them are waited for, whatever becomes of one: a session left at work would disturb the next."""

    def measure() -> Sequence[Measurement]:
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

    return measure


def _step(value: int, engine: EngineHandle, work: Workload) -> Step:
    return Step(value, lambda: (engine.measure(work),), (engine.pid,))


_STEPS: dict[str, Callable[[_Bench, tuple[int, ...]], list[Step]]] = {
    "threads": _threads,
    "depth": _depth,
    "batch": _batch,
    "concurrency": _concurrency,
    "streams": _streams,
}
