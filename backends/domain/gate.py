"""Quality gates and their verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from backends.domain.metric import Interval


class Verdict(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Gate:
    """A threshold on a figure. ``at_least``: the figure must reach it; else it must not exceed it."""

    name: str
    threshold: float
    at_least: bool
    unit: str

    def judge(self, value: Interval | None) -> Verdict:
        """Pass or fail only where the whole interval lies on one side of the threshold."""
        if value is None:
            return Verdict.NOT_MEASURED
        surely, possibly = (value.low, value.high) if self.at_least else (-value.high, -value.low)
        limit = self.threshold if self.at_least else -self.threshold
        if surely >= limit:
            return Verdict.PASS
        return Verdict.FAIL if possibly < limit else Verdict.INCONCLUSIVE


@dataclass(frozen=True)
class GateResult:
    gate: Gate
    verdict: Verdict
    value: Interval | None
    evidence: str


QUALITY_GATES = ("accuracy", "perplexity", "top1_agreement", "agreement", "output_similarity")
MEMORY_GROWTH = "memory growth"  # the stress run's check that loading again and again takes no more


@dataclass(frozen=True)
class Finding:
    """One check of a stress run or a security inspection. ``passed`` is ``None``: it could not be made."""

    name: str  # "concurrent sessions", "no pickle"
    passed: bool | None
    evidence: str  # a sentence
