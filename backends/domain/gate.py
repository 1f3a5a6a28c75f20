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


@dataclass(frozen=True)
class GateResult:
    gate: Gate
    verdict: Verdict
    value: Interval | None
    evidence: str
