"""Measure artifacts against the original: speed and memory in pairs, then quality, stored as it arrives."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from backends.actions.engines import opener
from backends.actions.keeping import setup_of, this_machine, with_hashes
from backends.actions.material import Material, prepare_material
from backends.benchmarking.bench import Surface
from backends.benchmarking.clock import RealClock
from backends.benchmarking.conductor import run
from backends.benchmarking.protocol import QUICK, Plan, Protocol
from backends.benchmarking.sampling import remembering
from backends.benchmarking.summary import Outcome
from backends.domain.artifact import Artifact, Configuration, LoadOptions
from backends.domain.errors import EdgewrightError, JobCancelled
from backends.domain.events import Log, Progress
from backends.domain.gate import GateResult
from backends.domain.model import ModelKind, SourceModel
from backends.domain.result import ConfigurationResult, RunRecord, RunSetup
from backends.frameworks import registry
from backends.frameworks.base import EngineHandle, JobContext
from backends.hardware.conditions import ConditionsSampler
from backends.optimization.gates import Evidence, default_gates, evaluate
from backends.optimization.security import inspect_files
from backends.quality import harness
from backends.quality.data import Preprocessing
from backends.storage.history import History

CONTEXT = 1024
SPEED_THRESHOLD = 2.0  # the gate "at least twice as fast"


@dataclass(frozen=True)
class Comparison:
    """What to measure. ``task_limit``: at most so many questions; ``None`` asks all."""

    source: SourceModel
    original: Artifact
    artifacts: tuple[Artifact, ...]
    protocol: Protocol = field(default_factory=lambda: QUICK)
    context: int = CONTEXT
    threads: int = 0
    task_limit: int | None = None
    preprocessing: Preprocessing | None = None

    def configurations(self) -> tuple[Configuration, ...]:
        """The original first."""
        load = LoadOptions(threads=self.threads, context=self._context())
        return tuple(Configuration(artifact, load) for artifact in (self.original, *self.artifacts))

    def _context(self) -> int:
        """No longer than the model was made for."""
        return min(self.context, self.source.profile.context_length or self.context)


def compare(
    comparison: Comparison,
    job: JobContext,
    history: History,
    gate: Callable[[], None] = lambda: None,
    on_result: Callable[[ConfigurationResult], None] = lambda result: None,
    on_start: Callable[[str], None] = lambda run_id: None,
) -> RunRecord:
    """Run a comparison and return its record. ``gate`` blocks while the user has paused.

    Everything is in ``history`` as soon as it is known. A configuration that fails says so in its result and
    the others go on. Raises JobCancelled; the run is then marked so, with what it had.
    """
    setup = setup_of(comparison)
    run_id = history.start(comparison.source.name, this_machine(), setup=setup)
    on_start(run_id)
    try:
        with tempfile.TemporaryDirectory(prefix="edgewright-") as scratch:
            _Run(comparison, job, history, run_id, setup, gate, on_result, Path(scratch)).go()
    except JobCancelled:
        history.finish(run_id, "cancelled")
        raise
    except BaseException:
        history.finish(run_id, "interrupted")
        raise
    history.finish(run_id)
    return history.run(run_id)


@dataclass
class _Run:
    comparison: Comparison
    job: JobContext
    history: History
    run_id: str
    setup: RunSetup
    gate: Callable[[], None]
    on_result: Callable[[ConfigurationResult], None]
    scratch: Path

    def go(self) -> None:
        configurations = self.comparison.configurations()
        self.job.emit(Progress(None, "Preparing the work"))
        material = self._material(configurations[0])
        for note in material.notes:
            self.job.emit(Log(note))
        plan = Plan(
            configurations[0],
            configurations[1:],
            material.work,
            self.comparison.protocol,
            thresholds=(SPEED_THRESHOLD,),
        )
        surface = Surface(
            open_engine=opener(self.job),
            clock=RealClock(),
            open_sampler=remembering(lambda pids: ConditionsSampler([*pids, os.getpid()]).sample),
            cpu_time=processor_seconds,
            job=self.job,
            gate=self.gate,
            on_reading=lambda reading: self.history.add_reading(self.run_id, reading),
            on_result=self._store,
        )
        outcome = run(plan, surface)
        for result in outcome.results:
            self._store(result)
        notes = (*material.notes, *outcome.notes)
        self.history.amend(self.run_id, with_hashes(self.setup, configurations, self.job), notes)
        self._judge(outcome, material)

    def _material(self, original: Configuration) -> Material:
        """With the original open once, for its tokenizer."""
        engine = opener(self.job)(original)
        try:
            return prepare_material(
                self.comparison.source,
                self.comparison.original,
                engine,
                self.comparison.protocol,
                original.load.context,
                self.scratch,
                self.job,
                self.comparison.task_limit,
                self.comparison.preprocessing,
            )
        finally:
            engine.close()

    def _judge(self, outcome: Outcome, material: Material) -> None:
        """Quality of every configuration that runs, the original first; then the gates."""
        judge = _Judge(material, self.scratch, self.job)
        original: ConfigurationResult | None = None
        for number, result in enumerate(outcome.results):
            self.job.emit(Progress(number / len(outcome.results), f"{result.label}: quality"))
            judged = self._with_quality(result, judge)
            original = original or judged
            self._store(replace(judged, gates=self._gates(judged, original, outcome)))

    def _gates(
        self, result: ConfigurationResult, original: ConfigurationResult, outcome: Outcome
    ) -> tuple[GateResult, ...]:
        artifact = result.configuration.artifact
        if result.failure:
            return ()
        evidence = Evidence(
            result,
            original,
            [reading for reading in outcome.readings if reading.label == result.label],
            security=inspect_files(artifact, self.comparison.source.profile.licence),
            emulated=registry.manifest(artifact.framework).emulated,
        )
        return evaluate(evidence, default_gates())

    def _with_quality(self, result: ConfigurationResult, judge: _Judge) -> ConfigurationResult:
        if result.failure:
            return result
        try:
            engine = opener(self.job)(result.configuration)
            try:
                quality = judge.judge(engine, result.configuration.artifact)
            finally:
                engine.close()
        except EdgewrightError as error:
            self.job.emit(Log(f"{result.label}: its quality could not be measured. {error}"))
            return result
        return replace(
            result,
            quality=quality.score,
            fidelity=quality.fidelity,
            output_fidelity=quality.output_fidelity,
        )

    def _store(self, result: ConfigurationResult) -> None:
        self.history.put_result(self.run_id, result)
        self.on_result(result)


def processor_seconds(pid: int) -> float:
    """What a process and its children have used; 0 for one that has just ended."""
    total = 0.0
    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            times = process.cpu_times()
            total += times.user + times.system
    return total


class _Judge:
    """Holds what the original answered, to judge the others by."""

    def __init__(self, material: Material, scratch: Path, job: JobContext) -> None:
        self._material = material
        self._scratch = scratch
        self._job = job
        self._language: harness.LanguageBaseline | None = None
        self._tensor: harness.TensorBaseline | None = None
        self._count = 0

    def judge(self, engine: EngineHandle, artifact: Artifact) -> harness.Quality:
        self._count += 1
        if artifact.kind == ModelKind.LANGUAGE:
            return self._judge_language(engine, artifact)
        return self._judge_tensor(engine, artifact)

    def _judge_language(self, engine: EngineHandle, artifact: Artifact) -> harness.Quality:
        material = self._material.language
        assert material is not None
        if artifact.original:
            kept = self._scratch / "reference.npz"
            quality, self._language = harness.judge_language_original(engine, material, kept, self._job)
            return quality
        return harness.judge_language(engine, material, self._language, self._job)

    def _judge_tensor(self, engine: EngineHandle, artifact: Artifact) -> harness.Quality:
        material = self._material.tensor
        assert material is not None
        folder = self._scratch / f"outputs-{self._count}"
        if artifact.original:
            quality, self._tensor = harness.judge_tensor_original(engine, material, folder, self._job)
            return quality
        return harness.judge_tensor(engine, material, self._tensor, folder, self._job)
