"""The stages of a progressive optimization as rows of the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backends.domain.result import Trial
from backends.reporting import words
from backends.reporting.account import StageLine
from backends.reporting.words import MISSING, Figure

_NOTHING = Figure("–")


@dataclass(frozen=True)
class TrialRow:
    knob: str
    setting: str
    gain: Figure
    note: str


@dataclass(frozen=True)
class StageRow:
    title: str
    label: str
    verdict: str
    factor: Figure
    total: Figure
    size: str
    peak: str
    evidence: tuple[str, ...]
    trials: tuple[TrialRow, ...]


def stage_rows(lines: Sequence[StageLine]) -> tuple[StageRow, ...]:
    return tuple(_row(line) for line in lines)


def _total(line: StageLine) -> Figure:
    """Before anything was kept it is the original itself."""
    if not line.label:
        return _NOTHING
    exact = line.total is not None and line.total.low == line.total.high
    return Figure("1×", "the original") if exact else words.ratio(line.total)


def _row(line: StageLine) -> StageRow:
    first = line.step == "baseline"
    return StageRow(
        line.title,
        line.label,
        line.verdict,
        _NOTHING if first or not line.label else words.ratio(line.factor),
        _total(line),
        words.mebibytes(line.size_bytes) if line.size_bytes is not None else "–",
        words.mebibytes(line.peak_bytes) if line.peak_bytes is not None else "–",
        line.evidence,
        tuple(_trial(one) for one in line.trials),
    )


def _trial(trial: Trial) -> TrialRow:
    gain = MISSING if trial.gain is None else Figure(f"{words.number(trial.gain)}×")
    return TrialRow(trial.knob, trial.setting, gain, trial.failure or ("taken" if trial.taken else ""))
