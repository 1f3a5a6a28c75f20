"""Teach the chosen model from lines of one's own, watch the loss, and go on with what came of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from backends.domain.events import Event, Failed, Log, Progress, Result, Sample
from backends.domain.finetuning import HELD_OUT, LOSS, TRAINING, FineTuned, FinetuneSettings
from backends.domain.model import SourceModel
from backends.domain.result import RunRecord
from backends.frameworks.base import JobContext
from backends.storage.paths import app_paths
from gui.charts.line_chart import LineChart
from gui.jobs.runner import Job, Terminal
from gui.theme.hues import Hue
from gui.widgets import units
from gui.widgets.banner import EmptyState
from gui.widgets.chip import Legend
from gui.widgets.flow import CardGrid
from gui.widgets.text import Role, label
from gui.wizard.page import Page, row
from gui.wizard.pages.finetune_form import LinesCard, SettingsCard
from gui.wizard.pages.finetune_result import ResultCard
from gui.wizard.pages.saving import ChartCard, file_name
from gui.wizard.pages.turn import Turn

if TYPE_CHECKING:
    from backends.actions.finetune import Lines
    from gui.app import Services

CHART_HEIGHT = 260


@dataclass(frozen=True)
class Actions:
    """What the page has done elsewhere; tests hand in their own."""

    look: Callable[[SourceModel, Path, FinetuneSettings], Lines]
    finetune: Callable[[SourceModel, Path, Path, FinetuneSettings, JobContext], FineTuned]
    assess: Callable[[Path, JobContext], SourceModel]
    compare: Callable[[SourceModel, FineTuned, JobContext], RunRecord]


def real_actions(services: Services) -> Actions:
    from backends.actions import finetune as actions
    from backends.actions.assess import assess

    def finetune(
        source: SourceModel, data: Path, out: Path, settings: FinetuneSettings, job: JobContext
    ) -> FineTuned:
        return actions.finetune(source, data, out, job, settings)

    def compare(source: SourceModel, tuned: FineTuned, job: JobContext) -> RunRecord:
        return actions.compare_with_base(source, tuned, job, services.history)

    return Actions(actions.look, finetune, assess, compare)


class FinetunePage(Page):
    def __init__(self, services: Services, actions: Actions | None = None) -> None:
        super().__init__(
            QCoreApplication.translate("Finetune", "Fine-tune"),
            QCoreApplication.translate(
                "Finetune", "Teach a language model from your own lines: LoRA adapters in MLX, then fused."
            ),
        )
        self._services, self._actions = services, actions or real_actions(services)
        self._job: Job | None = None
        self._looking: Job | None = None
        self._data: Path | None = None
        self._seen: SourceModel | None = None
        self._lines: Lines | None = None
        self._tuned: tuple[SourceModel, FineTuned] | None = None
        self._cancel = self.make_action(self.tr("Cancel"), self.cancel, danger=True)
        self.turn = Turn(self, services.runner, "finetune")
        self._lay_out()
        services.store.changed.connect(self._follow_store)
        self.set_state(primary=self.tr("Start training"), back=False)
        self._follow_store()

    @property
    def source(self) -> SourceModel | None:
        return self._services.store.state.source

    def choose(self, path: Path) -> None:
        """Look at the user's lines; what is wrong with them is said at once."""
        self._data = path
        self._look()

    def apply(self) -> bool:
        """The primary button starts; there is no step after this place."""
        if self.source is not None and self._data is not None and self._job is None:
            self.turn.take(self._train)
        return False

    def _train(self) -> None:
        source, data = self.source, self._data
        if source is None or data is None or self._job is not None:
            return
        self.clear_error()
        self.result.hide()
        self.chart.clear()
        settings = self.settings.value()
        out = app_paths().artifacts / f"{file_name(source.name).lower()}-tuned-{uuid.uuid4().hex[:8]}"
        self._start(
            lambda job: self._actions.finetune(source, data, out, settings, job),
            lambda ended: self._taken(source, ended),
        )

    def cancel(self) -> None:
        if self._job is not None:
            self.set_state(status=self.tr("Cancelling"), actions=())
            self._job.cancel()

    def use(self) -> None:
        """The fused model becomes the wizard's."""
        self.turn.take(self._assess)

    def _assess(self) -> None:
        if self._tuned is not None:
            path = self._tuned[1].artifact.path
            self._start(lambda job: self._actions.assess(path, job), self._assessed)

    def compare(self) -> None:
        self.turn.take(self._compare)

    def _compare(self) -> None:
        if self._tuned is not None:
            source, tuned = self._tuned
            self._start(lambda job: self._actions.compare(source, tuned, job), self._compared)

    def _look(self) -> None:
        source, data, settings = self.source, self._data, self.settings.value()
        self._lines = None
        self.lines.show_lines(data, None)
        if source is None or data is None:
            self._rest()
            return
        self.clear_error()
        if self._looking is not None:
            self._looking.cancel()
        self._looking = self._services.runner.start(
            lambda job: self._actions.look(source, data, settings), self._looked
        )

    def _looked(self, terminal: Terminal) -> None:
        if self._looking is not None and self._looking.running:
            return  # the answer to an earlier question
        self._looking = None
        if isinstance(terminal, Result):
            self._lines = terminal.payload
            self.lines.show_lines(self._data, self._lines)
        elif isinstance(terminal, Failed):
            self.show_error(terminal)
        self._rest()

    def _start(self, action: Callable[[JobContext], object], ended: Callable[[Terminal], None]) -> None:
        if self._job is not None:
            return
        self._job = self.turn.run(action, ended, self._hear)
        self.set_state(
            status=self.tr("Starting"), busy=True, progress=True, fraction=None, actions=(self._cancel,)
        )
        self._show_forms(False)

    def _hear(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Sample) and event.metric == LOSS and event.step is not None:
                self.chart.append(self._names[event.series], float(event.step), event.value)
            elif isinstance(event, Log):
                self.note.setText(event.text)
        told = [event for event in events if isinstance(event, Progress)]
        if told and self._job is not None:
            last = told[-1]
            status = " · ".join(filter(None, (last.what, units.time_left(last.remaining_s))))
            self.set_state(status=status, fraction=last.fraction)

    def _taken(self, source: SourceModel, terminal: Terminal) -> None:
        if isinstance(terminal, Result):
            self._tuned = (source, terminal.payload)
            self.result.show_result(terminal.payload)
        self._finish(terminal)

    def _assessed(self, terminal: Terminal) -> None:
        self._finish(terminal)
        if isinstance(terminal, Result):
            self._services.store.update(self._services.store.state.with_source(terminal.payload))
            self.navigate.emit("model")

    def _compared(self, terminal: Terminal) -> None:
        self._finish(terminal)
        if isinstance(terminal, Result):
            self.navigate.emit("history")

    def _finish(self, terminal: Terminal) -> None:
        self._job = None
        if isinstance(terminal, Failed):
            self.show_error(terminal)
        self._show_forms(True)
        self._rest()

    def _rest(self) -> None:
        if self._job is not None:
            return
        ready = self._lines is not None
        status = "" if ready or not self.source else self.tr("Choose a file of lines")
        self.set_state(
            status=status, can_continue=ready, busy=False, progress=False, fraction=None, actions=()
        )

    def _show_forms(self, shown: bool) -> None:
        """While something runs, the page has what happens, and nothing that could be changed."""
        for part in (self.lines, self.settings):
            part.setVisible(shown)
        for button in (self.result.use, self.result.compare):
            button.setEnabled(shown)

    def _follow_store(self) -> None:
        """Another model may need other lines: they are looked at anew."""
        source = self.source
        self._empty.setVisible(source is None)
        for part in (self.base, self.chart_card):
            part.setVisible(source is not None)
        for form in (self.lines, self.settings):
            form.setVisible(source is not None and self._job is None)
        self.base.setText(self.tr("Base model: {0}").format(source.name) if source else "")
        self.set_state(primary=self.tr("Start training") if source else "")
        if source is not self._seen:
            self._seen = source
            self._look()

    def _lay_out(self) -> None:
        self._names = {TRAINING: self.tr("training"), HELD_OUT: self.tr("held out")}
        self._empty = EmptyState(
            self.tr("No model to teach"), self.tr("Choose a language model first."), self.tr("Model")
        )
        self._empty.activated.connect(lambda: self.navigate.emit("model"))
        self.add(self._empty)
        self.base = label("", Role.MUTED, wrap=True)
        self.lines, self.settings = LinesCard(), SettingsCard()
        self.lines.chosen.connect(self.choose)
        self.settings.changed.connect(self._look)
        self.chart = LineChart(self.tr("Loss"), self.tr("nats a token"), x_unit=self.tr("steps"))
        self.chart.setMinimumHeight(CHART_HEIGHT)
        self.chart.set_series(
            {self._names[TRAINING]: Hue("MLX"), self._names[HELD_OUT]: Hue("MLX", variant=2)}
        )
        tip = self.tr("How surprised the model is by each next token; lower is better.")
        self.chart_card = ChartCard(self.chart, tip=tip)
        legend = Legend()
        legend.set_entries(self.chart.legend())
        self.chart_card.add(legend)
        self.chart_card.failed.connect(self.show_error)
        self.note = label("", Role.NOTE, wrap=True)
        self.result = ResultCard()
        self.result.use.clicked.connect(self.use)
        self.result.compare.clicked.connect(self.compare)
        self.add(self.base)
        self.add(row((self.lines, self.settings), CardGrid(min_width=440, max_columns=2)))
        self.add(self.chart_card)
        self.add(self.note)
        self.add(self.result)
        self.end()
