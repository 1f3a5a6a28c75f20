"""Sweeps, sustained runs and llama-bench's own figures, of one configuration; and those there have been."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QComboBox, QHBoxLayout

from backends.domain.artifact import Artifact
from backends.domain.events import Event, Failed, Progress, Result
from backends.frameworks.base import JobContext
from backends.jobs.pausing import Pausable
from backends.storage.history import DocumentSummary, History
from gui.charts.step_chart import StepChart
from gui.jobs.runner import Job, Terminal
from gui.models.cells import Cell, ChipCell, LinkCell, TextCell, figure
from gui.models.table import Column, TableModel
from gui.theme.hues import Hue
from gui.theme.tone import Tone
from gui.widgets import units
from gui.widgets.banner import EmptyState
from gui.widgets.card import Card
from gui.widgets.flow import CardGrid
from gui.widgets.table import Table
from gui.widgets.terms import explain
from gui.widgets.text import Role, label
from gui.wizard.page import Page
from gui.wizard.pages import mode_work as work
from gui.wizard.pages.measured_words import NOT_MEASURED
from gui.wizard.pages.mode_work import SUSTAINED, Shown, StepRow, Wish
from gui.wizard.pages.pausing import Pausing
from gui.wizard.pages.point_cards import local_time
from gui.wizard.pages.saving import ChartCard
from gui.wizard.pages.turn import Turn

if TYPE_CHECKING:
    from gui.app import Services

Measure = Callable[[Wish, JobContext, History], dict[str, Any]]
OPEN, DELETE = "open", "delete"
CHART_HEIGHT = 240


class ModesPage(Page):
    """They advise and claim nothing; pairs against the original are the Benchmark page's."""

    def __init__(self, services: Services, measure: Measure = work.measure) -> None:
        super().__init__(QCoreApplication.translate("Modes", "Sweeps"))
        self._services, self._measure = services, measure
        self._job: Job | None = None
        self._said: tuple[str, float | None] = ("", None)
        self.turn = Turn(self, services.runner, "modes")
        self.pausing = Pausing(self)
        self.pausing.changed.connect(self._show_state)
        self.chart_card: ChartCard | None = None
        self._lay_out()
        self._pause = self.make_action(self.tr("Pause"), self.pausing.pause)
        self._carry = self.make_action(self.tr("Go on"), self.pausing.resume)
        self._stop = self.make_action(self.tr("Stop"), self.stop, danger=True)
        self._show_state()

    def on_enter(self) -> None:
        self._offer()
        self._list()
        self._show_state()

    def apply(self) -> bool:
        """As soon as nothing else measures."""
        if self._job is None and self.artifact.currentData() is not None:
            self.turn.take(self._start)
        return False

    def stop(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def _start(self) -> None:
        source, artifact = self._services.store.state.source, self.artifact.currentData()
        if self._job is not None or source is None or artifact is None:
            return
        self.clear_error()
        wish = Wish(artifact, self.mode.currentData(), source.profile.context_length)
        history, gate = self._services.history, self.pausing.begin()

        def measure(job: JobContext) -> dict[str, Any]:
            return self._measure(wish, Pausable(job, lambda: gate.wait(job)), history)

        self._job = self.turn.run(measure, self._end, self._hear)
        self._said = (self.tr("Starting"), None)
        self._show_state()

    def _hear(self, events: list[Event]) -> None:
        progress = [event for event in events if isinstance(event, Progress)]
        if progress and self._job is not None:
            self._said = (progress[-1].what, progress[-1].fraction)
            self._show_state()

    def _end(self, terminal: Terminal) -> None:
        self._job = None
        if isinstance(terminal, Failed):
            self.show_error(terminal)
        elif isinstance(terminal, Result):
            self.show_document(terminal.payload)
        self._list()
        self._show_state()

    def show_document(self, document: Mapping[str, Any]) -> None:
        found = work.shown(document)
        self.result.show()  # before its rows, whose widths depend on its style
        self._replace_chart(found)
        self.result.set_title(found.title)
        self.sentence.setText(found.sentence)
        self.steps.set_rows(found.rows)

    def _replace_chart(self, found: Shown) -> None:
        if self.chart_card is not None:
            self.chart_card.hide()
            self.chart_card.deleteLater()
            self.chart_card = None
        if not found.is_curve:
            return
        chart = StepChart(self.tr("Rate, {0}").format(found.unit), found.unit, found.axis, found.best)
        chart.setMinimumHeight(CHART_HEIGHT)
        chart.set_series({found.title: Hue("machine")})
        rated = [(row, row.rate) for row in found.rows if row.rate is not None]
        chart.set_points(found.title, [(row.place, rate.estimate) for row, rate in rated])
        places = [row.place for row, _ in rated]
        chart.set_band(found.title, places, [rate.low for _, rate in rated], [r.high for _, r in rated])
        for row in found.rows:
            if row.doubts:
                chart.add_flag(row.place, *row.doubts, who=row.name)
        self.chart_card = ChartCard(chart, explain("confidence interval"), self._chart_note(found))
        self.chart_card.failed.connect(self.show_error)
        self.grid.insertWidget(0, self.chart_card)

    def _chart_note(self, found: Shown) -> str:
        across = self.tr("Across: {0}.").format(found.axis)
        return across if found.best is None else across + self.tr(" Dashed: recommended.")

    def _offer(self) -> None:
        """The original and what was made of it; what was chosen stays chosen."""
        state, before = self._services.store.state, self.artifact.currentText()
        known = ([state.original] if state.original else []) + list(state.made)
        self.artifact.clear()
        for one in known:
            title = self.tr("original") if one.original else one.framework_title or one.framework
            self.artifact.addItem(f"{title} {one.precision}", one)
        self.artifact.setCurrentIndex(max(0, self.artifact.findText(before)))
        self._offer_modes()
        self.empty.setVisible(not known)
        self.choice.setVisible(bool(known))

    def _offer_modes(self) -> None:
        artifact: Artifact | None = self.artifact.currentData()
        before = self.mode.currentData()
        self.mode.clear()
        for mode in work.modes_for(artifact) if artifact else ():
            self.mode.addItem(work.mode_name(mode), mode)
        self.mode.setCurrentIndex(max(0, self.mode.findData(before)))

    def _list(self) -> None:
        documents = self._services.history.documents()
        self.stored_card.setVisible(bool(documents))
        self.stored.set_rows(documents)

    def _follow(self, row: int, key: str) -> None:
        summary = self.stored.rows[row]
        history = self._services.history
        if key == DELETE:
            history.delete(summary.document_id)
            self._list()
        elif (document := history.document(summary.document_id)) is not None:
            self.show_document(document)

    def _show_state(self) -> None:
        running = self._job is not None
        for box in (self.artifact, self.mode):
            box.setEnabled(not running)
        offered = self.artifact.currentData() is not None
        status, fraction = self._said if running else ("", None)
        self.set_state(
            status=self.pausing.words or status if running else "",
            fraction=fraction,
            primary=self.tr("Measure") if offered else "",
            can_continue=offered and not running,
            busy=running,
            progress=running,
            back=False,
            actions=self._actions() if running else (),
        )

    def _actions(self) -> tuple[QAction, ...]:
        """What shows how speed changes without a break cannot have one."""
        if self.mode.currentData() == SUSTAINED:
            return (self._stop,)
        return (self._carry if self.pausing.paused else self._pause, self._stop)

    def _lay_out(self) -> None:
        what = self.tr("One thing changed in steps, all else kept. Advice for this machine, no claim.")
        self.header.set_text(self.title, what)
        self.empty = EmptyState(
            self.tr("Nothing was made yet."),
            self.tr("Make a configuration first; then its threads, depth or batch are tried here."),
            self.tr("Choose a model"),
        )
        self.empty.activated.connect(lambda: self.navigate.emit("model"))
        self.artifact, self.mode = QComboBox(), QComboBox()
        self.artifact.setAccessibleName(self.tr("Configuration"))
        self.mode.setAccessibleName(self.tr("What is measured"))
        self.artifact.activated.connect(lambda _index: self._offer_modes())
        row = QHBoxLayout()
        for box in (self.artifact, self.mode):
            row.addWidget(box)
        row.addStretch(1)
        self.choice = Card(self.tr("Measure"))
        self.choice.body.addLayout(row)
        self.steps: TableModel[StepRow] = TableModel(self._step_columns())
        self.sentence = label("", Role.STRONG, wrap=True)
        self.result = Card("").add(self.sentence).add(Table(self.steps)).end()
        self.result.hide()
        self.grid = CardGrid(min_width=400, weights=(560, 426))
        self.grid.addWidget(self.result)
        self.stored: TableModel[DocumentSummary] = TableModel(self._stored_columns())
        table = Table(self.stored)
        table.setAccessibleName(self.tr("Stored, newest first"))
        table.link_activated.connect(self._follow)
        self.stored_card = Card(self.tr("Measured so far")).add(table).end()
        for part in (self.empty, self.choice):
            self.add(part)
        self.add(self.grid)
        self.add(self.stored_card)
        self.end()

    def _step_columns(self) -> list[Column[StepRow]]:
        return [
            Column(self.tr("Step"), lambda row: TextCell(row.name, bold=True)),
            Column(self.tr("Rate"), self._rate, right=True, term=explain("confidence interval")),
            Column("", self._doubt, stretch=True),
        ]

    def _rate(self, row: StepRow) -> Cell:
        if row.rate is None:
            return TextCell(NOT_MEASURED, muted=True, tip=row.failure)
        spread = units.spread(row.rate) if row.rate.low < row.rate.high else ""
        return figure(units.number(row.rate.estimate), spread, units.interval_source(row.rate))

    def _doubt(self, row: StepRow) -> Cell | str:
        if row.failure:
            return ChipCell(self.tr("failed"), Tone.BAD, row.failure)
        return ChipCell(self.tr("disturbed"), Tone.WARN, "\n".join(row.doubts)) if row.doubts else ""

    def _stored_columns(self) -> list[Column[DocumentSummary]]:
        return [
            Column(self.tr("When"), lambda one: local_time(one.started_at)),
            Column(self.tr("Model"), lambda one: TextCell(one.model, bold=True), stretch=True),
            Column(self.tr("Kind"), lambda one: one.kind),
            Column("", lambda one: LinkCell(self.tr("Open"), OPEN)),
            Column("", lambda one: LinkCell(self.tr("Delete"), DELETE)),
        ]
