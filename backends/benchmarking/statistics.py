"""What may be claimed from readings.

NumPy only: the conductor runs inside the window's process, where importing scipy.stats takes a second (and
holds up the event loop), and 10,000 resamples of two dozen pairs take NumPy two milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from backends.domain.metric import Interval

CONFIDENCE = 0.983  # per look; three looks then make at most 5 % false claims
RATE_CONFIDENCE = 0.95
RESAMPLES = 10_000

# With n gaps the largest is above the p-quantile in all but p**n of cases: 0.95**59 and 0.99**299 are the
# first below 5 %. With fewer the percentile would be a guess.
MIN_FOR_P95 = 59
MIN_FOR_P99 = 299

MOST_PAIRS = 10_000  # a decision that would take more pairs is out of reach, and said to be so

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Percentiles:
    """In the unit of the values; ``None`` where there are too few values to say."""

    p50: float
    p95: float | None
    p99: float | None


def percentiles(values: Sequence[float]) -> Percentiles | None:
    """p50 always, p95 from 59 values, p99 from 299; ``None`` for no values at all."""
    if not values:
        return None
    p50, p95, p99 = (float(q) for q in np.percentile(values, (50, 95, 99)))
    n = len(values)
    return Percentiles(p50, p95 if n >= MIN_FOR_P95 else None, p99 if n >= MIN_FOR_P99 else None)


def variation(values: Sequence[float]) -> float | None:
    """Coefficient of variation, sample standard deviation ÷ mean; ``None`` below two values."""
    if len(values) < 2:
        return None
    return float(np.std(values, ddof=1) / np.mean(values))


def ratio_interval(
    ratios: Sequence[float], confidence: float = CONFIDENCE, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Geometric mean of per-pair ratios with a bootstrap interval over whole pairs.

    The percentile bootstrap of few pairs is too narrow: it divides by n where the sample only supports n − 1
    and cannot see beyond the extremes it drew (Hesterberg 2015, "What Teachers Should Know About the
    Bootstrap", section 4). In this project's simulation it alone made 14 % false claims over the three looks.
    So no bound lies inside Student's for the mean log ratio, which brings them below 5 %.

    Raises ValueError for fewer than two pairs, or a ratio that is not positive and finite.
    """
    logs = _logs(ratios)
    if len(logs) < 2:
        raise ValueError("an interval takes at least two pairs")
    tail = (1.0 - confidence) / 2
    means = _resampled(logs, resamples, seed).mean(axis=1)
    low, high = np.quantile(means, (tail, 1.0 - tail))
    mean, reach = float(logs.mean()), _student_reach(logs, confidence)
    return Interval(
        math.exp(mean),
        math.exp(min(float(low), mean - reach)),
        math.exp(max(float(high), mean + reach)),
        confidence,
        len(logs),
    )


def rate_interval(values: Sequence[float], resamples: int = RESAMPLES, seed: int = 0) -> Interval | None:
    """Median of readings with a 95 % percentile-bootstrap interval, in the unit of the readings.

    It describes what was seen; claims rest on :func:`ratio_interval`. ``None`` for no readings.
    """
    if not values:
        return None
    sample = np.asarray(values, dtype=np.float64)
    tail = (1.0 - RATE_CONFIDENCE) / 2
    medians = np.median(_resampled(sample, resamples, seed), axis=1)
    low, high = (float(q) for q in np.quantile(medians, (tail, 1.0 - tail)))
    return Interval(float(np.median(sample)), low, high, RATE_CONFIDENCE, len(sample))


def mean_interval(values: Sequence[float], confidence: float = RATE_CONFIDENCE) -> Interval:
    """Mean with Student's interval, in the unit of the values; one value has none, and is both its bounds.

    Raises ValueError for no values.
    """
    sample = np.asarray(values, dtype=np.float64)
    if not len(sample):
        raise ValueError("there is nothing to take the mean of")
    mean = float(sample.mean())
    reach = _student_reach(sample, confidence) if len(sample) > 1 else 0.0
    return Interval(mean, mean - reach, mean + reach, confidence, len(sample))


def more_pairs(ratios: Sequence[float], threshold: float, confidence: float = CONFIDENCE) -> int | None:
    """How many more pairs until the interval would leave ``threshold``, if ratio and scatter stay as seen.

    n = (t · s ÷ |mean log ratio − log threshold|)², with Student's t at the present n. ``None`` where that is
    beyond :data:`MOST_PAIRS`: the ratio is as good as equal to the threshold.
    """
    logs = _logs(ratios)
    distance = abs(float(logs.mean()) - math.log(threshold))
    reach_of_one = _student_reach(logs, confidence) * math.sqrt(len(logs))
    if reach_of_one > distance * math.sqrt(MOST_PAIRS):
        return None
    return max(1, math.ceil((reach_of_one / distance) ** 2) - len(logs)) if distance else None


def groups_told_apart(intervals: Mapping[str, Interval]) -> tuple[tuple[str, ...], ...]:
    """Labels in groups, largest first. Different groups are ranked; within a group nothing may be.

    Intervals that overlap share a group, also by way of a third that overlaps both.
    """
    groups: list[tuple[str, ...]] = []
    floor = -math.inf
    for label in sorted(intervals, key=lambda name: intervals[name].high, reverse=True):
        interval = intervals[label]
        if groups and interval.high >= floor:
            groups[-1] += (label,)
            floor = min(floor, interval.low)
        else:
            groups.append((label,))
            floor = interval.low
    return tuple(groups)


@lru_cache(maxsize=256)
def student_quantile(probability: float, freedom: int) -> float:
    """Quantile of Student's t for 0.5 ≤ probability < 1, by bisection of the exact distribution function."""
    low, high = 0.0, 1.0
    while _student_below(high, freedom) < probability:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _student_below(middle, freedom) < probability else (low, middle)
    return high


def _student_below(t: float, freedom: int) -> float:
    """P(T ≤ t) for t ≥ 0: the finite series of Abramowitz & Stegun 26.7.3 and 26.7.4."""
    angle = math.atan(t / math.sqrt(freedom))
    sine, square = math.sin(angle), math.cos(angle) ** 2
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for k in range(freedom // 2):
        total += term
        term *= square * (2 * k + 1 + odd) / (2 * k + 2 + odd)
    inside = (2 / math.pi) * (angle + sine * total) if odd else sine * total
    return (1 + inside) / 2


def _student_reach(values: _Floats, confidence: float) -> float:
    """Half the width of Student's interval for the mean."""
    n = len(values)
    quantile = student_quantile((1 + confidence) / 2, n - 1)
    return quantile * float(values.std(ddof=1)) / math.sqrt(n)


def _resampled(values: _Floats, resamples: int, seed: int) -> _Floats:
    """(resamples, n): each row drawn with replacement from ``values``."""
    chosen = np.random.default_rng(seed).integers(0, len(values), size=(resamples, len(values)))
    drawn: _Floats = values[chosen]
    return drawn


def _logs(ratios: Sequence[float]) -> _Floats:
    values = np.asarray(ratios, dtype=np.float64)
    if not (np.isfinite(values) & (values > 0)).all():
        raise ValueError("a ratio must be positive and finite")
    return np.log(values)
