"""The charts of a running benchmark, fed with its events. Every one redraws on the shared clock only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QObject

from backends.benchmarking import metrics
from backends.benchmarking.statistics import percentiles
from backends.domain.events import Event, Sample
from backends.domain.hardware import HardwareProfile
from gui.charts.distribution_chart import DistributionChart
from gui.charts.line_chart import LineChart
from gui.charts.pair_chart import PairChart
from gui.widgets import units
from gui.widgets.card import Card
from gui.widgets.terms import explain
from gui.wizard.pages.entries import Entry
from gui.wizard.pages.live import LiveRun, Mark
from gui.wizard.pages.live_machine import MachineCharts
from gui.wizard.pages.live_memory import MemoryCharts
from gui.wizard.pages.measured_words import RateWords
from gui.wizard.pages.saving import ChartCard

MILLI = 1e3
REACH = 1.5  # of bands beyond what was measured: three pairs can give an interval that hides all else
OVERVIEW, PAIRS, LATENCY, MEMORY, MACHINE = "overview", "pairs", "latency", "memory", "machine"


class LiveCharts(QObject):
    """``begin`` once a run; then ``hear`` its events and ``show`` what the run has become."""

    def __init__(
        self,
        words: RateWords,
        entries: Sequence[Entry],
        gate: float,
        looks: Sequence[int] = (),
        hardware: HardwareProfile | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._words, self._entries = words, tuple(entries)
        self._marks = 0
        self._seen: dict[str, int] = {}
        self.memory = MemoryCharts(entries, self)
        self.machine = MachineCharts(entries, hardware, self)
        self._make(gate, looks)
        self._make_cards()

    @property
    def cards(self) -> tuple[ChartCard, ...]:
        """All there are now; the machine's come as its figures do."""
        return (
            *(self.rate_card, self.latency_card, self.distribution_card, self.ratio_card),
            *(self.memory.use_card, self.memory.kind_card, self.machine.load_card),
        )

    def titles(self) -> dict[str, str]:
        return {
            OVERVIEW: self.tr("Overview"),
            PAIRS: self.tr("Against the original"),
            LATENCY: self.tr("Latency"),
            MEMORY: self.tr("Memory"),
            MACHINE: self.tr("Machine"),
        }

    def topics(self, so_far: Card) -> dict[str, tuple[Card, ...]]:
        """Which cards belong to which topic; ``so_far`` stands beside the rates and the ratios."""
        return {
            OVERVIEW: (self.rate_card, so_far, self.latency_card, self.memory.use_card),
            PAIRS: (self.ratio_card, so_far),
            LATENCY: (self.latency_card, self.distribution_card),
            MEMORY: (self.memory.use_card, self.memory.kind_card),
            MACHINE: (self.machine.load_card, self.machine.untold_card),
        }

    def hear(self, event: Event) -> None:
        if not isinstance(event, Sample):
            return
        if event.series == metrics.MACHINE or event.metric == metrics.WORKER_CPU:
            self.machine.hear(event)
        elif event.series in self.rate.series and event.metric == self._words.main:
            self.rate.append(event.series, event.t_s, event.value)

    def show(self, live: LiveRun) -> None:
        """What has to be looked at as a whole: bands, ratios, marks, memory and the notes."""
        for entry in self._entries:
            self._show_rate_band(entry.label, live)
            self._show_latency(entry.label, live)
            self._show_distribution(entry.label, live)
            if not entry.original:
                self._show_ratios(entry.label, live)
        for mark in live.marks[self._marks :]:
            self._show_mark(mark)
        self._marks = len(live.marks)
        self.memory.show({label: track.memory for label, track in live.tracks.items()})
        self.machine.show_power({label: track.energy for label, track in live.tracks.items()})
        self.latency_card.set_note(self._latency_note(live))
        self.distribution_card.set_note(self._distribution_note())
        self.machine.load_card.set_note(self.machine.note(live.now))

    def _make(self, gate: float, looks: Sequence[int]) -> None:
        words = self._words
        colors = {entry.label: entry.hue for entry in self._entries}
        self.rate = LineChart(words.rate_title, words.unit)
        self.latency = LineChart(words.latency_title, "ms")
        self.distribution = DistributionChart(words.distribution_title, "ms")
        self.ratio = PairChart(self.tr("Times the original, pair by pair"), gate, looks)
        for chart in (self.rate, self.latency, self.distribution):
            chart.set_series(colors)
        self.ratio.set_series({entry.label: entry.hue for entry in self._entries if not entry.original})

    def _make_cards(self) -> None:
        latency = "gap" if self._words.latency == metrics.GAP else "latency"
        rate = "decode" if self._words.main == metrics.DECODE else "inferences per second"
        self.rate_card = ChartCard(self.rate, explain(rate))
        self.latency_card = ChartCard(self.latency, explain(latency))
        self.distribution_card = ChartCard(self.distribution, explain("distribution"))
        self.ratio_card = ChartCard(
            self.ratio,
            explain("pair"),
            self.tr("Bands: the running interval. Upright lines: the looks; claims are made there only."),
        )

    def _show_rate_band(self, label: str, live: LiveRun) -> None:
        band = live.tracks[label].band
        if self._is_news(f"rate/{label}", len(band.x)):
            self.rate.set_band(label, list(band.x), list(band.low), list(band.high))

    def _show_latency(self, label: str, live: LiveRun) -> None:
        """A point a turn: its median, and where the middle half of its values lies."""
        track, drawn = live.tracks[label], len(self.latency.data(label))
        if len(track.latency_s) == drawn:
            return
        band = track.latency_band
        for number in range(drawn, len(track.latency_s)):
            self.latency.append(label, band.x[number], track.latency_s[number] * MILLI)
        low, high = ([value * MILLI for value in values] for values in (band.low, band.high))
        self.latency.set_band(label, list(band.x), low, high)

    def _show_distribution(self, label: str, live: LiveRun) -> None:
        values = live.tracks[label].latencies_s
        if self._is_news(f"values/{label}", len(values)):
            in_ms = np.asarray(values) * MILLI
            self.distribution.set_values(label, in_ms, percentiles(in_ms.tolist()))

    def _show_ratios(self, label: str, live: LiveRun) -> None:
        """Every pair at its number, where the looks are too; what was repeated stands beside it."""
        track = live.tracks[label]
        if len(track.ratios) != len(self.ratio.data(label)):
            self.ratio.set_points(label, sorted(zip(track.pairs, track.ratios, strict=True), key=_number))
        band = track.ratio_band
        if self._is_news(f"ratio/{label}", len(band.x)):
            lowest, highest = min(track.ratios) / REACH, max(track.ratios) * REACH
            low, high = [max(v, lowest) for v in band.low], [min(v, highest) for v in band.high]
            self.ratio.set_band(label, list(band.x), low, high)

    def _is_news(self, what: str, count: int) -> bool:
        before, self._seen[what] = self._seen.get(what, 0), count
        return count != before

    def _show_mark(self, mark: Mark) -> None:
        for chart in (self.rate, self.latency, self.machine.load):
            chart.add_flag(mark.t_s, *mark.reasons, who=mark.who)
        self.ratio.add_flag(mark.pair, *mark.reasons, who=mark.who)

    def _latency_note(self, live: LiveRun) -> str:
        """First tokens take far longer than gaps, so in words instead of on their axis."""
        lines = self.tr("Lines: the median of each turn. Bands: the middle half of its values.")
        known = [(entry.short, live.tracks[entry.label].ttft_s) for entry in self._entries]
        parts = [f"{name} {units.milliseconds(value)}" for name, value in known if value is not None]
        first = self.tr("First token: {0}.").format(" · ".join(parts)) if parts else ""
        return " ".join(filter(None, (lines, first)))

    def _distribution_note(self) -> str:
        text = self.tr("Dots: p50, and p95 and p99 where there are values enough.")
        beyond = self.distribution.beyond
        more = self.tr("{0} values lie beyond the end of the axis.").format(beyond) if beyond else ""
        return " ".join(filter(None, (text, more)))


def _number(point: tuple[float, float]) -> float:
    """Of the pair; those of one pair stay in the order they were measured."""
    return point[0]
