"""Formats as nodes, converters as edges, and the planner that finds the road between them."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from backends.domain.artifact import Option
from backends.domain.errors import BadInput
from backends.domain.model import ModelFormat, ModelKind

GB = 1e9


@dataclass(frozen=True)
class Converter:
    """One edge. ``framework``: whose environment does the work, and with ``precision`` its adapter.

    That is a framework or a tool of the registry.
    """

    name: str  # "hf-gguf"
    title: str  # "llama.cpp's own converter"
    takes: ModelFormat
    makes: ModelFormat
    kinds: tuple[ModelKind, ...]
    framework: str
    precision: str = ""  # of the adapter, where an adapter converts
    archive: str = ""  # the Python package whose source archive holds the converter
    bits: float = 0.0  # per weight of what it makes; 0: those of what it takes
    start_s: float = 0.0
    s_per_gb: float = 0.0  # of what it reads and writes together
    options: Mapping[str, Option] = field(default_factory=dict)  # of the adapter, unless the user says others
    precision_of: Mapping[str, str] = field(default_factory=dict)  # instead, for sources stored as "BF16"

    def suited_to(self, stored: str) -> Converter:
        """The same for a source stored as ``stored``, so that what is 16 bits stays the same 16 bits."""
        return replace(self, precision=self.precision_of.get(stored, self.precision))


@dataclass(frozen=True)
class Closed:
    """Where no edge is, and a sentence why. Told where somebody looks for a road there."""

    takes: ModelFormat
    makes: tuple[ModelFormat, ...]
    kinds: tuple[ModelKind, ...]
    why: str

    def answers(self, targets: Collection[ModelFormat], kind: ModelKind) -> bool:
        return kind in self.kinds and any(target in self.makes for target in targets)


@dataclass(frozen=True)
class Size:
    """Of the weights on the way."""

    parameters: int
    weight_bytes: int


@dataclass(frozen=True)
class Step:
    """A converter with what it is expected to take here. Both are rough estimates."""

    converter: Converter
    time_s: float
    disk_bytes: int


@dataclass(frozen=True)
class Road:
    start: ModelFormat
    steps: tuple[Step, ...] = ()

    @property
    def time_s(self) -> float:
        return sum(step.time_s for step in self.steps)

    @property
    def disk_bytes(self) -> int:
        return sum(step.disk_bytes for step in self.steps)

    @property
    def formats(self) -> tuple[ModelFormat, ...]:
        """Every form on the way, the first and the last included."""
        return (self.start, *(step.converter.makes for step in self.steps))

    @property
    def text(self) -> str:
        """ "Hugging Face → ONNX → OpenVINO"."""
        return " → ".join(form.label for form in self.formats)


class NoRoad(BadInput):
    """Nothing leads there. The message names the missing edge."""


def plan(
    forms: Collection[ModelFormat],
    targets: Collection[ModelFormat],
    kind: ModelKind,
    converters: Sequence[Converter],
    size: Size,
    waiting_s: Mapping[str, float] | None = None,
    closed: Sequence[Closed] = (),
) -> Road:
    """The road with the fewest steps from any of ``forms`` to any of ``targets``; of those, the quickest.

    ``waiting_s``: what has to be waited for a framework's environment before its converters can work; roads
    that wait for fewer go before all else. ``closed``: what is said where there is no road. Raises NoRoad.
    """
    usable = [edge for edge in converters if kind in edge.kinds]
    waits = waiting_s or {}
    order = count()  # no two entries are equal, so roads themselves are never compared
    heap = [(0, 0, 0.0, next(order), Road(form), size) for form in forms]
    seen: set[ModelFormat] = set()
    while heap:
        waiting, _, cost, _, road, here = heapq.heappop(heap)
        place = road.formats[-1]
        if place in targets:
            return road
        if place in seen:
            continue
        seen.add(place)
        for edge in (edge for edge in usable if edge.takes == place):
            step, after = _step(edge, here)
            longer = Road(road.start, (*road.steps, step))
            total = cost + step.time_s + waits.get(edge.framework, 0.0)
            absent = waiting + (edge.framework in waits)
            heapq.heappush(heap, (absent, len(longer.steps), total, next(order), longer, after))
    told = [one.why for one in closed if one.takes in forms and one.answers(targets, kind)]
    raise _missing_edge(seen, targets, kind, usable, told)


def _step(edge: Converter, before: Size) -> tuple[Step, Size]:
    made_bytes = round(before.parameters * edge.bits / 8) if edge.bits else before.weight_bytes
    time_s = edge.start_s + edge.s_per_gb * (before.weight_bytes + made_bytes) / GB
    return Step(edge, time_s, made_bytes), Size(before.parameters, made_bytes)


def _missing_edge(
    reached: Collection[ModelFormat],
    targets: Collection[ModelFormat],
    kind: ModelKind,
    usable: Sequence[Converter],
    told: Sequence[str],
) -> NoRoad:
    leading = _leading_to(targets, usable)
    here, there = _names(reached), _names(leading)
    remedy = f"Start from the model as {there}, if you can get it."
    sentences = [f"No converter for {kind.value} models leads from {here} to {there}.", *dict.fromkeys(told)]
    return NoRoad(" ".join(sentences), remedy)


def _leading_to(targets: Collection[ModelFormat], usable: Sequence[Converter]) -> set[ModelFormat]:
    """The targets and every form from which they can be reached."""
    found = set(targets)
    grown = True
    while grown:
        before = len(found)
        found |= {edge.takes for edge in usable if edge.makes in found}
        grown = len(found) > before
    return found


def _names(forms: Collection[ModelFormat]) -> str:
    """ "ONNX, OpenVINO or QNN context"."""
    *first, last = [form.label for form in ModelFormat if form in forms]
    return f"{', '.join(first)} or {last}" if first else last
