"""What a run has shown, for the Result page and for old runs in History."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from gui.charts.scatter_chart import GateRegion, ScatterChart, ScatterPoint
from gui.widgets import units
from gui.widgets.card import Card
from gui.widgets.facts import FactGrid, FactRow
from gui.widgets.flow import GAP, CardGrid
from gui.widgets.terms import explain
from gui.widgets.text import Role, label
from gui.wizard.pages.entries import Entry, entries_of_results
from gui.wizard.pages.measured_words import (
    metric_name,
    percent_spread,
    quality_name,
    rate_words,
    ratio_spread,
)
from gui.wizard.pages.point_cards import FindingsCard, GatesCard, ProofCard, WhatRanCard
from gui.wizard.pages.quality_card import QualityCard
from gui.wizard.pages.run_report import Point, RunReport, Win
from gui.wizard.pages.saving import ChartCard
from gui.wizard.pages.start_up_card import StartUpCard
from gui.wizard.pages.summary_card import SummaryCard

EXACT = ("memory", "size")


class ResultView(QWidget):
    """``show_report`` fills it; the box on the gates' card leads to every configuration."""

    failed = Signal(object)  # BadInput from saving a chart

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.report: RunReport | None = None
        self.gates, self.findings = GatesCard(), FindingsCard()
        self.what_ran, self.proof = WhatRanCard(), ProofCard()
        self.table, self.quality, self.start_up = SummaryCard(), QualityCard(), StartUpCard()
        self.gates.chosen.connect(self.show_point)
        self.wins = FactGrid()
        self.scatter_card: Card | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(GAP)
        self._top = CardGrid(min_width=400, weights=(566, 420))
        self._top.addWidget(self.gates)
        below = CardGrid(min_width=230)
        for card in (self.findings, self.what_ran, self.proof):
            below.addWidget(card)
        self._column.addLayout(self._top)
        self._column.addLayout(below)
        self._column.addWidget(self._wins_card())
        self._column.addWidget(self.table)
        self._column.addWidget(self.quality)
        self._column.addWidget(self.start_up)
        self._column.addStretch(1)

    def show_report(self, report: RunReport) -> None:
        self.report = report
        self._replace_scatter(report)
        self.gates.set_points(report)
        self.table.show_run(report.record)
        self.quality.show_run(report.record)
        self.start_up.show_run(report.record)
        self.wins.set_rows([self._win_row(win, report) for win in report.wins])
        made = [point.label for point in report.points if not point.original]
        first = report.recommended or next(iter(made), report.points[0].label if report.points else "")
        self.show_point(first)

    def show_point(self, label: str) -> None:
        point = self.report.point(label) if self.report else None
        if self.report is None or point is None:
            return
        self.gates.show_point(self.report, point)
        self.findings.show_point(point)
        self.what_ran.show_point(self.report, point)
        self.proof.show_point(self.report, point)

    def _wins_card(self) -> Card:
        card = Card()
        card.set_title(self.tr("What won on what"))
        note = self.tr(
            "Speed and quality are told apart only where their intervals do not overlap,"
            " peak memory from a difference of 5 % on; size is exact."
        )
        return card.add(self.wins).add(label(note, Role.NOTE, wrap=True))

    def _replace_scatter(self, report: RunReport) -> None:
        if self.scatter_card is not None:
            self.scatter_card.hide()
            self.scatter_card.deleteLater()
        while self._top.takeAt(0) is not None:
            pass
        self.scatter_card = self._scatter(report)
        self._top.addWidget(self.scatter_card)
        self._top.addWidget(self.gates)

    def _scatter(self, report: RunReport) -> Card:
        title = self.tr("Speed against quality; size is memory")
        shown = [point for point in report.points if point.speed and point.quality]
        if not shown or all(point.original for point in shown):
            why = self.tr("There is no point to draw: speed or quality was not measured in this run.")
            return Card(title).add(label(why, Role.MUTED, wrap=True)).end()
        chart = ScatterChart(
            title,
            rate_words(report.kind).against,
            quality_name(report.quality_kind),
            x_text=lambda x: f"{x:.4g}×",
            y_text=lambda y: f"{y:.4g} %",
        )
        entries = {entry.label: entry for entry in entries_of_results(report.record.results)}
        region = GateRegion(report.speed_threshold, report.quality_threshold * 100, self.tr("gates met"))
        chart.set_points([self._spot(point, entries[point.label], report) for point in shown], region)
        note = self.tr("Up: {0}. The dashed line: none is better in both.")
        card = ChartCard(chart, explain("pareto"), note.format(quality_name(report.quality_kind)))
        card.failed.connect(self.failed)
        return card

    def _spot(self, point: Point, entry: Entry, report: RunReport) -> ScatterPoint:
        assert point.speed is not None and point.quality is not None
        speed, quality = point.speed, point.quality
        lines = [
            f"{units.ratio(speed.estimate)} ({ratio_spread(speed)})",
            f"{units.percent(quality.estimate, 1)} ({percent_spread(quality)})",
            units.size(point.peak_bytes) if point.peak_bytes else self.tr("memory not measured"),
        ]
        return ScatterPoint(
            entry.short,
            speed.estimate,
            quality.estimate * 100,
            float(point.peak_bytes or 0),
            entry.hue,
            best=point.label in report.front,
            chosen=point.label == report.recommended,
            note="\n".join(lines),
        )

    def _win_row(self, win: Win, report: RunReport) -> FactRow:
        names = self.tr(" or ").join(win.leaders)
        if win.what in EXACT:
            return FactRow(metric_name(win.what), names, note=units.size(win.value.estimate))
        if not win.others:
            nobody = self.tr("nobody: the intervals of all {0} overlap").format(len(win.leaders))
            return FactRow(metric_name(win.what), nobody)
        if len(win.leaders) > 1:
            return FactRow(metric_name(win.what), names, note=self.tr("not told apart, ahead of the others"))
        shown = (
            units.percent(win.value.estimate, 1) if win.what == "quality" else units.ratio(win.value.estimate)
        )
        return FactRow(metric_name(win.what), names, note=self.tr("{0}, told apart").format(shown))
