"""What a converter is asked for and what it answers; light enough for the parent."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backends.domain.metric import LogitsRef
from backends.frameworks.base import JobContext


@dataclass(frozen=True)
class ConvertRequest:
    """``output``: an empty folder of the job's own. ``tool``: where the converter's sources were unpacked."""

    converter: str
    source: Path
    output: Path
    name: str
    precision: str  # label of the source's weights: "F32", "BF16"
    needed_bytes: int = 0
    tool: Path | None = None
    shape_only: bool = False  # the weights are random, and what is made of them has to say so


@dataclass(frozen=True)
class Converted:
    path: Path  # the file or folder a framework opens
    versions: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReferenceRequest:
    """Logits of a Hugging Face folder by transformers: of ``text``'s first ids, and of ``drawn_ids``.

    ``windows``: the ids themselves, instead of both.
    """

    source: Path
    text: str
    window: int
    drawn_ids: tuple[int, ...]
    output: Path  # folder for the arrays
    windows: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class Reference:
    """``tokens``: all of the text. ``logits``: one array for each of ``windows``."""

    tokens: tuple[int, ...]
    windows: tuple[tuple[int, ...], ...]
    logits: tuple[LogitsRef, ...]
    version: str


@dataclass(frozen=True)
class OutputsRequest:
    """What a Hugging Face folder that is no decoder answers, by transformers."""

    source: Path
    inputs: Path  # .npz
    output: Path  # folder for the answers


@dataclass(frozen=True)
class Outputs:
    path: Path  # .npz
    version: str


def convert(request: ConvertRequest, job: JobContext) -> Converted:
    """Run the converter. For worker processes only: its libraries are imported here."""
    module = importlib.import_module(f"{__package__}.{request.converter.replace('-', '_')}")
    converted: Converted = module.convert(request, job)
    return converted


def reference(request: ReferenceRequest, job: JobContext) -> Reference:
    """Logits of the source itself. For worker processes only."""
    module = importlib.import_module(f"{__package__}.reference")
    found: Reference = module.reference(request, job)
    return found


def outputs(request: OutputsRequest, job: JobContext) -> Outputs:
    """Named outputs of the source itself. For worker processes only."""
    module = importlib.import_module(f"{__package__}.built_in")
    found: Outputs = module.outputs(request, job)
    return found
