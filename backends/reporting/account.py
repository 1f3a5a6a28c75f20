"""What a report and a certificate are written from: a stored run, and what follows from it alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from backends.domain.gate import Verdict
from backends.domain.metric import Interval
from backends.domain.result import ConfigurationResult, RunRecord, Trial


@dataclass(frozen=True)
class Advice:
    """A symptom seen in one configuration. ``evidence`` and ``suggestion`` are sentences."""

    title: str
    evidence: str
    suggestion: str


@dataclass(frozen=True)
class PairRatio:
    """One whole pair: candidate ÷ original of the main rate. ``flags`` are the reasons to doubt it."""

    label: str
    t_s: float
    ratio: float
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ranking:
    """Who is ahead in what, best first. Within a group nothing may be told apart."""

    measure: str  # "Decode speed"
    groups: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Pick:
    """The recommended configuration. ``equals`` cannot be told apart from it."""

    label: str
    reason: str
    equals: tuple[str, ...] = ()


@dataclass(frozen=True)
class StageLine:
    """One stage of a progressive optimization. ``factor``: its speed ÷ that of the stage it was held against.

    ``total``: ÷ the original's, of everything kept up to here; ``None`` where nothing was measured.
    """

    step: str
    title: str  # "Quantization"
    label: str
    verdict: str
    kept: bool
    evidence: tuple[str, ...]
    factor: Interval | None
    total: Interval | None
    size_bytes: int | None
    peak_bytes: int | None
    took_s: float
    trials: tuple[Trial, ...] = ()


@dataclass(frozen=True)
class Account:
    """Everything the writer of a report knows. All figures are those that were stored with the run."""

    record: RunRecord
    written_at: str  # ISO 8601, UTC
    commands: tuple[str, ...] = ()  # that repeat the measurement
    findings: Mapping[str, tuple[Advice, ...]] = field(default_factory=dict)
    pairs: tuple[PairRatio, ...] = ()
    rankings: tuple[Ranking, ...] = ()
    pick: Pick | None = None
    overall: Mapping[str, Verdict] = field(default_factory=dict)  # of all gates of a configuration
    stages: tuple[StageLine, ...] = ()
    stage_metric: str = ""  # the rate their factors are of: "Decode"

    @property
    def original(self) -> ConfigurationResult | None:
        return next((one for one in self.record.results if one.configuration.artifact.original), None)

    @property
    def candidates(self) -> tuple[ConfigurationResult, ...]:
        return tuple(one for one in self.record.results if not one.configuration.artifact.original)


def label_of(result: ConfigurationResult) -> str:
    return result.label or result.configuration.label
