"""Benchmarks without engines: the real conductor and gates on a world that a test has made up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from backends.benchmarking.conductor import run
from backends.benchmarking.protocol import QUICK, Plan, Protocol
from backends.domain.artifact import Artifact, Configuration
from backends.domain.events import Event, Progress
from backends.domain.hardware import Conditions
from backends.domain.metric import Interval, MemoryReading, TensorWorkload, TokenWorkload
from backends.domain.model import ModelFormat, ModelKind, SourceModel, TensorContents
from backends.domain.result import ConfigurationResult, QualityScore, RunRecord
from backends.frameworks.base import JobContext
from backends.jobs.context import Context
from backends.optimization.gates import Evidence, evaluate, speed_thresholds
from backends.storage.history import History
from backends.workflow.wizard import Choice, WizardState
from gui.wizard.pages.measuring import Ears, Work, comparison_of
from tests.unit.benchmarking.fakes import CALM, FakeEngine, World, busy_with
from tests.unit.reporting.made_up import made_up_run, with_files
from tests.unit.samples import machine, source

MB = 1_000_000


@dataclass(frozen=True)
class Make:
    """What one configuration of a simulated run is like."""

    framework: str
    title: str
    precision: str
    rate: float
    size_mb: float
    correct: int  # of 1,000
    types: Mapping[str, int] = field(default_factory=lambda: {"Q8_0": 31, "F32": 11})
    bits: float = 8.5


LANGUAGE = (
    Make("llamacpp", "llama.cpp", "F16", 17.0, 82, 894, {"F16": 31, "F32": 11}, 16.0),
    Make("llamacpp", "llama.cpp", "Q4_K_M", 41.0, 30, 866, {"Q4_K": 26, "Q6_K": 5, "F32": 11}, 4.87),
    Make("openvino", "OpenVINO", "INT8", 33.0, 53, 891, {"i8": 31, "f32": 11}, 8.1),
    Make("onnxruntime", "ONNX Runtime", "INT4", 27.0, 47, 858, {"INT4": 31, "FLOAT": 11}, 5.0),
)
VISION = (
    Make("onnxruntime", "ONNX Runtime", "FP32", 180.0, 1.5, 978, {"FLOAT": 22}, 32.0),
    Make("onnxruntime", "ONNX Runtime", "INT8_STATIC", 405.0, 0.4, 975, {"INT8": 11, "FLOAT": 22}, 8.4),
    Make("openvino", "OpenVINO", "INT8_PTQ", 390.0, 0.4, 976, {"i8": 11, "f32": 22}, 8.3),
)


def artifact(make: Make, kind: ModelKind, original: bool = False) -> Artifact:
    size = round(make.size_mb * MB)
    contents = TensorContents(make.types, 10 * MB, size, make.bits)
    form = ModelFormat.GGUF if make.framework == "llamacpp" else ModelFormat.ONNX
    path = Path(f"/models/{make.framework}-{make.precision}")
    return Artifact(
        *("model", make.framework, make.precision, form, kind, path, size, contents, Path("/models/source")),
        original=original,
        framework_title=make.title,
    )


def work(makes: tuple[Make, ...] = LANGUAGE, depth: str = "quick") -> Work:
    kind = ModelKind.LANGUAGE if makes is LANGUAGE else ModelKind.VISION
    found: SourceModel = replace(source(kind=kind), name="Edgewright LM" if makes is LANGUAGE else "Digits")
    made = tuple(artifact(make, kind) for make in makes[1:])
    return Work(found, artifact(makes[0], kind, original=True), made, depth)


class _Engine(FakeEngine):
    def memory(self, work: TokenWorkload | TensorWorkload) -> MemoryReading:
        size = self.size_bytes
        return MemoryReading(size + 45 * MB, 30 * MB, size + 15 * MB, 32 * MB, size, 4 * MB, "VmHWM")

    size_bytes = 0


class SimulatedWorld(World):
    """``told`` hears the events as they come; ``disturbed`` are numbers of arms that something disturbs."""

    sizes: dict[str, int]
    told: Callable[[Event], None]
    check: Callable[[], None]

    def emit(self, event: Event) -> None:
        self.told(event)

    def check_cancelled(self) -> None:
        self.check()

    def open_engine(self, configuration: Configuration) -> _Engine:
        super().open_engine(configuration)
        made = _Engine(self, configuration, len(self.opened))
        made.engine = replace(made.engine, framework=configuration.artifact.framework, version="1.2.3")
        made.size_bytes = self.sizes[configuration.artifact.precision]
        return made


@dataclass
class Simulation:
    """Stands in for ``measure``. ``gates`` are called at every pair, before the page's own."""

    makes: tuple[Make, ...] = LANGUAGE
    disturbed: tuple[int, ...] = ()
    at_gate: Callable[[int], None] = lambda n: None
    fails: dict[str, Exception] = field(default_factory=dict)
    quality: bool = True

    def __call__(self, work: Work, job: JobContext, history: History, ears: Ears) -> RunRecord:
        run_id = history.start(work.source.name, machine())
        ears.on_start(run_id)
        configurations = comparison_of(work).configurations()
        protocol: Protocol = QUICK
        thresholds = speed_thresholds(work.gates, work.original.kind)
        plan = Plan(configurations[0], configurations[1:], self._workload(work), protocol, thresholds)
        world = self._world(job, ears)

        def keep(result: ConfigurationResult) -> None:
            history.put_result(run_id, result)
            ears.on_result(result)

        surface = replace(
            world.surface, on_result=keep, on_reading=lambda reading: history.add_reading(run_id, reading)
        )
        try:
            outcome = run(plan, surface)
        except BaseException:
            history.finish(run_id, "cancelled")
            raise
        original = self._judged(outcome.results[0], None)
        for number, result in enumerate(outcome.results):
            job.emit(Progress(number / len(outcome.results), f"{result.label}: quality"))
            judged = self._judged(result, original)
            readings = [reading for reading in outcome.readings if reading.label == result.label]
            evidence = Evidence(judged, original, readings)
            keep(replace(judged, gates=() if judged.failure else evaluate(evidence, work.gates)))
        history.finish(run_id)
        return history.run(run_id)

    def _workload(self, work: Work) -> TokenWorkload | TensorWorkload:
        if work.original.kind is ModelKind.LANGUAGE:
            return TokenWorkload(tuple(range(512)), 128)
        return TensorWorkload(Path("inputs.npz"), 0.5)

    def _world(self, job: JobContext, ears: Ears) -> SimulatedWorld:
        rates = {make.precision: make.rate for make in self.makes}
        calls = iter(range(10**6))

        def gate(_n: int) -> None:
            self.at_gate(next(calls))
            ears.gate()

        def conditions(arm: int) -> Conditions:
            seen = busy_with(31.0) if arm in self.disturbed else CALM
            return replace(seen, cpu_percent=seen.cpu_percent + 1 + arm % 3 / 2)

        world = SimulatedWorld(
            rate=lambda precision, n: rates[precision] * (1 + 0.03 * ((n * 7) % 5 - 2) / 2),
            conditions=conditions,
            open_errors=dict(self.fails),
            pauses=gate,
        )
        world.sizes = {make.precision: round(make.size_mb * MB) for make in self.makes}
        world.told, world.check = job.emit, job.check_cancelled
        return world

    def _judged(
        self, result: ConfigurationResult, original: ConfigurationResult | None
    ) -> ConfigurationResult:
        if result.failure or not self.quality:
            return result
        makes = {make.precision: make for make in self.makes}
        right = makes[result.configuration.artifact.precision].correct
        share, first = right / 1000, self.makes[0].correct
        accuracy = Interval(share, share - 0.02, share + 0.02, 0.95, 1000)
        ratio = right / first
        kept = Interval(ratio, ratio - 0.012, ratio + 0.012, 0.95, 1000) if original else None
        score = QualityScore(right, 1000, accuracy, kept, 0.03, original_correct=first, chance=0.25)
        return replace(result, quality=score)


def wizard_state(what: Work) -> WizardState:
    """As the Optimize page leaves it."""
    choices = tuple(Choice(made.framework, made.precision) for made in what.artifacts)
    return WizardState(
        hardware=machine(),
        source=what.source,
        chosen=choices,
        original=what.original,
        artifacts=dict(zip(choices, what.artifacts, strict=True)),
    )


def stored_run(history: History, makes: tuple[Make, ...] = LANGUAGE, **fields: Any) -> RunRecord:
    """A run as the history keeps it, without a window."""
    ears = Ears(lambda: None, lambda run_id: None, lambda result: None)
    return Simulation(makes, **fields)(work(makes), Context(lambda event: None), history, ears)


def certifiable_run(history: History, folder: Path) -> RunRecord:
    """An invented run of small files that are there, hashed as a measured run's are."""
    models = folder / "models"
    models.mkdir()
    record = with_files(made_up_run(), models)
    run_id = history.start(record.model, record.machine, record.notes, record.setup)
    for reading in record.readings[:6]:
        history.add_reading(run_id, reading)
    for result in record.results:
        history.put_result(run_id, result)
    history.finish(run_id)
    return history.run(run_id)
