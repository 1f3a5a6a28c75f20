"""The rows of the recommendation page: one candidate each, with what every figure rests on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

from backends.recommendation.ranking import Candidate, Recommendation, RuledOut
from backends.workflow.wizard import Choice
from gui.models.cells import BarCell, ChipCell, TextCell, figure
from gui.models.table import Column
from gui.theme.hues import Hue
from gui.theme.tone import Tone
from gui.widgets import units
from gui.widgets.facts import FactRow
from gui.widgets.remedies import in_window
from gui.widgets.terms import explain

translate = QCoreApplication.translate
DOT = " · "
COMMAND = "edgewright frameworks"  # a remedy that the window offers on a page of its own
DECODE = 3  # the column that only language models have
LEADING = 6  # rows before "All precisions"
MOST_REASONS = 2  # in a row; its tooltip has all
TIGHT = 0.7  # share of the free memory above which the bar warns


@dataclass(frozen=True)
class CandidateRow:
    candidate: Candidate
    chosen: bool
    why: str = ""

    @property
    def choice(self) -> Choice:
        return Choice.of(self.candidate)


def rows(
    found: Recommendation, chosen: Iterable[Choice], *, every: bool, calibrated: bool
) -> list[CandidateRow]:
    """Best first. Without ``every`` only the few that lead, and whatever is chosen."""
    wanted = set(chosen)
    leading = [one for one in found.candidates if one.headline][:LEADING]
    shown = [one for one in found.offered if every or one in leading or Choice.of(one) in wanted]
    said: set[tuple[str, str]] = set()
    return [CandidateRow(one, Choice.of(one) in wanted, _why(one, calibrated, said)) for one in shown]


def _why(one: Candidate, calibrated: bool, said: set[tuple[str, str]]) -> str:
    """Its first reasons, without what an earlier row has said of the same framework."""
    new = [reason for reason in one.reasons if (one.framework, reason) not in said][:MOST_REASONS]
    said.update((one.framework, reason) for reason in new)
    if one.needs_calibration and not calibrated:
        new.append(translate("Recommendation", "Wants calibration data, and none came with this model."))
    return " ".join(new)


def columns() -> list[Column[CandidateRow]]:
    return [
        Column("", checked=lambda row: row.chosen),
        Column(translate("Recommendation", "Framework and precision"), _name, stretch=True),
        Column(translate("Recommendation", "Size and fit"), _fit, width=148, term=explain("fit")),
        Column(translate("Recommendation", "Decode, tok/s"), _decode, right=True, term=explain("decode")),
        Column(translate("Recommendation", "Quality"), _quality, right=True, term=explain("prior")),
        Column("", _chip),
    ]


def _name(row: CandidateRow) -> TextCell:
    one = row.candidate
    name = f"{one.precision}{DOT}{one.device}"
    return TextCell(one.title, name, row.why, Hue(one.title), bold=True, tip=" ".join(one.reasons))


def _fit(row: CandidateRow) -> BarCell:
    fit = row.candidate.fit
    size, share = units.size(fit.weight_bytes), fit.share_of_free
    tip = translate(
        "Recommendation",
        "Expected: {0} of weights; {1} in memory with cache and runtime, against what is free.",
    ).format(size, units.size(fit.total_bytes))
    if share is None:
        return BarCell(0.0, size, tip=tip)
    text = translate("Recommendation", "{0} · {1} of free").format(size, units.percent(share))
    return BarCell(share, text, "warn" if share > TIGHT else "accent", tip=tip)


def _decode(row: CandidateRow) -> TextCell:
    prediction = row.candidate.decode
    if prediction is None:
        why = translate(
            "Recommendation", "Only for language models, and only once memory bandwidth was measured here."
        )
        return TextCell("–", second=translate("Recommendation", "not predicted"), muted=True, tip=why)
    span = f"{_rough(prediction.low)}{units.DASH}{_rough(prediction.high)}"
    tip = translate("Recommendation", "Expected, not measured: {0}.").format(prediction.basis)
    return figure(_rough(prediction.estimate), span, tip)


def _rough(rate: float) -> str:
    """Two figures: a prediction is no more exact than that."""
    return units.number(float(f"{rate:.2g}"), 2)


def _quality(row: CandidateRow) -> TextCell:
    low, high = row.candidate.expected_quality
    tip = translate("Recommendation", "Share of the original's quality. {0}").format(explain("prior"))
    if (low, high) == (0.0, 1.0):
        return TextCell("–", second=translate("Recommendation", "not known"), muted=True, tip=tip)
    text = f"{_points(low)}{units.DASH}{_points(high)}{units.NBSP}%"
    return figure(text, translate("Recommendation", "expected"), tip, bold=False)


def _points(share: float) -> str:
    return f"{share * 100:.3g}"


def _chip(row: CandidateRow) -> ChipCell | str:
    if not row.candidate.recommended:
        return ""
    return ChipCell(translate("Recommendation", "Recommended"), Tone.OK, row.candidate.reasons[0])


def ruled_out(found: Iterable[RuledOut]) -> list[FactRow]:
    """What the Frameworks page can mend leads there; of the rest the remedy is told."""
    return [_out(one) for one in found]


def _out(one: RuledOut) -> FactRow:
    if COMMAND in one.remedy:
        mend = translate("Recommendation", "Frameworks")
        return FactRow(one.title, one.reason, in_window(one.remedy), action=mend, key="frameworks")
    return FactRow(one.title, one.reason, one.remedy, f"{DOT.strip()} {one.remedy}" if one.remedy else "")


def summary(chosen: list[Candidate]) -> str:
    """ "3 configurations · about 2 MB on disk"."""
    if not chosen:
        return translate("Recommendation", "Nothing chosen")
    size = units.size(sum(one.fit.weight_bytes for one in chosen))
    if len(chosen) == 1:
        return translate("Recommendation", "1 configuration · about {0} on disk").format(size)
    return translate("Recommendation", "{0} configurations · about {1} on disk").format(len(chosen), size)


def basis(found: Recommendation, *, predicted: bool) -> str:
    """The rule that spoke, and what the figures are."""
    strategy = {
        "enterprise": translate("Recommendation", "Large model: server frameworks lead."),
        "lightweight": translate("Recommendation", "Small model: light frameworks lead."),
    }[found.strategy]
    rest = translate(
        "Recommendation", "Sizes are computed, quality is a rule of thumb; the benchmark measures both."
    )
    speed = translate("Recommendation", "Speed is not predicted for this kind of model.")
    return "\n\n".join(filter(None, (found.rule_text, strategy, rest, "" if predicted else speed)))
