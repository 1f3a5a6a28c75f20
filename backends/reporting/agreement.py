"""Does a measurement agree with an earlier one? Ratios to the original are compared, never absolute rates.

Two rates of different days or machines say nothing; a ratio was taken within pairs each time. Two figures
agree where their intervals overlap. Memory, one reading, agrees within ``MEMORY_TOLERANCE``.
Verdicts contradict each other only as pass and fail: an inconclusive one decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backends.domain.gate import Verdict
from backends.domain.metric import Interval, peak_share
from backends.domain.result import ConfigurationResult, RunRecord
from backends.reporting import words
from backends.reporting.account import label_of
from backends.reporting.figures import quality_kept

VAGUE = 1.5  # upper ÷ lower end; a quiet machine stays below 1.1


@dataclass(frozen=True)
class Agreement:
    """``after`` is ``None`` where the figure was not measured this time."""

    label: str
    measure: str
    before: Interval
    after: Interval | None

    @property
    def agrees(self) -> bool:
        if self.after is None:
            return False
        return self.before.low <= self.after.high and self.after.low <= self.before.high

    @property
    def is_vague(self) -> bool:
        """An interval so wide that almost anything would agree with it."""
        return any(one is not None and one.high > VAGUE * one.low for one in (self.before, self.after))

    @property
    def sentence(self) -> str:
        now = _span(self.after) if self.after else words.NOT_MEASURED
        verb = "agrees" if self.agrees else "does not agree"
        return f"{self.label}, {self.measure}: {_span(self.before)} then, {now} now; {verb}."


@dataclass(frozen=True)
class Judgement:
    """A gate's verdicts on one configuration. ``after`` is ``None`` where it was not judged this time."""

    label: str
    gate: str  # its title
    before: Verdict
    after: Verdict | None

    @property
    def changed(self) -> bool:
        return self.before is not self.after

    @property
    def contradicts(self) -> bool:
        return self.changed and {self.before, self.after} == {Verdict.PASS, Verdict.FAIL}

    @property
    def sentence(self) -> str:
        if not self.changed:
            return f"{self.label}, {self.gate}: {self.before}, as before."
        now = self.after or Verdict.NOT_MEASURED
        what = "does not agree" if self.contradicts else "that contradicts nothing"
        return f"{self.label}, {self.gate}: {self.before} then, {now} now; {what}."


def judgements(before: RunRecord, after: RunRecord) -> tuple[Judgement, ...]:
    """One for each gate that judged a candidate then, stability and the stress run among them."""
    then, now = _verdicts(before), _verdicts(after)
    return tuple(
        Judgement(label, title, verdict, now.get((label, title))) for (label, title), verdict in then.items()
    )


def _verdicts(record: RunRecord) -> dict[tuple[str, str], Verdict]:
    return {
        (label_of(one), words.gate_title(judged.gate)): judged.verdict
        for one in record.results
        for judged in one.gates
    }


def agreements(before: RunRecord, after: RunRecord) -> tuple[Agreement, ...]:
    """One for each figure that the earlier record has of a candidate."""
    now = _by_label(after)
    return tuple(
        Agreement(label, measure, interval, now.get((label, measure)))
        for (label, measure), interval in _by_label(before).items()
    )


def _by_label(record: RunRecord) -> dict[tuple[str, str], Interval]:
    original = next((one for one in record.results if one.configuration.artifact.original), None)
    return {
        (label_of(one), measure): interval
        for one in record.results
        if one is not original
        for measure, interval in _figures(one, original)
    }


def _figures(
    one: ConfigurationResult, original: ConfigurationResult | None
) -> Iterator[tuple[str, Interval]]:
    seen: set[str] = set()
    for comparison in one.comparisons:
        if comparison.metric not in seen:  # the same ratio stands there once a threshold
            seen.add(comparison.metric)
            yield f"{words.RATES[comparison.metric][0].lower()} speed against the original", comparison.ratio
    if (kept := quality_kept(one)) is not None:
        yield kept
    if one.fidelity is not None and one.fidelity.perplexity_ratio is not None:
        yield "perplexity against the original", one.fidelity.perplexity_ratio
    if one.memory is not None and original is not None and original.memory is not None:
        yield "peak memory against the original", peak_share(one.memory, original.memory)


def _span(value: Interval) -> str:
    return f"{words.number(value.estimate)} ({words.span(value)})"
