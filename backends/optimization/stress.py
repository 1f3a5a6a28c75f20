"""The stress run's rules: how hard it is, and what its observations amount to. Opens no engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.domain.gate import MEMORY_GROWTH, Finding, Gate, Verdict
from backends.domain.metric import Interval

CONFIDENCE = 0.95
FEWEST_LOADS = 5
# Below this growth a load cannot be told from what an allocator keeps for later.
LEAST_GROWTH_BYTES = 512 * 1024
MOST_WINDOWS = 3  # so many times the loads: an allocator fills up and then stays, a leak goes on
GROWTH_SHARE = 0.005  # of the peak, for models whose own buffers differ by more
CLOSE = 1e-5  # outputs of the same inputs: threads may add up in another order


@dataclass(frozen=True)
class StressPlan:
    """``context``: tokens of the longest prompt at most; the model's own limit and the memory count too."""

    sessions: int = 2
    loads: int = 8
    context: int = 2048
    new_tokens: int = 16


STRESS_PLANS: Mapping[str, StressPlan] = {
    "quick": StressPlan(),
    "standard": StressPlan(loads=12, context=8192),
    "thorough": StressPlan(sessions=4, loads=24, context=131_072, new_tokens=64),
}


@dataclass(frozen=True)
class Answer:
    """What an engine gave for one input: token ids, or the outputs of a batch, flattened."""

    values: NDArray[np.generic]
    finite: bool = True

    def same_as(self, other: Answer) -> bool:
        """Token ids to the last one, outputs within :data:`CLOSE`."""
        if self.values.shape != other.values.shape:
            return False
        if np.issubdtype(self.values.dtype, np.integer):
            return bool(np.array_equal(self.values, other.values))
        return bool(np.allclose(self.values, other.values, rtol=CLOSE, atol=CLOSE))


def affordable(wanted: int, each_bytes: int | None, free_bytes: int | None, share: float = 0.8) -> int:
    """How many of something fit into ``share`` of the free memory; all where sizes are not known."""
    if not each_bytes or free_bytes is None:
        return wanted
    return max(0, min(wanted, int(free_bytes * share // each_bytes)))


def prompt_lengths(longest: int) -> tuple[int, ...]:
    """Mixed prompts: one token, a few, some, and as many as the timed work has."""
    return tuple(sorted({length for length in (1, 7, 33, longest // 3, longest) if 1 <= length <= longest}))


def growth(peaks_bytes: Sequence[int]) -> Interval | None:
    """Bytes a load: the Theil–Sen slope with its interval; ``None`` below :data:`FEWEST_LOADS` loads.

    The median of all pairwise slopes; up to 29 % of the readings may be anything without moving it far.
    """
    from scipy.stats import theilslopes

    if len(peaks_bytes) < FEWEST_LOADS:
        return None
    found = theilslopes(np.asarray(peaks_bytes, dtype=float), alpha=CONFIDENCE)
    return Interval(
        float(found.slope), float(found.low_slope), float(found.high_slope), CONFIDENCE, len(peaks_bytes)
    )


def growth_finding(peaks_bytes: Sequence[int], window: int) -> Finding:
    """Of all loads in turn, the last ``window`` are judged.

    Fails only where their whole interval lies above the limit, and the loads before them, so many at a time,
    grew as well: a leak goes on, while an allocator that takes more once may do so at any load.
    """
    last, earlier = peaks_bytes[-window:], _windows(peaks_bytes[:-window], window)
    slope = growth(last)
    if slope is None:
        text = f"{len(last)} loads are too few to tell whether memory grows; it takes {FEWEST_LOADS}."
        return Finding(MEMORY_GROWTH, None, text)
    limit = max(LEAST_GROWTH_BYTES, GROWTH_SHARE * float(np.median(last)))
    passed = _PASSED[Gate(MEMORY_GROWTH, limit, at_least=False, unit="bytes").judge(slope)]
    count = f"the last {len(last)} of {len(peaks_bytes)}" if len(peaks_bytes) > len(last) else f"{len(last)}"
    text = (
        f"Peak memory over {count} loads in one process: {_mib(min(last))} to {_mib(max(last))} MiB, a trend "
        f"of {_mib(slope.estimate)} ({_mib(slope.low)} to {_mib(slope.high)}) MiB a load; more than "
        f"{_mib(limit)} counts as growing."
    )
    if passed is False and any(one.estimate <= limit for one in earlier):
        return Finding(MEMORY_GROWTH, None, f"{text} The loads before them did not all grow, as a leak does.")
    return Finding(MEMORY_GROWTH, passed, text)


def _windows(peaks_bytes: Sequence[int], window: int) -> tuple[Interval, ...]:
    """The trend of so many loads at a time, the last ones first; of fewer there is none."""
    starts = range(len(peaks_bytes) - window, -1, -window)
    trends = (growth(peaks_bytes[start : start + window]) for start in starts)
    return tuple(trend for trend in trends if trend is not None)


_PASSED = {Verdict.PASS: True, Verdict.FAIL: False, Verdict.INCONCLUSIVE: None}


def agreement_finding(name: str, where: str, answers: Sequence[tuple[Answer, Answer]]) -> Finding:
    """``answers``: what came, beside what had come for the same input from one undisturbed session."""
    different = sum(not came.same_as(expected) for came, expected in answers)
    if different:
        text = f"{where}: {different} of {len(answers)} answers differ from those of one undisturbed session."
        return Finding(name, False, text)
    same = "the answer is that" if len(answers) == 1 else f"all {len(answers)} answers are those"
    return Finding(name, True, f"{where}: {same} of one undisturbed session.")


def finite_finding(answers: Sequence[Answer]) -> Finding:
    broken = sum(not answer.finite for answer in answers)
    if broken:
        text = (
            f"{broken} of {len(answers)} outputs that were looked at hold values that are not finite (NaN)."
        )
        return Finding("finite outputs", False, text)
    return Finding("finite outputs", True, f"All {len(answers)} outputs that were looked at are finite.")


def _mib(size: float) -> str:
    return f"{size / 2**20:.2f}" if abs(size) < 10 * 2**20 else f"{size / 2**20:,.0f}"
