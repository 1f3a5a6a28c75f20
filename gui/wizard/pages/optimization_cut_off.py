"""The notice that the last run in stages of a model ended early; it can be resumed or discarded."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from backends.domain.events import Failed, Result
from backends.storage.history import History
from gui.jobs.runner import JobRunner, Terminal
from gui.theme.tone import Tone
from gui.widgets.banner import NoticeBanner
from gui.wizard.pages import optimization_work as work


class CutOff(NoticeBanner):
    """``run_id`` of the run that can be resumed; "" for none."""

    changed = Signal()
    failed = Signal(object)  # Failed

    def __init__(self, runner: JobRunner, history: History, parent: QWidget | None = None) -> None:
        super().__init__(Tone.WARN, parent)
        self._runner, self._history = runner, history
        self._model, self.run_id = "", ""

    def look(self, model: str) -> None:
        """Whether the newest run of ``model`` ended early."""
        self._model = model
        history = self._history
        self._runner.start(lambda job: work.cut_off(model, history), self._take)

    def forget(self) -> None:
        """Another run has begun, or the answer that may be on its way is of no use any more."""
        self._model, self.run_id = "", ""
        self.hide()

    def discard(self) -> None:
        """The artifacts that were made stay; “edgewright clear” and Settings remove what nobody uses."""
        run_id, history = self.run_id, self._history
        self.forget()
        self._runner.start(lambda job: history.delete(run_id), self._deleted)

    def _take(self, terminal: Terminal) -> None:
        self._deleted(terminal)
        self.run_id = terminal.payload if isinstance(terminal, Result) and self._model else ""
        if self.run_id:
            self.show_notice(
                self.tr("The last run of {0} ended early.").format(self._model),
                self.tr("Resume goes on after its last decided stage; Discard removes it from History."),
            )
        else:
            self.hide()
        self.changed.emit()

    def _deleted(self, terminal: Terminal) -> None:
        if isinstance(terminal, Failed):
            self.failed.emit(terminal)
