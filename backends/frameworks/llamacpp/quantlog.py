"""Reads what ``llama_model_quantize`` logs: its plan (a dry run) and how far it has come. Pure text."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

MIB = 1024 * 1024

_TENSOR = re.compile(
    r"\[ *\d+/ *\d+\] (?P<name>\S+) +- \[(?P<shape>[\d, ]+)\], type = *(?P<source>\w+), "
    r"size = *(?P<before>[\d.]+) MiB(?: -> *(?P<after>[\d.]+) MiB \((?P<target>\w+)\))?"
)
_BEGUN = re.compile(r"\[ *(\d+)/ *(\d+)\] (\S+)")
_FALLBACK = re.compile(r"required for type +(\w+)\) .*?-> falling back to +(\w+)", re.DOTALL)
_SIZE = re.compile(r"quant size += +([\d.]+) MiB")
_FAILURE = re.compile(r"failed to quantize: (.+)")
_UNQUANTIZED = ("f32", "f16", "bf16", "f64", "i8", "i16", "i32", "i64")


@dataclass(frozen=True)
class PlannedTensor:
    """``target`` is the type it will have; sizes are rounded as the log rounds them."""

    name: str
    source: str  # ggml's spelling: "f16", "q4_K"
    target: str
    shape: tuple[int, ...]  # the length of a row first
    before_bytes: int

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def is_matrix(self) -> bool:
        """Only matrices are quantized; norms and biases stay as they are."""
        return self.name.endswith("weight") and "norm" not in self.name


@dataclass(frozen=True)
class Fallback:
    """One tensor whose rows do not fit the type it was to get."""

    wanted: str
    got: str


@dataclass(frozen=True)
class Plan:
    """What quantizing will do to every tensor."""

    tensors: tuple[PlannedTensor, ...]
    fallbacks: tuple[Fallback, ...]
    size_bytes: int
    needs_imatrix: bool

    @property
    def matrices(self) -> tuple[PlannedTensor, ...]:
        return tuple(tensor for tensor in self.tensors if tensor.is_matrix)

    @property
    def changes(self) -> bool:
        return any(tensor.source != tensor.target for tensor in self.tensors)

    @property
    def requantized(self) -> tuple[str, ...]:
        """Types the source is already quantized to, of tensors that would be quantized again."""
        again = (t for t in self.tensors if is_quantized(t.source) and t.source != t.target)
        return tuple(sorted({tensor.source.upper() for tensor in again}))

    @property
    def before_bytes(self) -> int:
        return sum(tensor.before_bytes for tensor in self.tensors)

    def done(self, index: int) -> float:
        """The share of all elements that lies before tensor ``index`` (0-based)."""
        total = sum(tensor.elements for tensor in self.tensors)
        return sum(tensor.elements for tensor in self.tensors[:index]) / total if total else 0.0


def is_quantized(ggml_type: str) -> bool:
    return ggml_type.lower() not in _UNQUANTIZED


def read_plan(pieces: Iterable[str]) -> Plan:
    """The plan from the log of a dry run."""
    text = "".join(pieces)
    tensors = tuple(_tensor(match) for match in _TENSOR.finditer(text))
    size = _SIZE.search(text)
    return Plan(
        tensors,
        tuple(Fallback(*match.groups()) for match in _FALLBACK.finditer(text)),
        int(float(size[1]) * MIB) if size else 0,
        "will require an imatrix" in text,
    )


def _tensor(match: re.Match[str]) -> PlannedTensor:
    shape = tuple(map(int, match["shape"].split(",")))
    before = int(float(match["before"]) * MIB)
    return PlannedTensor(match["name"], match["source"], match["target"] or match["source"], shape, before)


def begun(piece: str) -> tuple[int, str] | None:
    """0-based index and name of the tensor whose turn this piece announces."""
    match = _BEGUN.search(piece)
    return (int(match[1]) - 1, match[3]) if match else None


def failure(pieces: Iterable[str]) -> str:
    """llama.cpp's own words for why it gave up, or "" where it has none."""
    match = _FAILURE.search("".join(pieces))
    return match[1].strip().rstrip("!.") if match else ""


def fallback_warning(plan: Plan) -> str:
    """A sentence on the tensors that will not have the type their label promises, or ""."""
    if not plan.fallbacks:
        return ""
    count, total = len(plan.fallbacks), len(plan.matrices)
    got = ", ".join(
        f"{n} × {name.upper()}" for name, n in Counter(f.got for f in plan.fallbacks).most_common()
    )
    wanted = " and ".join(sorted({fallback.wanted.upper() for fallback in plan.fallbacks}))
    return (
        f"{count} of {total} weight matrices fell back to other types ({got}): the rows of this model do not "
        f"have the length that {wanted} asks for (K and IQ types: multiples of 256)."
    )
