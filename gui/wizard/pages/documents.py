"""A run as something to pass on: its data, its report, its certificate. For Result and History alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from backends.domain.errors import EdgewrightError
from backends.domain.events import Failed, Result
from backends.domain.result import RunRecord
from backends.storage.history import History
from gui.jobs.runner import Action, Job, Terminal
from gui.theme.tone import Tone
from gui.widgets.banner import NoticeBanner
from gui.wizard.page import Page
from gui.wizard.pages.folders import open_folder
from gui.wizard.pages.result_view import ResultView
from gui.wizard.pages.run_files import save_run
from gui.wizard.pages.saving import ask_where

if TYPE_CHECKING:
    from backends.reporting.certificate import Certificate
    from gui.app import Services


def write_report(run_id: str, path: Path, history: History) -> None:
    """As HTML or PDF, by the suffix. Runs in the worker's thread."""
    from backends.actions.report import write_report
    from gui.reporting.pdf import write_pdf

    write_report(run_id, path, history, write_pdf)


def write_certificate(run_id: str, path: Path, history: History) -> Certificate:
    """Hashes the models again, so it takes as long as reading them. Runs in the worker's thread."""
    from backends.actions.certificate import certify

    return certify(run_id, path, history)


class RunDocuments(QObject):
    """The three actions of a page that shows a run; ``notice`` tells where a file went."""

    busy_changed = Signal()
    write_report = staticmethod(write_report)
    write_certificate = staticmethod(write_certificate)

    def __init__(self, page: Page, view: ResultView, services: Services) -> None:
        super().__init__(page)
        self._page, self._view, self._services = page, view, services
        self._job: Job | None = None
        self._path = Path()
        self.what = ""  # is being written
        self.notice = NoticeBanner(Tone.OK)
        self.notice.activated.connect(lambda: open_folder(self._path.parent))
        self.export_action = page.make_action(self.tr("Export data…"), self.export)
        self.report_action = page.make_action(self.tr("Report…"), self.report)

    @property
    def busy(self) -> bool:
        return self._job is not None

    @property
    def can_certify(self) -> bool:
        record = self._record
        return record is not None and record.state == "finished" and not self.busy

    def export(self) -> None:
        """Data and picture are small: written at once."""
        record = self._record
        kinds = {
            "json": self.tr("Everything, with raw samples"),
            "csv": self.tr("Table of configurations"),
            "png": self.tr("Picture of this page"),
        }
        path = self._ask(self.tr("Export the run"), "", kinds)
        if path is None or record is None:
            return
        try:
            save_run(record, self._view, path)
        except EdgewrightError as error:
            self._page.show_error(error)
        else:
            self._tell(path, self.tr("Saved as {0}.").format(path))

    def report(self) -> None:
        kinds = {"html": self.tr("Page for any browser"), "pdf": self.tr("Document to print")}
        path = self._ask(self.tr("Write the report"), "report", kinds)
        record, history = self._record, self._services.history
        if path is not None and record is not None:
            self._start(
                self.tr("Writing the report"),
                lambda job: self.write_report(record.run_id, path, history),
                lambda _: self._tell(
                    path,
                    self.tr("The report is saved as {0}.").format(path),
                    self.tr("One file with all charts; it opens without a network."),
                ),
            )

    def certify(self) -> None:
        kinds = {"json": self.tr("Signed certificate")}
        path = self._ask(self.tr("Certify the run"), "certificate", kinds)
        record, history = self._record, self._services.history
        if path is not None and record is not None:
            self._start(
                self.tr("Hashing the models and signing"),
                lambda job: self.write_certificate(record.run_id, path, history),
                lambda made: self._tell_certificate(path, made),
            )

    def forget(self) -> None:
        """Another run is shown: what was said of the one before no longer counts."""
        self.notice.hide()

    @property
    def _record(self) -> RunRecord | None:
        return self._view.report.record if self._view.report else None

    def _ask(self, title: str, what: str, kinds: dict[str, str]) -> Path | None:
        record = self._record
        if record is None or self.busy:
            return None
        name = "-".join(filter(None, (record.model, what, record.run_id)))
        return ask_where(self._page, title, name, kinds)

    def _start(self, what: str, action: Action, then: Callable[[Any], None]) -> None:
        self._page.clear_error()
        self.notice.hide()
        self.what = what

        def end(terminal: Terminal) -> None:
            self._job, self.what = None, ""
            if isinstance(terminal, Failed):
                self._page.show_error(terminal)
            elif isinstance(terminal, Result):
                then(terminal.payload)
            self._show_busy()

        self._job = self._services.runner.start(action, end)
        self._show_busy()

    def _show_busy(self) -> None:
        for action in (self.export_action, self.report_action):
            action.setEnabled(not self.busy)
        self.busy_changed.emit()

    def _tell(self, path: Path, sentence: str, remedy: str = "") -> None:
        self._page.clear_error()
        self._path = path
        self.notice.show_notice(sentence, remedy, self.tr("Show in folder"))

    def _tell_certificate(self, path: Path, made: Certificate) -> None:
        from backends.reporting.keys import fingerprint

        sentence = self.tr("The certificate is saved as {0}.").format(path)
        signed = self.tr(
            "Signed by {0}: tell this line to whoever is to trust it. History verifies certificates."
        )
        self._tell(path, sentence, signed.format(fingerprint(made.public_key)))
