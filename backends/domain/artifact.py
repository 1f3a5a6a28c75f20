"""What an optimization made, and the configuration in which it is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backends.domain.model import ModelFormat, ModelKind, TensorContents
from backends.domain.preprocessing import Preprocessing

Option = str | int | float | bool
CPU = "CPU"  # the device that every framework has


@dataclass(frozen=True)
class Sameness:
    """How closely a converted model follows the one it was made from. It is kept only where both limits hold.

    ``max_abs_difference`` is of log-probabilities (nats) for language models, else of outputs.
    """

    converter: str
    compared: str  # a sentence: what ran what on which input
    positions: int  # token positions, or samples
    top1_agreement: float | None  # share of positions with the same most likely token or class
    max_abs_difference: float
    least_top1_agreement: float
    most_difference: float
    same_tokens: bool | None = None  # whether both split a text alike; ``None``: not compared

    @property
    def holds(self) -> bool:
        agreement = 1.0 if self.top1_agreement is None else self.top1_agreement
        return agreement >= self.least_top1_agreement and self.max_abs_difference <= self.most_difference


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
    sameness: tuple[Sameness, ...] = ()  # one for every conversion on the way from the user's model
    shape_only: bool = False  # random weights in the right shapes: never scored for quality
    preprocessing: Preprocessing | None = None  # with which it was calibrated, and is to be run


@dataclass(frozen=True)
class LoadOptions:
    """How an artifact is opened. ``threads`` 0 means the physical cores of this machine."""

    device: str = CPU
    threads: int = 0
    context: int = 1024
    options: Mapping[str, Option] = field(default_factory=dict)


@dataclass(frozen=True)
class Configuration:
    """One candidate of a comparison: an artifact and the way it is opened."""

    artifact: Artifact
    load: LoadOptions = LoadOptions()
    name: str = ""  # where the artifact's own would not tell it from another way of opening it

    @property
    def label(self) -> str:
        """Its name; else "original F16" for the original and "llama.cpp Q4_K_M" for others."""
        if self.name:
            return self.name
        named = self.artifact.framework_title or self.artifact.framework
        title = "original" if self.artifact.original else named
        return f"{title} {self.artifact.precision}"
