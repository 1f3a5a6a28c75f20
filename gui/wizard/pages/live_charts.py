"""The charts of a running benchmark, fed with its events. Every one redraws on the shared clock only."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject

from backends.benchmarking import metrics
from backends.domain.events import Event, Sample
from gui.charts.bar_chart import Bar, BarChart
from gui.charts.line_chart import LineChart
from gui.theme.hues import ORIGINAL, Hue
from gui.widgets import units
from gui.widgets.chip import Legend
from gui.widgets.terms import explain
from gui.wizard.pages.entries import Entry
from gui.wizard.pages.live import LiveRun, Mark
from gui.wizard.pages.measured_words import RateWords
from gui.wizard.pages.saving import ChartCard

MEGA = 1e6
MILLI = 1e3
REACH = 1.5  # of bands beyond what was measured: three pairs can give an interval that hides all else


class PairChart(LineChart):
    """Over the number of the pair instead of time."""

    def csv_rows(self) -> list[list[object]]:
        return [["series", "pair", "ratio"], *super().csv_rows()[1:]]


class LiveCharts(QObject):
    """``begin`` once a run; then ``hear`` its events and ``show`` what the run has become."""

    def __init__(
        self, words: RateWords, entries: Sequence[Entry], threshold: float, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._words, self._entries = words, tuple(entries)
        self._threshold = self.tr("gate, {0}×").format(f"{threshold:g}")
        self._marks = 0
        self._seen: dict[str, int] = {}
        self._make(threshold)

    @property
    def cards(self) -> tuple[ChartCard, ...]:
        return self.rate_card, self.latency_card, self.memory_card, self.ratio_card, self.machine_card

    def hear(self, event: Event) -> None:
        if not isinstance(event, Sample):
            return
        if event.series == metrics.MACHINE:
            self._hear_machine(event)
        elif event.metric == metrics.WORKER_CPU:
            self.machine.append(self._engine, event.t_s, event.value)
        elif event.series in self.rate.series and event.metric == self._words.main:
            self.rate.append(event.series, event.t_s, event.value)

    def show(self, live: LiveRun) -> None:
        """What has to be looked at as a whole: bands, ratios, marks, memory and the notes."""
        for entry in self._entries:
            track = live.tracks[entry.label]
            if len(track.band.x) != self._seen.get(entry.label, 0):
                self._seen[entry.label] = len(track.band.x)
                self.rate.set_band(
                    entry.label, list(track.band.x), list(track.band.low), list(track.band.high)
                )
            self._show_latency(entry.label, live)
            if not entry.original:
                self._show_ratios(entry.label, live)
        for mark in live.marks[self._marks :]:
            self._show_mark(mark)
        self._marks = len(live.marks)
        self._show_memory(live)
        self.latency_card.set_note(self._latency_note(live))
        self.machine_card.set_note(self._machine_note(live))

    def _make(self, threshold: float) -> None:
        words = self._words
        colors = {entry.label: entry.hue for entry in self._entries}
        self.rate = LineChart(words.rate_title, words.unit)
        self.latency = LineChart(words.latency_title, "ms")
        self.memory = BarChart(
            self.tr("Peak memory, MB"),
            "MB",
            parts=(self.tr("weights"), self.tr("runtime and working memory")),
        )
        self.ratio = PairChart(self.tr("Times the original, pair by pair"), "×", x_unit="")
        self.machine = LineChart(self.tr("This machine, % of all cores"), "%", from_zero=True)
        self.rate.set_series(colors)
        self.latency.set_series(colors)
        self.ratio.set_series(self._ratio_series())
        self._engine, self._others, self._host = (
            self.tr("measured engine"),
            self.tr("other programs"),
            self.tr("taken by the host"),
        )
        self.machine.set_series(
            {self._engine: Hue("machine"), self._others: ORIGINAL, self._host: Hue("OpenVINO")}
        )
        self._limit = threshold
        self._make_cards()

    def _make_cards(self) -> None:
        latency = "gap" if self._words.latency == metrics.GAP else "latency"
        rate = "decode" if self._words.main == metrics.DECODE else "inferences per second"
        self.rate_card = ChartCard(self.rate, explain(rate))
        self.latency_card = ChartCard(self.latency, explain(latency))
        self.memory_card = ChartCard(
            self.memory,
            explain("peak memory"),
            self.tr("solid: weights · pale: runtime and working memory. Measured in a run of its own."),
        )
        self.ratio_card = ChartCard(
            self.ratio,
            explain("pair"),
            self.tr("Grey: the gate. Bands: the running interval; claims are made at looks only."),
        )
        self.machine_card = ChartCard(self.machine, self.tr("Read outside the measured process."))
        legend = Legend()
        legend.set_entries(self.machine.legend())
        self.machine_card.add(legend)

    def _ratio_series(self) -> dict[str, Hue]:
        made = {entry.label: entry.hue for entry in self._entries if not entry.original}
        return {**made, self._threshold: ORIGINAL}

    def _hear_machine(self, sample: Sample) -> None:
        series = {metrics.CPU: self._others, metrics.STEAL: self._host}.get(sample.metric)
        if series is not None:
            self.machine.append(series, sample.t_s, sample.value)

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

    def _show_ratios(self, label: str, live: LiveRun) -> None:
        track, drawn = live.tracks[label], self.ratio.data(label)
        for number in range(len(drawn), len(track.ratios)):
            self.ratio.append(label, number + 1, track.ratios[number])
            if len(self.ratio.data(self._threshold)) <= number:
                self.ratio.append(self._threshold, number + 1, self._limit)
        band = track.ratio_band
        if len(band.x) != self._seen.get("/" + label, 0):
            self._seen["/" + label] = len(band.x)
            lowest, highest = min(track.ratios) / REACH, max(track.ratios) * REACH
            low, high = [max(v, lowest) for v in band.low], [min(v, highest) for v in band.high]
            self.ratio.set_band(label, list(band.x), low, high)

    def _show_mark(self, mark: Mark) -> None:
        for chart in (self.rate, self.latency):
            chart.add_flag(mark.t_s, mark.text)

    def _show_memory(self, live: LiveRun) -> None:
        bars = tuple(self._bar(entry, live) for entry in self._entries)
        if bars != self.memory.bars:
            self.memory.set_bars(bars)

    def _bar(self, entry: Entry, live: LiveRun) -> Bar:
        track = live.tracks[entry.label]
        if not track.peak_bytes:
            return Bar(entry.short, 0, entry.hue, text=self.tr("not yet measured"))
        solid = min(track.weights_bytes, track.peak_bytes)
        return Bar(entry.short, solid / MEGA, entry.hue, (track.peak_bytes - solid) / MEGA)

    def _latency_note(self, live: LiveRun) -> str:
        """First tokens take far longer than gaps, so in words instead of on their axis."""
        lines = self.tr("Lines: the median of each turn. Bands: the middle half of its values.")
        known = [(entry.short, live.tracks[entry.label].ttft_s) for entry in self._entries]
        parts = [f"{name} {units.milliseconds(value)}" for name, value in known if value is not None]
        first = self.tr("First token: {0}.").format(" · ".join(parts)) if parts else ""
        return " ".join(filter(None, (lines, first)))

    def _machine_note(self, live: LiveRun) -> str:
        frequency, heat = live.now.get(metrics.FREQUENCY), live.now.get(metrics.TEMPERATURE)
        parts = [
            self.tr("{0} GHz").format(f"{frequency / 1e9:.2f}")
            if frequency
            else self.tr("frequency not told"),
            self.tr("{0} °C").format(f"{heat:.0f}") if heat else self.tr("temperature not told"),
        ]
        return " · ".join(parts) if live.now else ""
