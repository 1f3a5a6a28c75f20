"""How many labelled items decide an accuracy gate, said before anything is measured.

Nobody knows the accuracies yet, so a plan is for stated assumptions: how often the original is right, and on
which share of the items exactly one of the two is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from backends.quality.statistics import samples_needed

THRESHOLD = 0.95
ORIGINAL_ACCURACY = 0.8
DIFFERING = 0.05  # typical of 8-bit and good 4-bit models; more where a model loses more than that
KEPT = (1.0, 0.99, 0.98, 0.97, 0.9)  # shares of the original's accuracy
STEP = 0.001


@dataclass(frozen=True)
class Need:
    """``items`` decide where a candidate keeps the share ``kept``; ``None``: no number of them would."""

    kept: float
    items: int | None


@dataclass(frozen=True)
class SamplePlan:
    """``passes_from`` and ``fails_below``: what the items at hand decide; ``None``: not even the extreme.

    In nine of ten runs; between the two the gate stays inconclusive.
    """

    items: int
    threshold: float
    original_accuracy: float
    differing: float
    passes_from: float | None
    fails_below: float | None
    needs: tuple[Need, ...]


def plan(
    items: int,
    threshold: float = THRESHOLD,
    original_accuracy: float = ORIGINAL_ACCURACY,
    differing: float = DIFFERING,
) -> SamplePlan:
    def needed(kept: float) -> int | None:
        return samples_needed(original_accuracy, kept * original_accuracy, differing, threshold)

    def enough(kept: float) -> bool:
        found = needed(kept)
        return found is not None and found <= items

    above = [threshold + STEP * n for n in range(1, round((1 - threshold) / STEP) + 1)]
    below = [threshold - STEP * n for n in range(1, round(threshold / STEP))]
    return SamplePlan(
        items,
        threshold,
        original_accuracy,
        differing,
        passes_from=_first(above, enough),
        fails_below=_first(below, enough),
        needs=tuple(Need(kept, needed(kept)) for kept in KEPT),
    )


def _first(shares: Sequence[float], enough: Callable[[float], bool]) -> float | None:
    """The share nearest to the threshold that is decided; farther ones need fewer items, so by bisection."""
    if not shares or not enough(shares[-1]):
        return None
    low, high = 0, len(shares) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(shares[middle]) else (middle + 1, high)
    return shares[low]
