"""Which operators run on Hexagon and which would fall back to the processor, and how that is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

CONVERSIONS = ("QuantizeLinear", "DequantizeLinear", "Cast")  # of inputs and outputs; they compute nothing


@dataclass(frozen=True)
class Coverage:
    """Operator → number of nodes. ``refused``: those that Hexagon does not take."""

    taken: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def whole(self) -> bool:
        return not self.refused

    @property
    def share(self) -> float:
        total = self.taken.total() + self.refused.total()
        return self.taken.total() / total if total else 0.0

    def refused_by_name(self) -> str:
        """ "GroupQueryAttention (5), Gather (1)", the most frequent first."""
        return ", ".join(f"{name} ({count})" for name, count in self.refused.most_common())

    def sentence(self) -> str:
        if self.whole:
            return f"All {self.taken.total()} operators run on Hexagon, fallback to the processor disabled."
        total = self.taken.total() + self.refused.total()
        return (
            f"{self.refused.total()} of {total} operators fall back to the processor: "
            f"{self.refused_by_name()}."
        )


def coverage(assigned: Iterable[tuple[str, str]], provider: str) -> Coverage:
    """From (operator, provider that took it). Conversions at the edges count for neither side."""
    found = Coverage()
    for operator, where in assigned:
        if operator not in CONVERSIONS:
            (found.taken if where == provider else found.refused)[operator] += 1
    return found
