"""Step 6: what won, by how much, and what it rests on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from backends.domain.events import Failed, Result
from backends.frameworks.base import JobContext
from backends.storage.settings import weights_of
from gui.jobs.runner import Terminal
from gui.widgets.banner import EmptyState
from gui.wizard.page import Page
from gui.wizard.pages.documents import RunDocuments
from gui.wizard.pages.result_view import ResultView
from gui.wizard.pages.run_report import RunReport, report_of

if TYPE_CHECKING:
    from gui.app import Services


def load_report(services: Services, run_id: str) -> Callable[[JobContext], RunReport]:
    """An action for the runner: read a run and work out what it shows."""
    settings, history = services.settings.value, services.history
    thresholds = dict(settings.gate_thresholds)
    return lambda job: report_of(history.run(run_id), thresholds, weights_of(settings))


class ResultPage(Page):
    def __init__(self, services: Services) -> None:
        super().__init__(QCoreApplication.translate("Result", "Result"))
        self._services = services
        self.header.set_text(self.title, "")
        self.empty = EmptyState(self.tr("Reading the run…"))
        self.view = ResultView()
        self.view.hide()
        self.view.failed.connect(self.show_error)
        self.documents = RunDocuments(self, self.view, services)
        self.documents.busy_changed.connect(self._show_state)
        self.add(self.documents.notice)
        self.add(self.empty)
        self.add(self.view)
        self.end()
        self._wanted = ""

    def on_enter(self) -> None:
        """Read again each time: results arrive, and weights may have been changed in the settings."""
        wanted = self._services.store.state.run_id
        if wanted != self._wanted:
            self.documents.forget()
        self._wanted = wanted
        if self._wanted:
            self._services.runner.start(load_report(self._services, self._wanted), self._take)
        else:
            self._say_empty()

    def apply(self) -> bool:
        self.documents.certify()
        return False

    def _take(self, terminal: Terminal) -> None:
        if isinstance(terminal, Failed):
            self.show_error(terminal)
            self._say_empty()
        elif isinstance(terminal, Result) and terminal.payload.record.run_id == self._wanted:
            self._show(terminal.payload)

    def _show(self, report: RunReport) -> None:
        self.clear_error()
        if not report.points:
            self._say_empty()
            return
        self.header.set_text(self.title, subtitle(self, report))
        self.view.show_report(report)
        self.view.show()
        self.empty.hide()
        self._show_state()

    def _show_state(self) -> None:
        documents = self.documents
        self.set_state(
            status=documents.what or self.tr("Stored in History"),
            primary=self.tr("Certify…"),
            can_continue=documents.can_certify,
            progress=documents.busy,
            actions=(documents.export_action, documents.report_action),
        )

    def _say_empty(self) -> None:
        self.empty.set_text(
            self.tr("There is no result yet."), self.tr("Measure something first; old runs are in History.")
        )
        self.empty.show()
        self.view.hide()
        self.set_state(status="", primary="", can_continue=False, actions=())


def subtitle(page: Page, report: RunReport) -> str:
    text = page.tr(
        "{0}: {1} configurations on one machine. They are told apart only where the intervals say so."
    )
    return text.format(report.record.model, len(report.points))
