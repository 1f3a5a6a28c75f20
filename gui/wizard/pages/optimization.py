"""Optimize in stages: baseline, conversion, quantization, acceleration, validation, each against the last."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Signal, Slot
from PySide6.QtGui import QAction

from backends.domain.events import Event, Failed, Progress, Result
from backends.domain.result import RunRecord, Stage
from backends.frameworks.base import JobContext
from backends.optimization.stages import Step
from backends.storage.history import History
from gui.jobs.runner import Job, Terminal
from gui.widgets.banner import EmptyState
from gui.widgets.flow import CardGrid
from gui.widgets.units import time_left
from gui.wizard.page import Page
from gui.wizard.pages import optimization_work as work
from gui.wizard.pages.documents import RunDocuments
from gui.wizard.pages.optimization_charts import StageCharts
from gui.wizard.pages.optimization_choice import StageWishes
from gui.wizard.pages.optimization_cut_off import CutOff
from gui.wizard.pages.optimization_stages import StageCard
from gui.wizard.pages.optimization_work import Ears, Wish
from gui.wizard.pages.pausing import Pausing
from gui.wizard.pages.result import load_report
from gui.wizard.pages.result_view import ResultView
from gui.wizard.pages.turn import Turn

if TYPE_CHECKING:
    from gui.app import Services

Optimize = Callable[[Wish, JobContext, History, Ears], RunRecord]
CarryOn = Callable[[str, JobContext, History, Ears], RunRecord]


class OptimizationPage(Page):
    """Works on the model of the wizard; goes on while other pages are visited."""

    run_started = Signal(str)  # run id; from the worker's thread
    stage_arrived = Signal(object)  # Stage; from the worker's thread

    def __init__(
        self, services: Services, optimize: Optimize = work.optimize, carry_on: CarryOn = work.carry_on
    ) -> None:
        super().__init__(QCoreApplication.translate("Stages", "Optimize in stages"))
        self._services, self._optimize, self._carry_on = services, optimize, carry_on
        self._job: Job | None = None
        self._stages: list[Stage] = []
        self._what, self._left = "", ""
        self._fraction: float | None = None
        self._run_id, self._model = "", ""
        self.turn, self.pausing = Turn(self, services.runner, "stages"), Pausing(self)
        self.pausing.changed.connect(self._show)
        self._lay_out()
        self._make_actions()
        self.run_started.connect(self._take_run)
        self.stage_arrived.connect(self._take_stage)
        self._begin()
        self._show()

    @property
    def running(self) -> bool:
        return self._job is not None

    def on_enter(self) -> None:
        """Another model: what was shown of the one before stays in History."""
        source = self._services.store.state.source
        name = source.name if source else ""
        if name != self._model and not self.running:
            self._model, self._run_id = name, ""
            self._begin()
        if not self.running:
            self.wishes.offer()
            self._look_for_cut_off()
        self._show()

    def apply(self) -> bool:
        if self.running:
            return False
        if self._record_shown:
            self.documents.certify()
        else:
            self.start()
        return False

    def start(self) -> None:
        """As soon as nothing else measures."""
        if self._services.store.state.source is not None and not self.running:
            self.turn.take(self._start)

    def _start(self) -> None:
        wish = self.wishes.wish()
        if wish is None or self.running:
            return
        self._launch(lambda job, ears: self._optimize(wish, job, self._services.history, ears))

    def resume(self) -> None:
        self.turn.take(self._resume)

    def _resume(self) -> None:
        run_id = self.notice.run_id
        if run_id and not self.running:
            self._launch(lambda job, ears: self._carry_on(run_id, job, self._services.history, ears))

    def discard(self) -> None:
        self.notice.discard()
        self._show()

    def cancel(self) -> None:
        """The stages that were decided are kept, and the run can be resumed."""
        if self._job is not None:
            self._what = self.tr("Stopping; what was decided is kept")
            self._job.cancel()
            self.pausing.resume()
            self._show()

    def again(self) -> None:
        self._run_id = ""
        self._begin()
        self._show()

    def _launch(self, run: Callable[[JobContext, Ears], RunRecord]) -> None:
        self._begin()
        self.notice.forget()
        gate, started, arrived = self.pausing.begin(), self.run_started.emit, self.stage_arrived.emit
        self._job = self.turn.run(
            lambda job: run(job, Ears(started, arrived, lambda: gate.wait(job))), self._end, self._hear
        )
        self._show()

    def _begin(self) -> None:
        self.clear_error()
        self._stages, self._what, self._fraction, self._left = [], "", None, ""
        self.view.hide()
        self.documents.forget()
        for card in self.cards.values():
            card.wait()
        self.charts.draw(self._stages)

    def _hear(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Progress):
                self._what, self._fraction = event.what, event.fraction
                self._left = time_left(event.remaining_s)
        self._show()

    @Slot(str)
    def _take_run(self, run_id: str) -> None:
        self._run_id = run_id

    @Slot(object)
    def _take_stage(self, stage: Stage) -> None:
        self._stages.append(stage)
        self.cards[stage.name].show_stages([one for one in self._stages if one.name == stage.name])
        self.charts.draw(self._stages)
        self._show()

    def _end(self, terminal: Terminal) -> None:
        self._job, self._what = None, ""
        if isinstance(terminal, Failed):
            self.show_error(terminal)
        for name in self._undecided:
            self.cards[name].stop()
        if isinstance(terminal, Result):
            self._run_id = terminal.payload.run_id
            self._services.runner.start(load_report(self._services, self._run_id), self._take_report)
        else:
            self._look_for_cut_off()
        self._show()

    def _take_report(self, terminal: Terminal) -> None:
        if isinstance(terminal, Failed):
            self.show_error(terminal)
        if isinstance(terminal, Result) and terminal.payload.record.run_id == self._run_id:
            self.view.show_report(terminal.payload)
            self.view.show()
        self._show()

    def _look_for_cut_off(self) -> None:
        if self._model and not self._record_shown:
            self.notice.look(self._model)

    @property
    def _undecided(self) -> list[str]:
        decided = {stage.name for stage in self._stages}
        return [name for name in self.cards if name not in decided]

    @property
    def _record_shown(self) -> bool:
        return self.view.isVisibleTo(self)

    def _show(self) -> None:
        has_model = bool(self._model)
        self.empty.setVisible(not has_model)
        self.wishes.setVisible(has_model)
        for card in self.cards.values():
            card.setVisible(has_model)
        self.wishes.setEnabled(not self.running)
        if self.running and self._undecided:
            self.cards[self._undecided[0]].run(self._now, self._left)
        self._show_state(has_model)

    def _show_state(self, has_model: bool) -> None:
        done = self._record_shown and not self.running
        status = self.pausing.words or " · ".join(filter(None, (self._status, self._left)))
        stored = self.tr("Every decided stage is stored in History") if self._stages else ""
        self.set_state(
            status=status if self.running else self.documents.what or stored,
            primary=self.tr("Certificate…") if done else self.tr("Optimize") if has_model else "",
            can_continue=self.documents.can_certify if done else has_model,
            busy=self.running or self.documents.busy,
            progress=self.running or self.documents.busy,
            fraction=self._fraction if self.running else None,
            back=False,
            actions=self._actions(done),
        )

    def _actions(self, done: bool) -> tuple[QAction, ...]:
        if self.running:
            return (self._carry if self.pausing.paused else self._pause, self._cancel)
        if done:
            return (self._again, self.documents.report_action)
        return (self._discard, self._go_on) if self.notice.run_id else ()

    @property
    def _status(self) -> str:
        step, _, what = self._what.partition(": ")
        if step not in self.cards:
            return self._what or self.tr("Preparing")
        return ", ".join(filter(None, (work.step_name(step), what.replace(": ", ", "))))

    @property
    def _now(self) -> str:
        """Without the stage's own name, which is the card's title."""
        return self._what.partition(": ")[2].replace(": ", ", ", 1)

    def _lay_out(self) -> None:
        self.header.set_text(
            self.title,
            self.tr(
                "One step at a time, each measured against the one before. What does not hold is dropped."
            ),
        )
        self.empty = EmptyState(
            self.tr("No model has been chosen yet."),
            self.tr("Choose one on the Model page; then it is taken from the original to proof here."),
            self.tr("Choose a model"),
        )
        self.empty.activated.connect(partial(self.navigate.emit, "model"))
        self.notice = CutOff(self._services.runner, self._services.history)
        self.notice.changed.connect(self._show)
        self.notice.failed.connect(self.show_error)
        self.wishes = StageWishes(self._services)
        self.view, self.charts = ResultView(), StageCharts()
        self.documents = RunDocuments(self, self.view, self._services)
        self.documents.busy_changed.connect(self._show)
        for part in (self.view, self.charts):
            part.failed.connect(self.show_error)
        for widget in (self.empty, self.notice, self.documents.notice, self.wishes, self.charts):
            self.add(widget)
        stages = CardGrid(min_width=270, max_columns=len(Step))
        self.cards = {str(step): StageCard(step) for step in Step}
        for card in self.cards.values():
            stages.addWidget(card)
        self.add(stages)
        self.add(self.view)
        self.end()

    def _make_actions(self) -> None:
        self._pause = self.make_action(self.tr("Pause"), self.pausing.pause)
        self._carry = self.make_action(self.tr("Go on"), self.pausing.resume)
        self._cancel = self.make_action(self.tr("Cancel"), self.cancel, danger=True)
        self._again = self.make_action(self.tr("Start anew"), self.again)
        self._go_on = self.make_action(self.tr("Resume"), self.resume)
        self._discard = self.make_action(self.tr("Discard"), self.discard, danger=True)
