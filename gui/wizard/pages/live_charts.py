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
from gui.wizard.pages.live_rates import RateCharts
from gui.wizard.pages.measured_words import RateWords
from gui.wizard.pages.saving import ChartCard

MILLI = 1e3
OVERVIEW, PAIRS, LATENCY, MEMORY, MACHINE = "overview", "pairs", "latency", "memory", "machine"
PREFILL = "prefill"


class LiveCharts(QObject):
    """``hear`` the events of a run, and ``show`` what it has become. ``gates``: of each rate."""

    def __init__(
        self,
        words: RateWords,
        entries: Sequence[Entry],
        gates: Sequence[float],
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
        self.rates = tuple(
            RateCharts(rate, words.unit, self._entries, gate, looks, self)
            for rate, gate in zip(words.rates, gates, strict=True)
        )
        self._make()
        self._make_cards()

    @property
    def rate(self) -> LineChart:
        """Of the main rate, as :attr:`ratio` and the two cards."""
        return self.rates[0].rate

    @property
    def ratio(self) -> PairChart:
        return self.rates[0].ratio

    @property
    def rate_card(self) -> ChartCard:
        return self.rates[0].rate_card

    @property
    def ratio_card(self) -> ChartCard:
        return self.rates[0].ratio_card

    @property
    def cards(self) -> tuple[ChartCard, ...]:
        """All there are now; the machine's come as its figures do."""
        return (
            *(card for rate in self.rates for card in (rate.rate_card, rate.ratio_card)),
            *(self.latency_card, self.distribution_card),
            *(self.memory.use_card, self.memory.kind_card, self.machine.load_card),
        )

    def titles(self) -> dict[str, str]:
        return {
            OVERVIEW: self.tr("Overview"),
            PAIRS: self.tr("Against the original"),
            **({PREFILL: self.tr("Prefill")} if len(self.rates) > 1 else {}),
            LATENCY: self.tr("Latency"),
            MEMORY: self.tr("Memory"),
            MACHINE: self.tr("Machine"),
        }

    def topics(self, so_far: Card) -> dict[str, tuple[Card, ...]]:
        """Which cards belong to which topic; ``so_far`` stands beside the rates and the ratios."""
        return {
            OVERVIEW: (self.rate_card, so_far, self.latency_card, self.memory.use_card),
            PAIRS: (self.ratio_card, so_far),
            PREFILL: tuple(card for rate in self.rates[1:] for card in (rate.rate_card, rate.ratio_card)),
            LATENCY: (self.latency_card, self.distribution_card),
            MEMORY: (self.memory.use_card, self.memory.kind_card),
            MACHINE: (self.machine.load_card, self.machine.untold_card),
        }

    def hear(self, event: Event) -> None:
        if not isinstance(event, Sample):
            return
        if event.series == metrics.MACHINE or event.metric == metrics.WORKER_CPU:
            self.machine.hear(event)
            return
        for rate in self.rates:
            rate.hear(event)

    def show(self, live: LiveRun) -> None:
        """What has to be looked at as a whole: bands, ratios, marks, memory and the notes."""
        for entry in self._entries:
            for rate, charts in zip(self._words.rates, self.rates, strict=True):
                charts.show(entry, live.tracks[entry.label].of(rate.metric))
            self._show_latency(entry.label, live)
            self._show_distribution(entry.label, live)
        for mark in live.marks[self._marks :]:
            self._show_mark(mark)
        self._marks = len(live.marks)
        self.memory.show({label: track.memory for label, track in live.tracks.items()})
        self.machine.show_power({label: track.energy for label, track in live.tracks.items()})
        self.latency_card.set_note(self._latency_note(live))
        self.distribution_card.set_note(self._distribution_note())
        self.machine.load_card.set_note(self.machine.note(live.now))

    def _make(self) -> None:
        words = self._words
        colors = {entry.label: entry.hue for entry in self._entries}
        self.latency = LineChart(words.latency_title, "ms")
        self.distribution = DistributionChart(words.distribution_title, "ms")
        for chart in (self.latency, self.distribution):
            chart.set_series(colors)

    def _make_cards(self) -> None:
        latency = "gap" if self._words.latency == metrics.GAP else "latency"
        self.latency_card = ChartCard(self.latency, explain(latency))
        self.distribution_card = ChartCard(self.distribution, explain("distribution"))

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

    def _is_news(self, what: str, count: int) -> bool:
        before, self._seen[what] = self._seen.get(what, 0), count
        return count != before

    def _show_mark(self, mark: Mark) -> None:
        for rate in self.rates:
            rate.mark(mark)
        for chart in (self.latency, self.machine.load):
            chart.add_flag(mark.t_s, *mark.reasons, who=mark.who)

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
