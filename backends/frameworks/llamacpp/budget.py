"""The types of a model's matrices within a limit of bits per weight: the least error that fits. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from backends.domain.errors import BadInput


@dataclass(frozen=True)
class Candidate:
    """One type a matrix might have. ``error``: what would be lost, on a scale common to all matrices."""

    type: str  # "Q4_K"
    size_bytes: int
    error: float


@dataclass(frozen=True)
class Matrix:
    name: str
    candidates: tuple[Candidate, ...]


def choose(matrices: Sequence[Matrix], budget_bytes: int) -> dict[str, Candidate]:
    """A candidate for each matrix, together within a budget that the smallest fit; see :func:`limit_bytes`.

    Every matrix begins with its smallest type. Then the step that saves most error a byte is taken, again and
    again, along the lower convex hull of each matrix's sizes and errors.
    """
    ladders = {matrix.name: hull(matrix.candidates) for matrix in matrices}
    chosen = {name: ladder[0] for name, ladder in ladders.items()}
    left = budget_bytes - sum(candidate.size_bytes for candidate in chosen.values())
    order = count()
    steps = [
        (-gain, next(order), name, 1) for name, ladder in ladders.items() for gain in _first_gain(ladder, 0)
    ]
    heapq.heapify(steps)
    while steps:
        _, _, name, rung = heapq.heappop(steps)
        ladder = ladders[name]
        more = ladder[rung].size_bytes - ladder[rung - 1].size_bytes
        if more > left:
            continue  # the rungs above are larger still
        chosen[name], left = ladder[rung], left - more
        for gain in _first_gain(ladder, rung):
            heapq.heappush(steps, (-gain, next(order), name, rung + 1))
    return chosen


def hull(candidates: Sequence[Candidate]) -> list[Candidate]:
    """By size, only those that no mixture of two others beats."""
    kept: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda one: (one.size_bytes, one.error)):
        if kept and candidate.error >= kept[-1].error:
            continue
        while len(kept) > 1 and _gain(kept[-1], candidate) >= _gain(kept[-2], kept[-1]):
            kept.pop()
        kept.append(candidate)
    return kept


def limit_bytes(bits_per_weight: float, weights: int, fixed_bytes: int, smallest_bytes: int) -> int:
    """What the matrices may take. Raises BadInput where their smallest types take more."""
    budget = int(bits_per_weight * weights / 8) - fixed_bytes
    if budget < smallest_bytes:
        least = (fixed_bytes + smallest_bytes) * 8 / weights
        raise BadInput(
            f"{bits_per_weight:g} bits per weight cannot be reached: the smallest types make {least:.2f}.",
            f"Give {least + 0.005:.2f} or more, or a precision such as IQ2_XS.",
        )
    return budget


def _first_gain(ladder: Sequence[Candidate], rung: int) -> Iterator[float]:
    """Of the step up from ``rung``, where there is one."""
    if rung + 1 < len(ladder):
        yield _gain(ladder[rung], ladder[rung + 1])


def _gain(small: Candidate, large: Candidate) -> float:
    """Error saved for each byte."""
    return (small.error - large.error) / max(1, large.size_bytes - small.size_bytes)
