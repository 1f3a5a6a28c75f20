"""The interfaces every framework implements, and the manifest that describes it without importing it.

An adapter lives in the worker process only. What it can do is data (``manifest.toml``), so choosing a
framework imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from backends.domain.artifact import Artifact, LoadOptions, Option
from backends.domain.events import Event
from backends.domain.finetuning import FineTuned, FinetuneSettings
from backends.domain.hardware import HardwareProfile
from backends.domain.metric import (
    ChoiceItem,
    ChoiceScores,
    LoadedEngine,
    LogitsRef,
    Measurement,
    MemoryReading,
    TokenMeasurement,
    Workload,
)
from backends.domain.model import ModelFormat, ModelKind, TensorSpec
from backends.frameworks.options import OptionSpec, settled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class PrecisionSpec:
    """One precision a framework offers, under the framework's own name."""

    name: str  # "Q4_K_M", "INT8", "int4"
    bits: float  # nominal bits per weight, scales included
    family: str  # "ultra-low" (1-2 bit), "low" (3-5), "medium" (6-8), "original"
    kinds: tuple[ModelKind, ...]
    needs_calibration: bool = False
    quality_prior: tuple[float, float] = (0.0, 1.0)  # expected share of the original accuracy, low and high
    note: str = ""


@dataclass(frozen=True)
class Knob:
    """Something that can be set when a model is opened. ``choices``: sets of load options, {} the usual.

    ``threads``: the counts worth trying on this machine, instead of choices.
    """

    name: str  # "KV cache"
    kinds: tuple[ModelKind, ...]
    choices: tuple[Mapping[str, Option], ...] = ()
    threads: bool = False


@dataclass(frozen=True)
class Manifest:
    """A framework as data, read from its ``manifest.toml``."""

    name: str  # folder name and command line name: "llamacpp"
    title: str  # "llama.cpp"
    summary: str
    kinds: tuple[ModelKind, ...]
    takes: tuple[ModelFormat, ...]  # formats it optimizes and runs
    makes: ModelFormat
    devices: tuple[str, ...]
    precisions: tuple[PrecisionSpec, ...]
    default_precision: Mapping[str, str]  # per model kind
    systems: tuple[str, ...]  # "linux", "macos", "windows"
    packages: Mapping[str, str]  # import name -> version range it is known to work with
    environment: str = ""  # "" = the base install, else the name of a managed environment
    capabilities: tuple[str, ...] = ()  # "generate", "infer", "logits", ...
    emulated: bool = False  # speed here says nothing about the target: never rank by it
    isolation_reason: str = ""
    acceleration: tuple[Knob, ...] = ()  # what is worth trying, in this order
    options: tuple[OptionSpec, ...] = ()  # of quantizing
    load_options: tuple[OptionSpec, ...] = ()  # of opening what was made
    guests: Mapping[str, str] = field(
        default_factory=dict
    )  # "option=value" -> framework in whose environment

    def host(self, opened_with: Mapping[str, Option]) -> str:
        """The framework in whose environment a session with these options runs: its own, but for guests."""
        asked = (f"{name}={value}" for name, value in opened_with.items())
        return next((self.guests[one] for one in asked if one in self.guests), self.name)

    def forms_of(self, kind: ModelKind) -> tuple[ModelFormat, ...]:
        """What it takes of models of this kind: a Hugging Face folder that makes no text is a graph first."""
        language = kind is ModelKind.LANGUAGE
        return tuple(form for form in self.takes if language or form is not ModelFormat.HUGGING_FACE)

    def precision(self, name: str) -> PrecisionSpec | None:
        """The precision of this name, letter case ignored."""
        return next((p for p in self.precisions if p.name.lower() == name.lower()), None)

    def settings(self, given: Mapping[str, Option], kind: ModelKind, precision: str) -> dict[str, Option]:
        """Options of quantizing, checked, with the defaults. Raises BadInput."""
        return settled(self.options, given, kind, f"{self.title} for {precision}", precision)

    def calibrates(self, given: Mapping[str, Option], precision: PrecisionSpec) -> bool:
        """Whether the precision, or an option that is on, needs calibration data."""
        asking = (spec.name for spec in self.options if spec.calibrates)
        return precision.needs_calibration or any(given.get(name, False) for name in asking)

    def load_settings(self, given: Mapping[str, Option], kind: ModelKind) -> dict[str, Option]:
        """Options of opening a model, checked, with the defaults. Raises BadInput."""
        return settled(self.load_options, given, kind, f"{self.title} for opening a model")


@dataclass(frozen=True)
class Availability:
    """Whether a framework can be used here. ``reason`` and ``remedy`` are sentences for the user."""

    framework: str
    available: bool
    version: str = ""
    devices: tuple[str, ...] = ()
    reason: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class OptimizeRequest:
    """``output`` is an empty folder of the job's own; the caller moves it into place when all went well."""

    source: Path
    source_format: ModelFormat
    kind: ModelKind
    precision: str
    output: Path
    name: str = ""
    calibration: Path | None = None  # text for language models, .npz for tensor models
    threads: int = 0
    seed: int = 0
    options: Mapping[str, Option] = field(default_factory=dict)


@dataclass(frozen=True)
class FinetuneRequest:
    """``output`` is an empty folder of the job's own. ``data``: JSONL, see ``frameworks.training_data``."""

    source: Path
    data: Path
    output: Path
    settings: FinetuneSettings = field(default_factory=FinetuneSettings)
    dequantize: bool = False  # fuse a quantized base into an unquantized model
    name: str = ""


@dataclass(frozen=True)
class Planned:
    """A workflow as JSON text, before it runs. ``notes``: what is not in it, and why."""

    workflow: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PassesRequest:
    """For any device or precision: "*"."""

    device: str = "*"
    precision: str = "*"


@dataclass(frozen=True)
class WorkflowPass:
    """One step that a workflow can have. ``lacking``: packages it needs that are not installed."""

    name: str
    devices: tuple[str, ...]
    precisions: tuple[str, ...]
    needs_data: bool = False
    lacking: tuple[str, ...] = ()


class JobContext(Protocol):
    """How running work talks to whoever started it."""

    def emit(self, event: Event) -> None: ...

    def check_cancelled(self) -> None:
        """Raise :class:`JobCancelled` once the user has asked for the end."""


class LanguageSession(Protocol):
    """An open language model. Token ids are the model's own vocabulary; no template is added.

    It may tell of its cache: ``kv_bytes_per_token``, 2 · layers · kv_heads · head_dim · bytes as it keeps
    them, and ``kv_allocated_bytes``, what it holds after its latest generation.
    """

    details: tuple[str, ...]  # what really runs: kernels, provider, threads
    warnings: tuple[str, ...]
    device: str
    threads: int
    vocabulary: int

    def tokenize(self, text: str) -> list[int]:
        """Ids of ``text`` without special tokens."""

    def generate(self, token_ids: tuple[int, ...], new_tokens: int, job: JobContext) -> TokenMeasurement:
        """Greedy generation from an empty context, end-of-sequence ignored, every token timed on the host."""

    def logits(self, token_ids: tuple[int, ...]) -> NDArray[np.float32]:
        """(positions, vocabulary): the logits after each given id, from an empty context."""


class TensorSession(Protocol):
    """An open model of named tensors."""

    details: tuple[str, ...]
    warnings: tuple[str, ...]
    device: str
    threads: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def infer(self, inputs: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
        """One inference; the batch is the first axis of every input."""


Session = LanguageSession | TensorSession


class Adapter(Protocol):
    """What ``frameworks/<name>/adapter.py`` offers as ``ADAPTER``. Lives in the worker process only."""

    def probe(self, hardware: HardwareProfile | None) -> Availability:
        """Never raises; says reason and remedy."""

    def optimize(self, request: OptimizeRequest, job: JobContext) -> Artifact: ...

    def open(self, artifact: Artifact, options: LoadOptions) -> AbstractContextManager[Session]: ...


class Finetuner(Protocol):
    """What an adapter offers besides where its manifest has the capability "finetune"."""

    def finetune(self, request: FinetuneRequest, job: JobContext) -> FineTuned:
        """Train, fuse, judge by the lines held out. Emits a Sample of the metric "loss" as training goes."""


class Planner(Protocol):
    """What an adapter offers besides where its manifest has the capability "workflow"."""

    def plan(self, request: OptimizeRequest, job: JobContext) -> Planned:
        """The workflow that ``optimize`` would run for the same request. Raises BadInput as it does."""

    def passes(self, request: PassesRequest, job: JobContext) -> tuple[WorkflowPass, ...]:
        """What a workflow can be made of here, from the framework's own list."""


class EngineHandle(Protocol):
    """The parent's side of an open session: one worker process that holds one artifact.

    Every call blocks on a pipe. Raises :class:`~backends.domain.errors.WorkerDied` when the process ended,
    :class:`~backends.domain.errors.JobFailed` when the command failed, JobCancelled when the user stopped it.
    """

    engine: LoadedEngine

    def measure(self, work: Workload) -> Measurement: ...

    def memory(self, work: Workload) -> MemoryReading:
        """Reset the high-water mark, run ``work`` once, read the marks. Apart from any timed run."""

    def logits(self, token_ids: Sequence[int]) -> LogitsRef:
        """(positions, vocabulary) float32, memory-mapped from the job's scratch folder."""

    def choose(self, items: Sequence[ChoiceItem]) -> list[ChoiceScores]:
        """Log-probability of every choice of every item, teacher-forced, log-softmax in float64."""

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]: ...

    def infer(self, inputs: Path, output: Path) -> Path:
        """Run the .npz ``inputs`` (first axis: samples) in batches, write the outputs as .npz."""

    @property
    def pid(self) -> int: ...

    def close(self) -> None: ...
