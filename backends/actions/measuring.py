"""What all measurements of one run share: the work, the judge, the stress run, the gates, the history."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from backends.actions import stress
from backends.actions.artifacts import files_of
from backends.actions.energy import BATTERY, OFF
from backends.actions.engines import opener
from backends.actions.keeping import known_preprocessing, model_hashes, this_machine
from backends.actions.material import Material, prepare_material, sample_plan
from backends.actions.modes import real_sampler
from backends.assessment.chat import chat_template
from backends.benchmarking.bench import Surface
from backends.benchmarking.clock import RealClock
from backends.benchmarking.grid import grid_of
from backends.benchmarking.protocol import Plan
from backends.benchmarking.room import Room
from backends.domain.artifact import Artifact, Configuration
from backends.domain.errors import BadInput, EdgewrightError
from backends.domain.events import Log
from backends.domain.gate import GateResult
from backends.domain.metric import TensorWorkload, TokenWorkload
from backends.domain.model import ModelKind
from backends.domain.result import ConfigurationResult, Reading
from backends.frameworks import registry
from backends.frameworks.base import EngineHandle, JobContext
from backends.hardware import page_cache
from backends.hardware.energy import EnergyReader
from backends.hardware.system import RealSystem
from backends.jobs.pausing import Pausable
from backends.optimization.gates import Evidence, evaluate, speed_thresholds
from backends.optimization.security import inspect_files
from backends.quality import harness
from backends.quality.kept import reference_name
from backends.storage.history import History
from backends.storage.paths import app_paths

if TYPE_CHECKING:
    from backends.actions.compare import Comparison

BATCH_SIZES = (1, 5, 64)  # of a stress run


@dataclass
class Measuring:
    """Of one run. ``gate`` blocks while the user has paused; ``scratch`` is removed at the end of the run.

    ``paused_s``: how long it has blocked so far.
    """

    comparison: Comparison
    job: JobContext
    history: History
    run_id: str
    scratch: Path
    gate: Callable[[], None] = lambda: None
    _runtime_bytes: int = 0  # of the original's framework without a model; known with the material
    paused_s: float = 0.0

    def wait(self) -> None:
        """Pass the gate."""
        began = time.monotonic()
        self.gate()
        self.paused_s += time.monotonic() - began

    def now_s(self) -> float:
        """A clock that stands still while the user has paused."""
        return time.monotonic() - self.paused_s

    @cached_property
    def in_steps(self) -> JobContext:
        """The job for work whose steps need not follow each other at once; the timed pairs have to."""
        return Pausable(self.job, self.wait)

    @cached_property
    def original(self) -> Configuration:
        return self.comparison.configurations()[0]

    @cached_property
    def material(self) -> Material:
        """Prepared with the original open once, for its tokenizer."""
        wanted = self.comparison
        engine = opener(self.job)(self.original)
        try:
            found = prepare_material(
                wanted.source,
                wanted.original,
                engine,
                wanted.protocol,
                self.original.load.context,
                self.scratch,
                self.in_steps,
                wanted.task_limit,
                known_preprocessing(wanted),
            )
        finally:
            engine.close()
        planned = sample_plan(found, wanted.gates["accuracy"].threshold)
        found = replace(found, notes=(*found.notes, *([planned] if planned else [])))
        for note in found.notes:
            self.job.emit(Log(note))
        self._runtime_bytes = engine.engine.baseline_bytes
        return found

    @cached_property
    def chat(self) -> str:
        """The original's chat template, where it answers text. A run does not end for want of it."""
        if not self.material.prompt:
            return ""
        try:
            return chat_template(self.original.artifact.path)
        except BadInput as error:
            self.job.emit(Log(f"The chat template is left out: {error.message}"))
            return ""

    def plan(self, original: Configuration, candidates: Sequence[Configuration]) -> Plan:
        work = self.material.work
        free_bytes = this_machine().memory.available_bytes.value
        room = Room(self.comparison.source.profile, self._runtime_bytes, free_bytes)
        return Plan(
            original,
            tuple(candidates),
            work,
            self.comparison.protocol,
            thresholds=speed_thresholds(self.comparison.gates, original.artifact.kind),
            lack=room.lack(original, candidates),
            start_up=True,
            text=self.material.prompt,
            chat=self.chat,
        )

    def surface(
        self,
        on_result: Callable[[ConfigurationResult], None],
        on_reading: Callable[[Reading], None] | None = None,
    ) -> Surface:
        """Readings go into the history as they come unless ``on_reading`` takes them."""
        return Surface(
            open_engine=opener(self.job),
            clock=RealClock(),
            open_sampler=real_sampler(),
            cpu_time=processor_seconds,
            job=self.job,
            gate=self.wait,
            on_reading=on_reading or (lambda reading: self.history.add_reading(self.run_id, reading)),
            on_result=on_result,
            drop_pages=lambda artifact: page_cache.dropped(files_of(artifact.path)),
            counters=self.counters,
            grid=grid_of(self.comparison.grid),
        )

    @cached_property
    def counters(self) -> EnergyReader | None:
        """Of energy, where it was asked for."""
        wanted = self.comparison.energy
        if wanted == OFF:
            return None
        found = this_machine().power.energy_counters
        return EnergyReader(RealSystem(), found, battery=wanted == BATTERY)

    def close(self) -> None:
        if self.counters is not None:
            self.counters.close()

    def judged(self, result: ConfigurationResult) -> ConfigurationResult:
        """With its quality, or why it could not be judged; the original has to come first."""
        if result.failure or not self.material.can_be_scored:
            return result
        self.wait()
        try:
            engine = opener(self.job)(result.configuration)
            try:
                quality = self._judge.judge(engine, result.configuration.artifact)
            finally:
                engine.close()
        except EdgewrightError as error:
            self.job.emit(Log(f"{result.label}: its quality could not be measured. {error}"))
            return replace(result, quality_failure=str(error))
        return replace(
            result,
            quality=quality.score,
            fidelity=quality.fidelity,
            output_fidelity=quality.output_fidelity,
        )

    def stressed(self, result: ConfigurationResult) -> ConfigurationResult:
        """With a stress run, where one was asked for. The original has no gates, so it has none."""
        plan = self.comparison.stress
        if plan is None or result.failure or result.configuration.artifact.original:
            return result
        inputs, before_s = self._stress_inputs(plan.new_tokens), self.paused_s
        run = stress.stress(result.configuration, inputs, plan, self._room(result), self.in_steps)
        took_s = run.took_s - (self.paused_s - before_s)
        return replace(result, stress=replace(run, took_s=took_s))

    def gates_of(
        self, result: ConfigurationResult, original: ConfigurationResult, readings: Sequence[Reading]
    ) -> tuple[GateResult, ...]:
        artifact = result.configuration.artifact
        if result.failure:
            return ()
        evidence = Evidence(
            result,
            original,
            [reading for reading in readings if reading.label == result.label],
            stress=result.stress.findings if result.stress else (),
            security=inspect_files(artifact, self.comparison.source.profile.licence),
            emulated=registry.manifest(artifact.framework).emulated,
        )
        return evaluate(evidence, self.comparison.gates)

    @cached_property
    def _judge(self) -> _Judge:
        return _Judge(self.material, self.scratch, self.in_steps)

    def _stress_inputs(self, new_tokens: int) -> stress.Inputs:
        work = self.material.work
        if isinstance(work, TokenWorkload):
            return stress.TokenInputs(work, new_tokens)
        assert isinstance(work, TensorWorkload) and self.material.tensor is not None
        return stress.TensorInputs(work, self.material.tensor.batches[0], self._batch_sizes(), self.scratch)

    def _batch_sizes(self) -> tuple[int, ...]:
        """The one a model is made for, where that is fixed."""
        leading = (spec.shape[0] for spec in self.comparison.source.profile.inputs if spec.shape)
        fixed = [size for size in leading if isinstance(size, int) and size > 1]
        return (min(fixed),) if fixed else BATCH_SIZES

    def _room(self, result: ConfigurationResult) -> stress.Room:
        profile = self.comparison.source.profile
        return stress.Room(
            this_machine().memory.available_bytes.value,
            result.memory.total_peak_bytes if result.memory else None,
            profile.context_length,
            profile.kv_cache_bytes(1, bytes_per_element=4.0),  # some engines keep it in 32 bits
        )


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
            kept = self._reference(engine, artifact)
            quality, self._language = harness.judge_language_original(engine, material, kept, self._job, True)
            return quality
        return harness.judge_language(engine, material, self._language, self._job)

    def _reference(self, engine: EngineHandle, artifact: Artifact) -> Path:
        """Kept for later runs, where it is known what files the model is."""
        material = self._material.language
        hashes = artifact.hashes or model_hashes(artifact, self._job)
        if not hashes or material is None or material.windows is None:
            return self._scratch / "reference.npz"
        name = f"{artifact.name}-{artifact.precision}"
        return app_paths().references / reference_name(name, hashes, material.windows, engine.engine)

    def _judge_tensor(self, engine: EngineHandle, artifact: Artifact) -> harness.Quality:
        material = self._material.tensor
        assert material is not None
        folder = self._scratch / f"outputs-{self._count}"
        if artifact.original:
            quality, self._tensor = harness.judge_tensor_original(engine, material, folder, self._job)
            return quality
        return harness.judge_tensor(engine, material, self._tensor, folder, self._job)
