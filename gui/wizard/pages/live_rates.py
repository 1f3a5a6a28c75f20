"""One rate while it is measured: reading by reading, and against the original pair by pair."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject

from backends.domain.events import Sample
from gui.charts.line_chart import LineChart
from gui.charts.pair_chart import PairChart
from gui.widgets.terms import explain
from gui.wizard.pages.entries import Entry
from gui.wizard.pages.live import Mark, Rated
from gui.wizard.pages.measured_words import RateName
from gui.wizard.pages.saving import ChartCard

REACH = 1.5  # of bands beyond what was measured: three pairs can give an interval that hides all else


class RateCharts(QObject):
    """``gate``: what the ratio has to reach; ``looks``: after how many pairs claims are made."""

    def __init__(
        self,
        words: RateName,
        unit: str,
        entries: Sequence[Entry],
        gate: float,
        looks: Sequence[int],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._metric = words.metric
        self._seen: dict[str, tuple[int, int]] = {}
        self.rate = LineChart(words.title, unit)
        self.rate.set_series({entry.label: entry.hue for entry in entries})
        self.ratio = PairChart(words.ratio_title, gate, looks)
        self.ratio.set_series({entry.label: entry.hue for entry in entries if not entry.original})
        self.rate_card = ChartCard(self.rate, explain(words.term))
        self.ratio_card = ChartCard(
            self.ratio,
            explain("pair"),
            self.tr("Bands: the running interval. Upright lines: the looks; claims are made there only."),
        )

    def hear(self, sample: Sample) -> None:
        if sample.metric == self._metric and sample.series in self.rate.series:
            self.rate.append(sample.series, sample.t_s, sample.value)

    def show(self, entry: Entry, rated: Rated) -> None:
        """Bands and ratios of one configuration, where there are new ones."""
        counts = len(rated.band.x), len(rated.ratios) + len(rated.ratio_band.x)
        before, self._seen[entry.label] = self._seen.get(entry.label, (0, 0)), counts
        if counts[0] != before[0]:
            band = rated.band
            self.rate.set_band(entry.label, list(band.x), list(band.low), list(band.high))
        if counts[1] != before[1] and not entry.original:
            self._show_ratios(entry.label, rated)

    def mark(self, mark: Mark) -> None:
        self.rate.add_flag(mark.t_s, *mark.reasons, who=mark.who)
        self.ratio.add_flag(mark.pair, *mark.reasons, who=mark.who)

    def _show_ratios(self, label: str, rated: Rated) -> None:
        """Every pair at its number, where the looks are too; what was repeated stands beside it."""
        self.ratio.set_points(label, sorted(zip(rated.pairs, rated.ratios, strict=True), key=_number))
        band = rated.ratio_band
        if band.x:
            sight = min(rated.ratios) / REACH, max(rated.ratios) * REACH
            self.ratio.set_band(label, list(band.x), list(band.low), list(band.high), sight)


def _number(point: tuple[float, float]) -> float:
    """Of the pair; those of one pair stay in the order they were measured."""
    return point[0]
