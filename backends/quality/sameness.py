"""Whether two forms of one model answer alike: pure NumPy, in float64, a few rows at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.domain.errors import JobFailed
from backends.quality.scoring import Logits, blocks, log_softmax


@dataclass(frozen=True)
class Likeness:
    """``agreeing`` of ``positions`` have the same most likely token or class; ``None``: there is none."""

    positions: int
    agreeing: int | None
    max_abs_difference: float

    @property
    def top1_agreement(self) -> float | None:
        return None if self.agreeing is None else self.agreeing / self.positions


def of_logits(before: Logits, after: Logits) -> Likeness:
    """Two arrays (positions, vocabulary) of the same ids. Raises JobFailed where the shapes differ."""
    if before.shape != after.shape:
        raise JobFailed(
            f"The converted model answers {after.shape[0]} positions over {after.shape[1]:,} tokens, "
            f"the source {before.shape[0]} over {before.shape[1]:,}.",
            "Tokenizer and weights of the source may not belong together.",
        )
    agreeing, most = 0, 0.0
    for block in blocks(*before.shape):
        one, other = log_softmax(before[block]), log_softmax(after[block])
        agreeing += int((one.argmax(axis=1) == other.argmax(axis=1)).sum())
        most = max(most, float(np.abs(one - other).max()))
    return Likeness(len(before), agreeing, most)


def of_outputs(before: Mapping[str, NDArray[Any]], after: Mapping[str, NDArray[Any]]) -> Likeness:
    """Named outputs of the same inputs, first axis the samples, matched by name, else by their order.

    The difference is relative to the largest value of each output, so that one limit fits all scales; a class
    is looked for where the only output is (samples, classes).
    """
    pairs = _pairs(before, after)
    most = max(_relative(one, other) for one, other in pairs)
    one, other = pairs[0]
    scores = len(pairs) == 1 and one.ndim == 2 and one.shape[1] > 1
    agreeing = int((one.argmax(axis=1) == other.argmax(axis=1)).sum()) if scores else None
    return Likeness(len(one) if one.ndim else 1, agreeing, most)


def together(parts: Sequence[Likeness]) -> Likeness:
    counts = [part.agreeing for part in parts if part.agreeing is not None]
    return Likeness(
        sum(part.positions for part in parts),
        sum(counts) if len(counts) == len(parts) else None,
        max(part.max_abs_difference for part in parts),
    )


def _pairs(
    before: Mapping[str, NDArray[Any]], after: Mapping[str, NDArray[Any]]
) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    named = before.keys() == after.keys()
    others = [after[name] for name in before] if named else list(after.values())
    shapes = [array.shape for array in before.values()], [array.shape for array in others]
    if not before or shapes[0] != shapes[1]:
        raise JobFailed(f"The converted model has outputs of the shapes {shapes[1]}, the source {shapes[0]}.")
    return list(zip(before.values(), others, strict=True))


def _relative(one: NDArray[Any], other: NDArray[Any]) -> float:
    exact, found = one.astype(np.float64), other.astype(np.float64)
    if not (np.isfinite(exact).all() and np.isfinite(found).all()):
        raise JobFailed("The model answered with values that are not numbers (NaN or infinity).")
    scale = max(float(np.abs(exact).max(initial=0.0)), 1e-9)
    return float(np.abs(exact - found).max(initial=0.0)) / scale
