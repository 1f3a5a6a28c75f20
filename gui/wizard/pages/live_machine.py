"""The machine while a benchmark runs: load, frequency, temperature, power, and what it does not tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from backends.benchmarking import metrics
from backends.domain.energy import EnergyReading
from backends.domain.events import Sample
from backends.domain.hardware import HardwareProfile
from gui.charts.bar_chart import Bar, BarChart
from gui.charts.line_chart import LineChart
from gui.theme.hues import ORIGINAL, Hue
from gui.widgets import units
from gui.widgets.card import Card
from gui.widgets.chip import Legend
from gui.widgets.facts import FactGrid, FactRow
from gui.widgets.terms import explain
from gui.wizard.pages.entries import Entry
from gui.wizard.pages.saving import ChartCard

MACHINE_HUE = Hue("machine")
HOST_HUE = Hue("OpenVINO")


@dataclass(frozen=True)
class _Kind:
    """A figure of the machine with a chart of its own: how it is called, and its unit for the chart."""

    title: str
    unit: str
    factor: float
    why_not: str
    term: str = ""


class MachineCharts(QObject):
    """A chart is made when its first figure comes; until then the last card says why there is none."""

    card_made = Signal(object)  # ChartCard

    def __init__(
        self, entries: Sequence[Entry], hardware: HardwareProfile | None, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._engine, self._others, self._host = (
            self.tr("measured engine"),
            self.tr("other programs"),
            self.tr("taken by the host"),
        )
        self.load = LineChart(self.tr("This machine, % of all cores"), "%", from_zero=True)
        self.load.set_series({self._engine: MACHINE_HUE, self._others: ORIGINAL, self._host: HOST_HUE})
        self.load_card = ChartCard(self.load, self.tr("Read outside the measured process."))
        legend = Legend()
        legend.set_entries(self.load.legend())
        self.load_card.add(legend)
        self._kinds = self._make_kinds(hardware)
        self._entries = tuple(entries)
        self._why_no_power = self._power_reason(hardware)
        self.charts: dict[str, LineChart] = {}
        self.power: BarChart | None = None
        self.untold = FactGrid()
        self.untold_card = Card(self.tr("Not told here")).add(self.untold).end()
        self._say_untold()

    def hear(self, sample: Sample) -> None:
        """A sample of the machine, or of how busy the measured engine was."""
        series = {
            metrics.CPU: self._others,
            metrics.STEAL: self._host,
            metrics.WORKER_CPU: self._engine,
        }.get(sample.metric)
        if series is not None:
            self.load.append(series, sample.t_s, sample.value)
        elif sample.metric in self._kinds:
            kind = self._kinds[sample.metric]
            chart = self.charts.get(sample.metric) or self._make(sample.metric)
            chart.append(kind.title, sample.t_s, sample.value * kind.factor)

    def show_power(self, readings: Mapping[str, EnergyReading | None]) -> None:
        """``readings`` by label; energy is measured after the pairs, in windows of its own."""
        domain = next((r.domains[0].domain for r in readings.values() if r and r.domains), "")
        if domain:
            power = self.power or self._make_power(domain)
            bars = tuple(self._power_bar(entry, readings.get(entry.label), domain) for entry in self._entries)
            if bars != power.bars:
                power.set_bars(bars)
            return
        why = next((r.why_not for r in readings.values() if r and r.why_not), "")
        if why and why != self._why_no_power:
            self._why_no_power = why
            self._say_untold()

    def note(self, now: dict[str, float]) -> str:
        """The newest figures in words."""
        known = [(kind, now.get(name)) for name, kind in self._kinds.items()]
        parts = [f"{units.number(value * kind.factor)} {kind.unit}" for kind, value in known if value]
        return " · ".join(parts)

    def _make(self, metric: str) -> LineChart:
        kind = self._kinds[metric]
        chart = LineChart(f"{kind.title}, {kind.unit}", kind.unit)
        chart.set_series({kind.title: MACHINE_HUE})
        self.charts[metric] = chart
        self._say_untold()
        self.card_made.emit(ChartCard(chart, kind.term))
        return chart

    def _make_power(self, domain: str) -> BarChart:
        parts = (self.tr("idle"), self.tr("above idle"))
        self.power = BarChart(self.tr("Power while working, W ({0})").format(domain), "W", parts=parts)
        note = self.tr("Solid: idle, right before · pale: above idle. In windows of their own.")
        self._say_untold()
        self.card_made.emit(ChartCard(self.power, explain("energy counter"), note))
        return self.power

    def _power_bar(self, entry: Entry, reading: EnergyReading | None, domain: str) -> Bar:
        found = next((d for d in reading.domains if d.domain == domain), None) if reading else None
        if found is None:
            return Bar(entry.short, (), entry.hue, text=self.tr("not yet measured"))
        above = max(0.0, found.busy_watts - found.idle_watts)
        text = f"{units.number(found.busy_watts)} W"
        return Bar(entry.short, (found.idle_watts, above), entry.hue, text, note=found.source)

    def _make_kinds(self, hardware: HardwareProfile | None) -> dict[str, _Kind]:
        return {
            metrics.FREQUENCY: _Kind(
                self.tr("Clock frequency"),
                "GHz",
                1e-9,
                self.tr("This system does not tell the processor's frequency while it works."),
            ),
            metrics.TEMPERATURE: _Kind(
                self.tr("Temperature"),
                "°C",
                1.0,
                self._why_no_temperature(hardware),
                explain("throttling"),
            ),
        }

    def _why_no_temperature(self, hardware: HardwareProfile | None) -> str:
        told = hardware.power.temperature_celsius if hardware else None
        return (told.why_not if told else "") or self.tr("This system has no sensor that can be read.")

    def _power_reason(self, hardware: HardwareProfile | None) -> str:
        """With the way to enable it, where there is one."""
        counters = hardware.power.energy_counters if hardware else None
        reason = (counters.why_not if counters else "") or self.tr("No energy counter can be read here.")
        remedies = (
            [counter.remedy for counter in (counters.value or ()) if counter.remedy] if counters else []
        )
        return " ".join(filter(None, (reason, *remedies[:1])))

    def _say_untold(self) -> None:
        missing = [kind for metric, kind in self._kinds.items() if metric not in self.charts]
        rows = [
            FactRow(kind.title, self.tr("not told"), note=kind.why_not, term=kind.term) for kind in missing
        ]
        if self.power is None:
            term = explain("energy counter")
            rows.append(
                FactRow(self.tr("Power"), self.tr("not measured"), note=self._why_no_power, term=term)
            )
        self.untold.set_rows(rows)
        self.untold_card.setVisible(bool(rows))
