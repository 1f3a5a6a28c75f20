"""What a worker can be asked to do: one table of tasks with the types of what goes in and comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from backends.domain.artifact import Artifact, LoadOptions
from backends.domain.finetuning import FineTuned
from backends.domain.hardware import HardwareProfile, Throughput
from backends.domain.hub import HubModel, HubPlan
from backends.domain.metric import (
    ChoiceItem,
    ChoiceScores,
    LoadedEngine,
    LogitsRef,
    Measurement,
    MemoryReading,
    Workload,
)
from backends.domain.model import ModelFormat, SourceModel, TensorContents
from backends.frameworks.base import (
    Availability,
    FinetuneRequest,
    OptimizeRequest,
    PassesRequest,
    Planned,
    WorkflowPass,
)
from backends.frameworks.converters.base import (
    Converted,
    ConvertRequest,
    Outputs,
    OutputsRequest,
    Reference,
    ReferenceRequest,
)

P = TypeVar("P")
R = TypeVar("R")


@dataclass(frozen=True)
class ProbeRequest:
    hardware: HardwareProfile | None = None


@dataclass(frozen=True)
class ThroughputRequest:
    """``cache``: the folder in which figures of this machine are kept."""

    hardware: HardwareProfile
    cache: Path


@dataclass(frozen=True)
class AssessRequest:
    """``bundled``: ``path`` is the folder of a model that comes with the program."""

    path: Path
    bundled: bool = False


@dataclass(frozen=True)
class InspectRequest:
    path: Path
    format: ModelFormat


@dataclass(frozen=True)
class Inspected:
    """What is really in the files of a model; ``hashes``: file name -> sha256."""

    contents: TensorContents
    hashes: Mapping[str, str]


@dataclass(frozen=True)
class HubPlanRequest:
    """``files``: patterns of what is wanted. ``token``: "" for the one that is found on this machine."""

    model: HubModel
    files: tuple[str, ...] = ()
    token: str = field(default="", repr=False)


@dataclass(frozen=True)
class HubFetchRequest:
    """``folder``: where the files go; parts that are there already are continued."""

    plan: HubPlan
    folder: Path
    token: str = field(default="", repr=False)


@dataclass(frozen=True)
class OpenRequest:
    """``scratch`` is the folder for arrays that are too large for the pipe."""

    artifact: Artifact
    options: LoadOptions
    scratch: Path


@dataclass(frozen=True)
class WorkRequest:
    work: Workload


@dataclass(frozen=True)
class LogitsRequest:
    token_ids: tuple[int, ...]


@dataclass(frozen=True)
class ChooseRequest:
    items: tuple[ChoiceItem, ...]


@dataclass(frozen=True)
class TokenizeRequest:
    texts: tuple[str, ...]


@dataclass(frozen=True)
class InferRequest:
    inputs: Path
    output: Path


@dataclass(frozen=True)
class Task(Generic[P, R]):
    name: str
    payload: type[P]
    result: Any  # a type, or a typing form such as ``list[ChoiceScores]``


PROBE: Task[ProbeRequest, Availability] = Task("probe", ProbeRequest, Availability)
THROUGHPUT: Task[ThroughputRequest, Throughput] = Task("throughput", ThroughputRequest, Throughput)
ASSESS: Task[AssessRequest, SourceModel] = Task("assess", AssessRequest, SourceModel)
INSPECT: Task[InspectRequest, Inspected] = Task("inspect", InspectRequest, Inspected)
CONVERT: Task[ConvertRequest, Converted] = Task("convert", ConvertRequest, Converted)
REFERENCE: Task[ReferenceRequest, Reference] = Task("reference", ReferenceRequest, Reference)
OUTPUTS: Task[OutputsRequest, Outputs] = Task("outputs", OutputsRequest, Outputs)
HUB_PLAN: Task[HubPlanRequest, HubPlan] = Task("hub_plan", HubPlanRequest, HubPlan)
HUB_FETCH: Task[HubFetchRequest, Path] = Task("hub_fetch", HubFetchRequest, Path)
OPTIMIZE: Task[OptimizeRequest, Artifact] = Task("optimize", OptimizeRequest, Artifact)
PLAN: Task[OptimizeRequest, Planned] = Task("plan", OptimizeRequest, Planned)
PASSES: Task[PassesRequest, tuple[WorkflowPass, ...]] = Task(
    "passes", PassesRequest, tuple[WorkflowPass, ...]
)
FINETUNE: Task[FinetuneRequest, FineTuned] = Task("finetune", FinetuneRequest, FineTuned)
OPEN: Task[OpenRequest, LoadedEngine] = Task("open", OpenRequest, LoadedEngine)
MEASURE: Task[WorkRequest, Measurement] = Task("measure", WorkRequest, Measurement)
MEMORY: Task[WorkRequest, MemoryReading] = Task("memory", WorkRequest, MemoryReading)
LOGITS: Task[LogitsRequest, LogitsRef] = Task("logits", LogitsRequest, LogitsRef)
CHOOSE: Task[ChooseRequest, list[ChoiceScores]] = Task("choose", ChooseRequest, list[ChoiceScores])
TOKENIZE: Task[TokenizeRequest, list[list[int]]] = Task("tokenize", TokenizeRequest, list[list[int]])
INFER: Task[InferRequest, Path] = Task("infer", InferRequest, Path)

TASKS: dict[str, Task[Any, Any]] = {
    task.name: task
    for task in (
        *(PROBE, THROUGHPUT, ASSESS, INSPECT, CONVERT, REFERENCE, OUTPUTS, OPTIMIZE, PLAN),
        *(PASSES, FINETUNE, HUB_PLAN, HUB_FETCH),
        *(OPEN, MEASURE, MEMORY, LOGITS, CHOOSE, TOKENIZE, INFER),
    )
}


@dataclass(frozen=True)
class JobSpec(Generic[P, R]):
    """One job: the task, what it works on and the framework whose adapter does it."""

    task: Task[P, R]
    payload: P
    framework: str
