"""Intervals for shares and paired ratios, and how many items a decision takes.

The interval of an accuracy *ratio* is a paired bootstrap over items. Items fall into four cells (right by
both, by one, by the other, by neither), so resampling items with replacement is one multinomial draw per
resample: the same distribution, without 10,000 × items indices.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from backends.domain.metric import Interval

RESAMPLES = 10_000
SEED = 20_240_611
CONFIDENCE = 0.95
# Half an item in every cell before resampling (Agresti & Min 2005). Without it a short list in which the two
# never differ would give a ratio of exactly 1 with no doubt at all, and one lucky item would pass a gate.
CELL_PRIOR = 0.5
MOST_ITEMS = 10_000_000


@dataclass(frozen=True)
class PairedCounts:
    """How often original and candidate were right on the same items."""

    both: float
    only_original: float
    only_candidate: float
    neither: float

    @property
    def items(self) -> float:
        return self.both + self.only_original + self.only_candidate + self.neither

    @property
    def original(self) -> float:
        return self.both + self.only_original

    @property
    def candidate(self) -> float:
        return self.both + self.only_candidate

    def shares(self) -> NDArray[np.float64]:
        """(4,) probabilities of the cells, each with half an item added."""
        cells = np.array([self.both, self.only_original, self.only_candidate, self.neither]) + CELL_PRIOR
        return np.asarray(cells / cells.sum())


def tally(original: Sequence[bool], candidate: Sequence[bool]) -> PairedCounts:
    """Count the four cells; both sequences are over the same items in the same order."""
    pairs = list(zip(original, candidate, strict=True))
    cells = [(True, True), (True, False), (False, True), (False, False)]
    return PairedCounts(*(sum(pair == cell for pair in pairs) for cell in cells))


def z_value(probability: float) -> float:
    """Quantile of the standard normal distribution."""
    return NormalDist().inv_cdf(probability)


def wilson(successes: int, trials: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson score interval of a share (Wilson 1927): honest near 0 and 1 and for few trials."""
    z = z_value(0.5 + confidence / 2)
    share = successes / trials
    scale = 1 + z * z / trials
    middle = (share + z * z / (2 * trials)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    # At 0 and 1 the formula gives the bound itself, but for rounding.
    low = min(share, max(0.0, middle - half))
    high = max(share, min(1.0, middle + half))
    return Interval(share, low, high, confidence, trials)


def paired_ratio(
    counts: PairedCounts, confidence: float = CONFIDENCE, resamples: int = RESAMPLES, seed: int = SEED
) -> Interval | None:
    """Candidate's accuracy ÷ original's, with a paired bootstrap percentile interval.

    ``None`` where the original has nothing right: there is no ratio to nothing.
    """
    if counts.original == 0:
        return None
    estimate = counts.candidate / counts.original
    draws = np.random.default_rng(seed).multinomial(int(counts.items), counts.shares(), size=resamples)
    original = draws[:, 0] + draws[:, 1]
    candidate = draws[:, 0] + draws[:, 2]
    ratios = candidate / np.maximum(original, 1)  # a resample without a right answer must not divide by zero
    return percentile_interval(estimate, ratios, confidence, int(counts.items))


def resampled_means(
    blocks: NDArray[np.float64], resamples: int = RESAMPLES, seed: int = SEED
) -> NDArray[np.float64]:
    """(blocks, ...) → (resamples, ...): means over whole blocks drawn with replacement."""
    count = len(blocks)
    weights = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples)
    return np.asarray(np.tensordot(weights, blocks, axes=1) / count)


def mean_interval(values: NDArray[np.float64], least: float = -math.inf, most: float = math.inf) -> Interval:
    """Mean of (blocks,) values with a bootstrap over blocks, no tighter than Student's interval.

    The percentile bootstrap of few blocks alone is too narrow (Hesterberg 2015, section 4): of sixteen, a
    nominal 95 % covers 92 %. ``least`` and ``most`` are what the figure can be at all.
    """
    count, mean = len(values), float(values.mean())
    found = percentile_interval(mean, resampled_means(values), CONFIDENCE, count)
    reach = student_quantile(0.5 + CONFIDENCE / 2, count - 1) * float(values.std(ddof=1)) / math.sqrt(count)
    low, high = min(found.low, mean - reach), max(found.high, mean + reach)
    return Interval(mean, max(low, least), min(high, most), CONFIDENCE, count)


def student_quantile(probability: float, freedom: int) -> float:
    """Quantile of Student's t: exact for one and two degrees of freedom, else to within half a percent.

    Abramowitz & Stegun 26.7.5; importing SciPy for it takes 0.3 s, in the window's process.
    """
    if freedom == 1:
        return math.tan(math.pi * (probability - 0.5))
    if freedom == 2:
        return (2 * probability - 1) / math.sqrt(2 * probability * (1 - probability))
    z = z_value(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92_160,
    )
    return z + sum(float(term / freedom**power) for power, term in enumerate(terms, start=1))


def percentile_interval(
    estimate: float, draws: NDArray[np.float64], confidence: float, samples: int
) -> Interval:
    """Bootstrap percentile interval, widened to its estimate where smoothing moved it away."""
    low, high = np.quantile(draws, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return Interval(estimate, min(float(low), estimate), max(float(high), estimate), confidence, samples)


def mcnemar(counts: PairedCounts) -> float:
    """Exact two-sided p-value that both are right equally often (McNemar 1947, binomial form)."""
    fewer = int(min(counts.only_original, counts.only_candidate))
    differing = int(counts.only_original + counts.only_candidate)
    tail = sum(math.comb(differing, k) for k in range(fewer + 1))
    return min(1.0, float(2 * tail / 2**differing))


def expected_counts(original_accuracy: float, candidate_accuracy: float, differing: float) -> PairedCounts:
    """The four cells as shares. ``differing``: share of items that exactly one of the two has right.

    It is raised or lowered to what the two accuracies leave possible.
    """
    gap = original_accuracy - candidate_accuracy
    room = min(original_accuracy + candidate_accuracy, 2 - original_accuracy - candidate_accuracy)
    differing = min(max(differing, abs(gap)), room)
    lost, won = (differing + gap) / 2, (differing - gap) / 2
    both = original_accuracy - lost
    return PairedCounts(both, lost, won, 1 - both - lost - won)


def samples_needed(
    original_accuracy: float,
    candidate_accuracy: float,
    differing: float,
    threshold: float = 0.95,
    power: float = 0.9,
    confidence: float = CONFIDENCE,
) -> int | None:
    """Items after which ``power`` of all such runs end in pass or fail, not "inconclusive".

    Normal approximation of the bootstrap above on d = candidate − threshold · original per item, with the
    same half items in the cells. ``None`` where more than ten million would not do: the candidate sits on
    the threshold.
    """
    cells = expected_counts(original_accuracy, candidate_accuracy, differing)
    z = z_value(0.5 + confidence / 2) + z_value(power)
    if not _decides(MOST_ITEMS, cells, threshold, z):
        return None
    low, high = 0, 1
    while not _decides(high, cells, threshold, z):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _decides(middle, cells, threshold, z) else (middle, high)
    return high


def _decides(items: int, cells: PairedCounts, threshold: float, z: float) -> bool:
    scaled = (
        share * items for share in (cells.both, cells.only_original, cells.only_candidate, cells.neither)
    )
    shares = PairedCounts(*scaled).shares()
    values = np.array([1 - threshold, -threshold, 1.0, 0.0])
    mean = float(shares @ values)
    deviation = math.sqrt(float(shares @ values**2) - mean * mean)
    hoped = cells.candidate - threshold * cells.original
    return mean * hoped > 0 and abs(mean) * math.sqrt(items) >= z * deviation
