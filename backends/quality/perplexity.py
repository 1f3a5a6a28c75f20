"""Perplexity on fixed windows of token ids, with an interval from whole windows.

16 windows of 512 tokens, the second half of each scored with the first as context: 4,096 tokens. The windows
follow one another without overlap, and the start-of-text id takes the place of each one's first token, as in
llama.cpp's ``llama-perplexity``, so the figures can be held against that tool (which leaves out the first
token of each second half).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.domain.errors import BadInput
from backends.domain.metric import Interval
from backends.frameworks.base import EngineHandle, JobContext
from backends.quality.logits import with_logits
from backends.quality.scoring import token_log_probabilities
from backends.quality.statistics import mean_interval
from backends.quality.steps import Steps

WINDOWS = 16
WINDOW_TOKENS = 512
_MOST_EXPONENT = 700.0  # two windows that differ widely have an upper bound beyond what a float holds
LEAST_WINDOWS = 2  # one window alone has no interval


@dataclass(frozen=True)
class Windows:
    """Token ids, (windows, tokens); the second half of each window is scored."""

    ids: tuple[tuple[int, ...], ...]

    @property
    def scored(self) -> int:
        """Scored tokens of one window."""
        return len(self.ids[0]) // 2

    @property
    def tokens(self) -> int:
        """Scored tokens of all windows."""
        return self.scored * len(self.ids)

    def targets(self, index: int) -> tuple[int, ...]:
        """The scored ids of one window."""
        return self.ids[index][-self.scored :]


def cut_windows(
    ids: Sequence[int], count: int = WINDOWS, length: int = WINDOW_TOKENS, bos_id: int | None = None
) -> Windows:
    """At most ``count`` windows from the start of a text. Raises BadInput where it is too short for two."""
    found = min(count, len(ids) // length)
    if found < LEAST_WINDOWS:
        raise BadInput(
            f"The text has {len(ids):,} tokens, too few to measure perplexity.",
            f"Give a text of at least {LEAST_WINDOWS * length:,} tokens; {count * length:,} are best.",
        )
    windows = [tuple(ids[index * length : (index + 1) * length]) for index in range(found)]
    if bos_id is not None:
        windows = [(bos_id, *window[1:]) for window in windows]
    return Windows(tuple(windows))


def predicting_rows(logits: NDArray[Any], scored: int) -> NDArray[Any]:
    """(tokens, vocabulary) → the rows that predict the last ``scored`` tokens, each one position earlier."""
    return logits[-scored - 1 : -1]


def score_windows(handle: EngineHandle, windows: Windows, job: JobContext) -> NDArray[np.float64]:
    """(windows, scored) log-probabilities of the scored tokens; one window's logits at a time."""
    steps = Steps(job, len(windows.ids), "Measuring perplexity")
    result = np.empty((len(windows.ids), windows.scored))
    for index, ids in enumerate(windows.ids):
        result[index] = with_logits(handle, ids, partial(_score, targets=windows.targets(index)))
        steps.advance()
    return result


def _score(logits: NDArray[np.float32], targets: Sequence[int]) -> NDArray[np.float64]:
    return token_log_probabilities(predicting_rows(logits, len(targets)), targets)


def perplexity(log_probabilities: NDArray[np.float64]) -> Interval:
    """exp(−mean log-probability) of (windows, scored), interval by bootstrap over whole windows."""
    return _exp(mean_interval(-log_probabilities.mean(axis=1)))


def perplexity_ratio(candidate: NDArray[np.float64], original: NDArray[np.float64]) -> Interval:
    """Candidate's perplexity ÷ original's on the same windows, each window a pair."""
    return _exp(mean_interval((original - candidate).mean(axis=1)))


def _exp(value: Interval) -> Interval:
    estimate, low, high = (
        math.exp(min(end, _MOST_EXPONENT)) for end in (value.estimate, value.low, value.high)
    )
    return Interval(estimate, low, high, value.confidence, value.samples)
