"""The stress run: one artifact in many sessions, at its longest context, loaded again and again.

Each check is a finding of its own: one that fails says why, and the others are made all the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from backends.actions.engines import opener
from backends.domain.artifact import Configuration
from backends.domain.errors import EdgewrightError
from backends.domain.events import Progress
from backends.domain.gate import Finding
from backends.domain.metric import TensorWorkload, TokenMeasurement, TokenWorkload, Workload
from backends.domain.result import StressRun
from backends.frameworks.base import JobContext
from backends.frameworks.samples import samples_of
from backends.jobs.engine import RemoteEngine
from backends.optimization.stress import (
    MOST_WINDOWS,
    Answer,
    StressPlan,
    affordable,
    agreement_finding,
    finite_finding,
    growth,
    growth_finding,
    prompt_lengths,
)

OpenEngine = Callable[[Configuration], RemoteEngine]
Pending = Callable[[], Answer]


@dataclass(frozen=True)
class Room:
    """What limits a stress run; ``None`` where it is not known. ``peak_bytes`` of one session."""

    free_bytes: int | None = None
    peak_bytes: int | None = None
    trained_context: int | None = None
    kv_bytes_per_token: int | None = None


class Inputs(Protocol):
    """Inputs of mixed sizes, by number, and what is looked at of the answers."""

    count: int

    @property
    def work(self) -> Workload:
        """A short piece of work, for the memory marks."""

    def begin(self, engine: RemoteEngine, number: int) -> Pending: ...

    def finite(self, engine: RemoteEngine) -> Answer: ...


class TokenInputs:
    """Prompts of mixed lengths from the timed prompt, answered greedily."""

    def __init__(self, work: TokenWorkload, new_tokens: int) -> None:
        self._ids, self._new_tokens = work.token_ids, new_tokens
        self._lengths = prompt_lengths(len(work.token_ids))
        self.count = len(self._lengths)

    @property
    def work(self) -> Workload:
        return TokenWorkload(self._ids, self._new_tokens)

    def begin(self, engine: RemoteEngine, number: int) -> Pending:
        return self.begin_ids(engine, self._ids[: self._lengths[number]])

    def begin_ids(self, engine: RemoteEngine, ids: Sequence[int]) -> Pending:
        pending = engine.begin_measure(TokenWorkload(tuple(ids), self._new_tokens))
        return lambda: _tokens(pending())

    def finite(self, engine: RemoteEngine) -> Answer:
        logits = np.load(engine.logits(self._ids[: self._lengths[-1]]).path, mmap_mode="r")
        return Answer(np.asarray(logits[-1]), bool(np.isfinite(logits).all()))

    def of_length(self, tokens: int) -> tuple[int, ...]:
        return (self._ids * (tokens // len(self._ids) + 1))[:tokens]

    @property
    def new_tokens(self) -> int:
        return self._new_tokens


class TensorInputs:
    """Batches of mixed sizes from the samples there are."""

    def __init__(self, work: TensorWorkload, batch: Path, sizes: Sequence[int], scratch: Path) -> None:
        self._single = work.inputs
        self._files = _batches(batch, sizes, scratch)
        self._scratch, self._written = scratch, 0
        self.count = len(self._files)
        self.largest = _samples(self._files[-1])

    @property
    def work(self) -> Workload:
        return TensorWorkload(self._single, 0.0, 8)

    def begin(self, engine: RemoteEngine, number: int) -> Pending:
        self._written += 1
        pending = engine.begin_infer(self._files[number], self._scratch / f"stress-out-{self._written}.npz")
        return lambda: _outputs(pending())

    def finite(self, engine: RemoteEngine) -> Answer:
        return self.begin(engine, self.count - 1)()


def stress(
    configuration: Configuration, inputs: Inputs, plan: StressPlan, room: Room, job: JobContext
) -> StressRun:
    """Put one configuration under stress. Raises JobCancelled; whatever else goes wrong is a finding."""
    return _Stress(configuration, inputs, plan, room, job, opener(job)).run()


@dataclass
class _Stress:
    configuration: Configuration
    inputs: Inputs
    plan: StressPlan
    room: Room
    job: JobContext
    open_engine: OpenEngine
    expected: list[Answer] = field(default_factory=list)
    finite: list[Answer] = field(default_factory=list)
    peaks: list[int] = field(default_factory=list)
    sessions: int = 1
    context: int = 0

    def run(self) -> StressRun:
        began = time.monotonic()
        steps: tuple[tuple[str, Callable[[], Finding]], ...] = (
            ("repeated loading", self._load_again),
            ("concurrent sessions", self._at_once),
            ("long context", self._long),
        )
        findings = [self._guarded(number / len(steps), *step) for number, step in enumerate(steps)]
        if self.finite:
            findings.append(finite_finding(self.finite))
        findings.append(self._growth())
        return StressRun(
            self.sessions,
            len(self.peaks),
            self.context,
            tuple(self.peaks),
            growth(self.peaks[-self.plan.loads :]),
            tuple(findings),
            time.monotonic() - began,
        )

    def _guarded(self, fraction: float, name: str, check: Callable[[], Finding]) -> Finding:
        self.job.emit(Progress(fraction, f"{self.configuration.label}: stress, {name}"))
        self.job.check_cancelled()
        try:
            return check()
        except EdgewrightError as error:
            return Finding(name, False, f"{name.capitalize()} failed: {error}")

    def _load_again(self) -> Finding:
        """One load unmeasured, because it brings in the libraries; then the mark of each."""
        answers: list[tuple[Answer, Answer]] = []
        with self._opened(self.configuration) as engine:
            self.expected = [self.inputs.begin(engine, number)() for number in range(self.inputs.count)]
            while self._wants_another_load():
                try:
                    self._reload(engine, answers)
                except EdgewrightError as error:
                    text = f"Load {len(self.peaks) + 2} in one process failed: {error}"
                    return Finding("repeated loading", False, text)
        return agreement_finding(
            "repeated loading", f"Loaded {len(answers) + 1} times in one process", answers
        )

    def _wants_another_load(self) -> bool:
        """Until memory has stopped growing for as many loads as were asked for; three times that at most."""
        if len(self.peaks) < self.plan.loads:
            return True
        return len(self.peaks) < MOST_WINDOWS * self.plan.loads and self._growth().passed is not True

    def _growth(self) -> Finding:
        return growth_finding(self.peaks, self.plan.loads)

    def _reload(self, engine: RemoteEngine, answers: list[tuple[Answer, Answer]]) -> None:
        self.job.check_cancelled()
        engine.reopen()
        last = self.inputs.count - 1
        answers.append((self.inputs.begin(engine, last)(), self.expected[last]))
        self.peaks.append(engine.memory(self.inputs.work).total_peak_bytes)
        self.finite.append(self.inputs.finite(engine))

    def _at_once(self) -> Finding:
        """Every session works through all inputs, each beginning with another one."""
        name, wanted = "concurrent sessions", self.plan.sessions
        possible = affordable(wanted, self.room.peak_bytes, self.room.free_bytes)
        if possible < 2:
            return Finding(name, None, "The free memory holds one session only, so none were run at once.")
        self.sessions = possible
        engines: list[RemoteEngine] = []
        answers: list[tuple[Answer, Answer]] = []
        try:
            engines += [self.open_engine(self.configuration) for _ in range(possible)]
            self._expect(engines[0])
            for turn in range(self.inputs.count):
                answers += self._turn(engines, turn)
        finally:
            for engine in engines:
                engine.close()
        where = f"{possible} processes at the same time, inputs of {self.inputs.count} sizes"
        return agreement_finding(name, where, answers)

    def _expect(self, engine: RemoteEngine) -> None:
        """Where loading failed before anything could be asked."""
        if not self.expected:
            self.expected = [self.inputs.begin(engine, number)() for number in range(self.inputs.count)]

    def _turn(self, engines: Sequence[RemoteEngine], turn: int) -> list[tuple[Answer, Answer]]:
        """All are started before any is waited for."""
        self.job.check_cancelled()
        numbers = [(turn + place) % self.inputs.count for place in range(len(engines))]
        pending = [self.inputs.begin(engine, number) for engine, number in zip(engines, numbers, strict=True)]
        return [(answer(), self.expected[number]) for answer, number in zip(pending, numbers, strict=True)]

    def _long(self) -> Finding:
        if isinstance(self.inputs, TokenInputs):
            return self._long_prompt(self.inputs)
        assert isinstance(self.inputs, TensorInputs)
        return self._large_batch(self.inputs)

    def _long_prompt(self, inputs: TokenInputs) -> Finding:
        """The same prompt twice: what the first left behind must not change the second."""
        self.context, why = longest_context(self.configuration.load.context, self.plan.context, self.room)
        load = replace(self.configuration.load, context=self.context)
        ids = inputs.of_length(self.context - inputs.new_tokens)
        with self._opened(replace(self.configuration, load=load)) as engine:
            first, second = (inputs.begin_ids(engine, ids)() for _ in range(2))
        where = f"A prompt of {len(ids):,} tokens in a context of {self.context:,} ({why}), twice"
        return agreement_finding("long context", where, [(second, first)])

    def _large_batch(self, inputs: TensorInputs) -> Finding:
        self.context = inputs.largest
        with self._opened(self.configuration) as engine:
            first, second = (inputs.begin(engine, inputs.count - 1)() for _ in range(2))
        where = f"A batch of {inputs.largest:,} samples, twice"
        return agreement_finding("long context", where, [(second, first)])

    @contextmanager
    def _opened(self, configuration: Configuration) -> Iterator[RemoteEngine]:
        engine = self.open_engine(configuration)
        try:
            yield engine
        finally:
            engine.close()


def longest_context(opened: int, wanted: int, room: Room) -> tuple[int, str]:
    """Tokens, and what set the limit. Never less than what the configuration is opened with."""
    if room.trained_context and room.trained_context <= max(wanted, opened):
        limit, why = room.trained_context, "all that the model was made for"
    else:
        limit, why = max(wanted, opened), "the limit of this stress run"
    fits = affordable(limit, room.kv_bytes_per_token, room.free_bytes, share=0.4)
    if fits < limit:
        return max(opened, fits), "as the free memory allows"
    return limit, why


def _tokens(measurement: object) -> Answer:
    assert isinstance(measurement, TokenMeasurement)
    return Answer(np.asarray(measurement.token_ids, dtype=np.int64))


def _outputs(path: Path) -> Answer:
    with np.load(path, allow_pickle=False) as archive:
        values = np.concatenate(
            [np.ravel(archive[name]).astype(np.float64) for name in sorted(archive.files)]
        )
    path.unlink()
    return Answer(values, bool(np.isfinite(values).all()))


def _batches(source: Path, sizes: Sequence[int], scratch: Path) -> tuple[Path, ...]:
    """The first samples of ``source``, as files of these sizes or as large as there are samples."""
    with np.load(source, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    total = samples_of(arrays)
    if total is None:
        return (source,)
    files = []
    for size in sorted({min(size, total) for size in sizes}):
        path = scratch / f"stress-{size}.npz"
        np.savez(path, allow_pickle=False, **{name: values[:size] for name, values in arrays.items()})
        files.append(path)
    return tuple(files)


def _samples(path: Path) -> int:
    with np.load(path, allow_pickle=False) as archive:
        return samples_of({name: archive[name] for name in archive.files}) or 1
