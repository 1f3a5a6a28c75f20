"""The card "Against the original, so far": a row a candidate, and a sentence on where the run is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtWidgets import QWidget

from backends.domain.result import Comparison, ConfigurationResult
from gui.models.cells import Cell, ChipCell, TextCell, figure
from gui.models.table import Column, TableModel
from gui.theme.tone import Tone
from gui.widgets import units
from gui.widgets.card import Card
from gui.widgets.table import Table
from gui.widgets.terms import explain
from gui.widgets.text import Role, label
from gui.wizard.pages.entries import Entry
from gui.wizard.pages.live import LiveRun, Rated, Track
from gui.wizard.pages.measured_words import NOT_MEASURED, RateName, RateWords, claim_chip, ratio_spread


@dataclass(frozen=True)
class Row:
    name: Cell
    rate: Cell
    ratio: Cell
    claim: Cell


class SoFarCard(Card):
    def __init__(
        self,
        words: RateWords,
        entries: Sequence[Entry],
        thresholds: Sequence[float],
        looks: Sequence[int],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(tip=explain("pair"), parent=parent)
        self.set_title(self.tr("Against the original, so far"))
        self._entries, self._looks, self._unit = tuple(entries), tuple(looks), words.unit
        self._gates = tuple(zip(words.rates, thresholds, strict=True))
        self.model: TableModel[Row] = TableModel(self._columns(words))
        self.note = label("", Role.NOTE, wrap=True)
        self.add(Table(self.model)).add(self.note).end()

    def end_run(self) -> None:
        self.set_title(self.tr("Against the original"))

    def show_run(self, live: LiveRun) -> None:
        made = [entry for entry in self._entries if not entry.original]
        rows = [self._row(entry, live.tracks[entry.label], *gate) for entry in made for gate in self._gates]
        self.model.set_rows(rows)
        self.note.setText(self._sentence(live))

    def _columns(self, words: RateWords) -> list[Column[Row]]:
        return [
            Column("", lambda row: row.name, stretch=True),
            Column(words.unit, lambda row: row.rate, right=True, term=explain(words.rates[0].term)),
            Column(self.tr("ratio"), lambda row: row.ratio, right=True, term=explain("confidence interval")),
            Column(self.tr("gate"), lambda row: row.claim, term=explain("gate")),
        ]

    def _row(self, entry: Entry, track: Track, words: RateName, threshold: float) -> Row:
        """The main rate under the configuration's name; others below it, under their own."""
        rated, main = track.of(words.metric), words is self._gates[0][0]
        name = TextCell(entry.short, hue=entry.hue) if main else TextCell(words.name, muted=True)
        rate: Cell = TextCell(NOT_MEASURED, muted=True)
        if rated.rate is not None:
            tip = units.interval_source(rated.rate)
            half = units.plus_minus(rated.rate) if rated.rate.samples > 1 else ""
            rate = figure(units.number(rated.rate.estimate), half, tip, bold=main)
        found = _decided(track.result, words.metric)
        return Row(name, rate, _ratio(found, rated), self._claim(track, rated, found, threshold))

    def _claim(self, track: Track, rated: Rated, found: Comparison | None, threshold: float) -> ChipCell:
        """Said at looks only: an interval that is looked at after every pair claims too much."""
        if track.result is not None and track.result.failure:
            return ChipCell(self.tr("failed"), Tone.BAD, track.result.failure)
        ratio = found.ratio if found else rated.looked
        if ratio is not None:
            return ChipCell(*claim_chip(ratio, threshold), self._more(found))
        looks = ", ".join(str(look) for look in self._looks)
        if rated.ratios:
            tip = self.tr("Claims are made after {0} pairs only.").format(looks)
            return ChipCell(self.tr("measuring"), Tone.SOFT, tip)
        return ChipCell(self.tr("waiting"), Tone.NEUTRAL, self.tr("Its turn has not come yet."))

    def _more(self, found: Comparison | None) -> str:
        if found is None or not found.more_pairs:
            return ""
        return self.tr("About {0} more pairs would decide.").format(found.more_pairs)

    def _sentence(self, live: LiveRun) -> str:
        """ "Pair 9 of at least 12. One reading was disturbed: …" """
        parts = [self._original(live)]
        if live.pair:
            look = next((look for look in self._looks if look >= live.pair), self._looks[-1])
            last = look == self._looks[-1]
            text = self.tr("Pair {0} of {1}.") if last else self.tr("Pair {0} of at least {1}.")
            parts.append(text.format(live.pair, look))
        if live.disturbed:
            parts.append(self._disturbed(live))
        return " ".join(filter(None, parts))

    def _original(self, live: LiveRun) -> str:
        rates = [live.tracks[entry.label].rate for entry in self._entries if entry.original]
        known = [f"{units.number(rate.estimate)} {units.plus_minus(rate)}" for rate in rates if rate]
        return self.tr("Original: {0} {1}.").format(known[0], self._unit) if known else ""

    def _disturbed(self, live: LiveRun) -> str:
        last = f"{live.marks[-1].who}, {live.marks[-1].reasons[0]}"
        if live.disturbed == 1:
            return self.tr("One reading was disturbed (marked on the charts): {0}.").format(last)
        text = self.tr("{0} readings were disturbed (marked on the charts), the last: {1}.")
        return text.format(live.disturbed, last)


def _ratio(found: Comparison | None, rated: Rated) -> Cell:
    ratio = found.ratio if found else rated.ratio
    if ratio is None:
        return TextCell(NOT_MEASURED, muted=True)
    tip = units.interval_source(ratio)
    return figure(units.ratio(ratio.estimate), ratio_spread(ratio), tip, bold=False)


def _decided(result: ConfigurationResult | None, metric: str) -> Comparison | None:
    if result is None:
        return None
    return next((c for c in result.comparisons if c.metric == metric), None)
