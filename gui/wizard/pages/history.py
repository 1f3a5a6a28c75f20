"""The runs there have been: open one, or delete it; and certificates, one's own or others'."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from backends.domain.errors import BadInput
from backends.domain.events import Event, Failed, Progress, Result
from backends.domain.result import RESUMABLE, RunRecord
from backends.frameworks.base import JobContext
from backends.storage.history import History, RunSummary
from gui.jobs.runner import Job, Terminal
from gui.models.table import TableModel
from gui.widgets import units
from gui.widgets.banner import EmptyState
from gui.widgets.card import Card
from gui.widgets.table import Table
from gui.wizard.page import Page
from gui.wizard.pages.certificates import CertificateView
from gui.wizard.pages.documents import RunDocuments
from gui.wizard.pages.history_columns import OPEN, ended, run_columns
from gui.wizard.pages.point_cards import local_time
from gui.wizard.pages.result import load_report, subtitle
from gui.wizard.pages.result_view import ResultView
from gui.wizard.pages.run_report import RunReport
from gui.wizard.pages.turn import Turn

if TYPE_CHECKING:
    from gui.app import Services


def resume(run_id: str, job: JobContext, history: History) -> RunRecord:
    from backends.actions.compare import resume

    return resume(run_id, job, history)


class HistoryPage(Page):
    """A table of runs; in its place an opened run, with the content of the Result page, or a certificate."""

    resume = staticmethod(resume)

    def __init__(self, services: Services) -> None:
        super().__init__(QCoreApplication.translate("History", "History"))
        self._job: Job | None = None  # a run that is carried on
        self._services = services
        self.model: TableModel[RunSummary] = TableModel(run_columns())
        self.table = Table(self.model, selectable=True)
        self.table.setAccessibleName(self.tr("Runs, newest first"))
        self.empty = EmptyState(
            self.tr("No runs yet."),
            self.tr("What you measure is kept here as it arrives, on this computer only."),
        )
        self.card = Card().add(self.table).add(self.empty).tight()
        self.view = ResultView()
        self.view.failed.connect(self.show_error)
        self.documents = RunDocuments(self, self.view, services)
        self.documents.busy_changed.connect(self._show_actions)
        self.turn = Turn(self, services.runner, "history")
        self.certificate = CertificateView(services, self.turn.occupation)
        self.certificate.failed.connect(self.show_error)
        self.certificate.changed.connect(self._show_actions)
        for widget in (self.documents.notice, self.card, self.view, self.certificate):
            self.add(widget)
        self.end()
        self._make_actions()
        self.table.row_activated.connect(self._open_row)
        self.table.row_selected.connect(lambda _row: self._show_actions())
        self.table.link_activated.connect(self._follow)
        self.show_list()

    def on_enter(self) -> None:
        self.reload()

    def apply(self) -> bool:
        if self.certificate.isVisibleTo(self):
            self.clear_error()
            self.turn.take(self.certificate.repeat)
        elif self.view.isVisibleTo(self):
            self.documents.certify()
        elif (run := self._selected()) is not None:
            self.open_run(run.run_id)
        return False

    def reload(self) -> None:
        try:
            runs = self._services.history.runs()
        except BadInput as error:
            self.show_error(error)
            runs = []
        self.model.set_rows(runs)
        self.table.setVisible(bool(runs))
        self.empty.setVisible(not runs)
        self._show_actions()

    def show_list(self) -> None:
        self.header.set_text(
            self.title, self.tr("Every run with its raw samples. Nothing leaves this computer.")
        )
        self._show_only(self.card)
        self.reload()

    def ask_certificate(self) -> None:
        title, kinds = self.tr("Verify a certificate"), self.tr("Certificates (*.json);;All files (*)")
        name, _ = QFileDialog.getOpenFileName(self, title, "", kinds)
        if name:
            self.open_certificate(Path(name))

    def open_certificate(self, path: Path) -> None:
        self.clear_error()
        self.header.set_text(
            self.tr("Certificate"), self.tr("Any changed byte is found. Nothing leaves this computer.")
        )
        self._show_only(self.certificate)
        self.certificate.open(path)

    def _show_only(self, wanted: QWidget) -> None:
        self.documents.forget()
        for widget in (self.card, self.view, self.certificate):
            widget.setVisible(widget is wanted)

    def open_run(self, run_id: str) -> None:
        self.clear_error()
        self._services.runner.start(load_report(self._services, run_id), self._take)

    def carry_on(self, run: RunSummary) -> None:
        """Measure what is missing of a run that ended early, as soon as nothing else measures."""
        self.turn.take(lambda: self._resume_run(run))

    def _resume_run(self, run: RunSummary) -> None:
        self.clear_error()
        self.show_list()
        history, run_id = self._services.history, run.run_id
        self._job = self.turn.run(lambda job: self.resume(run_id, job, history), self._carried_on, self._hear)
        self.set_state(
            status=self.tr("Going on with the run of {0}").format(run.model),
            progress=True,
            fraction=None,
            can_continue=False,
            actions=(self._stop_run,),
        )

    def stop(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def _hear(self, events: list[Event]) -> None:
        progress = [event for event in events if isinstance(event, Progress)]
        if progress and self._job is not None:
            last = progress[-1]
            status = " · ".join(filter(None, (last.what, units.time_left(last.remaining_s))))
            self.set_state(status=status, fraction=last.fraction)

    def _carried_on(self, terminal: Terminal) -> None:
        self._job = None
        self.reload()
        if isinstance(terminal, Failed):
            self.show_error(terminal)
        elif isinstance(terminal, Result):
            self.open_run(terminal.payload.run_id)

    def ask_delete(self, run: RunSummary) -> None:
        question = self.tr("Delete the run of {0} from {1}? Its raw samples go with it.")
        answer = QMessageBox.question(
            self, self.tr("Delete a run"), question.format(run.model, local_time(run.started_at))
        )
        if answer == QMessageBox.StandardButton.Yes:
            self.delete(run.run_id)

    def delete(self, run_id: str) -> None:
        try:
            self._services.history.delete(run_id)
        except BadInput as error:
            self.show_error(error)
        self.show_list()

    def _take(self, terminal: Terminal) -> None:
        if isinstance(terminal, Failed):
            self.show_error(terminal)
        elif isinstance(terminal, Result):
            self._show_run(terminal.payload)

    def _show_run(self, report: RunReport) -> None:
        if not report.points:
            self.show_error(
                BadInput(
                    self.tr("This run ended before anything whole was measured."),
                    self.tr("Its readings are kept; delete the run if you do not need them."),
                )
            )
            return
        self.header.set_text(report.record.model, subtitle(self, report))
        self.view.show_report(report)
        self._show_only(self.view)
        self._show_actions()

    def _make_actions(self) -> None:
        self._back = self.make_action(self.tr("All runs"), self._go_back)
        self._delete = self.make_action(self.tr("Delete"), self._delete_selected, danger=True)
        self._go_on = self.make_action(self.tr("Go on"), self._carry_on_selected)
        self._stop_run = self.make_action(self.tr("Stop"), self.stop, danger=True)
        self._verify = self.make_action(self.tr("Verify a certificate…"), self.ask_certificate)
        self._check = self.make_action(self.tr("Check artifacts…"), self.certificate.ask_folder)
        self._trust = self.make_action(self.tr("Trust this signer"), self.certificate.trust)
        self._stop = self.make_action(self.tr("Stop"), self.certificate.stop, danger=True)

    def _go_back(self) -> None:
        self.clear_error()
        self.show_list()

    def _show_actions(self) -> None:
        if self._job is not None:
            return  # the bar belongs to the run that is carried on
        if self.certificate.isVisibleTo(self):
            self._show_certificate_actions()
        elif self.view.isVisibleTo(self):
            self._show_run_actions()
        else:
            self._show_list_actions()

    def _show_certificate_actions(self) -> None:
        shown = self.certificate
        self._trust.setEnabled(shown.can_trust)
        trust = (self._trust,) if shown.found and not shown.found.trusted else ()
        self.set_state(
            status=shown.status,
            primary=self.tr("Measure again"),
            can_continue=shown.can_rerun,
            progress=shown.busy,
            fraction=shown.fraction,
            actions=(self._stop,) if shown.busy else (self._back, *trust, self._check),
        )

    def _show_run_actions(self) -> None:
        documents, shown = self.documents, self._shown()
        self._delete.setEnabled(shown is not None and ended(shown) and not documents.busy)
        self.set_state(
            status=documents.what or self.tr("Stored in History"),
            primary=self.tr("Certify…"),
            can_continue=documents.can_certify,
            progress=documents.busy,
            fraction=None,
            actions=(self._back, self._delete, documents.export_action, documents.report_action),
        )

    def _show_list_actions(self) -> None:
        count = len(self.model.rows)
        run = self._selected()
        chosen = run is not None
        self._delete.setEnabled(run is not None and ended(run))
        going_on = (self._go_on,) if run is not None and run.state in RESUMABLE else ()
        self.set_state(
            status=self.tr("{0} runs").format(count) if count else "",
            primary=self.tr("Open") if count else "",
            can_continue=chosen,
            progress=False,
            fraction=None,
            actions=(*going_on, *((self._delete,) if count else ()), self._verify),
        )

    def _selected(self) -> RunSummary | None:
        row = self.table.currentIndex().row()
        return self.model.rows[row] if 0 <= row < len(self.model.rows) else None

    def _shown(self) -> RunSummary | None:
        if self.view.isVisibleTo(self) and self.view.report is not None:
            run_id = self.view.report.record.run_id
            return next((run for run in self.model.rows if run.run_id == run_id), None)
        return self._selected()

    def _carry_on_selected(self) -> None:
        if (run := self._selected()) is not None:
            self.carry_on(run)

    def _delete_selected(self) -> None:
        if (run := self._shown()) is not None:
            self.ask_delete(run)

    def _open_row(self, row: int) -> None:
        self.open_run(self.model.rows[row].run_id)

    def _follow(self, row: int, key: str) -> None:
        run = self.model.rows[row]
        if key == OPEN:
            self.open_run(run.run_id)
        else:
            self.ask_delete(run)
