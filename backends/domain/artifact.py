"""What an optimization made, and the configuration in which it is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backends.domain.model import ModelFormat, ModelKind, TensorContents

Option = str | int | float | bool


@dataclass(frozen=True)
class Artifact:
    """A model ready to run in one framework. ``precision`` was asked for; ``contents`` is really inside."""

    name: str
    framework: str
    precision: str
    format: ModelFormat
    kind: ModelKind
    path: Path  # the file or folder the framework opens
    size_bytes: int
    contents: TensorContents
    source: Path
    original: bool = False  # the unquantized model that all others are compared with
    warnings: tuple[str, ...] = ()
    options: Mapping[str, Option] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    took_s: float = 0.0
    hashes: Mapping[str, str] = field(default_factory=dict)  # file name -> sha256
    framework_title: str = ""  # as people write it: "llama.cpp"


@dataclass(frozen=True)
class LoadOptions:
    """How an artifact is opened. ``threads`` 0 means the physical cores of this machine."""

    device: str = "CPU"
    threads: int = 0
    context: int = 1024
    options: Mapping[str, Option] = field(default_factory=dict)


@dataclass(frozen=True)
class Configuration:
    """One candidate of a comparison: an artifact and the way it is opened."""

    artifact: Artifact
    load: LoadOptions = LoadOptions()

    @property
    def label(self) -> str:
        """ "original F16" for the original, else "llama.cpp Q4_K_M"."""
        named = self.artifact.framework_title or self.artifact.framework
        title = "original" if self.artifact.original else named
        return f"{title} {self.artifact.precision}"
