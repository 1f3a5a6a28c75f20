"""Log-probabilities from logits: pure NumPy, in float64, a few rows at a time so that memory stays small.

Runs in the worker (multiple choice) and in the parent (perplexity, KL divergence).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.domain.errors import JobFailed
from backends.domain.metric import ChoiceItem, ChoiceScores

# Maps ids (positions,) to logits (positions, vocabulary).
LogitsOf = Callable[[tuple[int, ...]], NDArray[np.float32]]
Logits = NDArray[np.floating[Any]]

# A token an engine masks out (logit −inf) counts as this instead: finite, and too small to weigh anything.
FLOOR = -708.0
# Elements turned to float64 at once: 512 KiB, or one row where the vocabulary is larger.
_BLOCK_ELEMENTS = 65_536
_NAN_REMEDY = "Its weights or a kernel overflow; try a higher precision or another device."


def log_softmax(logits: Logits) -> NDArray[np.float64]:
    """(positions, vocabulary) → the same shape in float64, natural logarithm, no entry below ``FLOOR``.

    Raises JobFailed where a row holds NaN or +inf, or is −inf throughout.
    """
    rows = logits.astype(np.float64)
    highest = rows.max(axis=1, keepdims=True)  # NaN and +inf show up here
    if not np.isfinite(highest).all():
        raise JobFailed("The model answered with logits that are not numbers (NaN or infinity).", _NAN_REMEDY)
    rows -= highest
    rows -= np.log(np.exp(rows).sum(axis=1, keepdims=True))
    return np.maximum(rows, FLOOR, out=rows)


def blocks(positions: int, vocabulary: int) -> Iterator[slice]:
    """Slices over the positions, each small enough to be widened to float64."""
    step = max(1, _BLOCK_ELEMENTS // vocabulary)
    for start in range(0, positions, step):
        yield slice(start, min(start + step, positions))


def as_targets(ids: Sequence[int], vocabulary: int) -> NDArray[np.int64]:
    """``ids`` to pick from rows. Raises JobFailed where one lies outside the vocabulary."""
    targets = np.asarray(ids, dtype=np.int64)
    if len(ids) and (targets.min() < 0 or targets.max() >= vocabulary):
        raise JobFailed(f"The token ids do not fit the engine's vocabulary of {vocabulary:,}.")
    return targets


def token_log_probabilities(logits: Logits, ids: Sequence[int]) -> NDArray[np.float64]:
    """Log-probability of each of ``ids``; row i of ``logits`` (ids, vocabulary) predicts ``ids[i]``.

    Raises JobFailed on NaN, and on an id outside the vocabulary.
    """
    positions, vocabulary = logits.shape
    if positions != len(ids):
        raise JobFailed(f"The engine answered {positions} positions where {len(ids)} were asked for.")
    targets = as_targets(ids, vocabulary)
    result = np.empty(positions)
    for block in blocks(positions, vocabulary):
        rows = log_softmax(logits[block])
        result[block] = rows[np.arange(len(rows)), targets[block]]
    return result


def score_choices(logits_of: LogitsOf, item: ChoiceItem) -> ChoiceScores:
    """Teacher-forced log-probability of every choice given the query.

    Each choice is run as query + choice without its last token, whose own logits nobody needs. Choices that
    differ only in their last token therefore share one run; sharing more is the engine's affair.
    """
    runs: dict[tuple[int, ...], NDArray[np.float32]] = {}
    sums = []
    for choice in item.choices:
        ids = item.query + choice[:-1]
        if ids not in runs:
            runs.clear()  # only neighbours share, so that no more than one run is kept in memory
            runs[ids] = logits_of(ids)
        predicting = runs[ids][len(item.query) - 1 :]
        sums.append(float(token_log_probabilities(predicting, choice).sum()))
    return ChoiceScores(tuple(sums), tuple(len(choice) for choice in item.choices))
