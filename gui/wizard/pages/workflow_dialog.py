"""A workflow as JSON: shown before it runs, edited, checked, and run instead of the recommended one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from backends.domain.events import Event, Failed, Progress, Result
from backends.domain.model import SourceModel
from backends.frameworks.base import JobContext, Planned, WorkflowPass
from gui.jobs.runner import Job, Terminal
from gui.theme.fonts import fixed_font
from gui.widgets.banner import ErrorBanner
from gui.widgets.text import Role, label

if TYPE_CHECKING:
    from gui.app import Services

ANY = "*"
DEVICES = (ANY, "cpu", "gpu", "npu")
PRECISIONS = (ANY, "int4", "int8", "int16", "uint8", "fp16", "fp32")


@dataclass(frozen=True)
class Actions:
    """What the dialog has done elsewhere; tests hand in their own. ``plan`` takes a mode."""

    plan: Callable[[SourceModel, str, str, JobContext], Planned]
    check: Callable[[SourceModel, str, str, JobContext], Planned]
    passes: Callable[[str, str, JobContext], tuple[WorkflowPass, ...]]


def real_actions() -> Actions:
    from backends.actions import olive

    def plan(source: SourceModel, precision: str, mode: str, job: JobContext) -> Planned:
        return olive.plan(source, precision, job, mode)

    def passes(device: str, precision: str, job: JobContext) -> tuple[WorkflowPass, ...]:
        return olive.passes(job, device, precision)

    return Actions(plan, olive.check, passes)


class WorkflowDialog(QDialog):
    """``run_wanted`` carries the text, which was checked before."""

    run_wanted = Signal(str)
    make_actions = staticmethod(real_actions)

    def __init__(
        self,
        services: Services,
        source: SourceModel,
        precision: str,
        text: str,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Workflow: {0}").format(precision))
        self._runner, self._actions = services.runner, self.make_actions()
        self._source, self._precision = source, precision
        self._job: Job | None = None
        self._listing: Job | None = None
        self._make_widgets()
        self._lay_out()
        self.setMinimumSize(680, 480)
        self.resize(self.sizeHint())
        if text:
            self.editor.setPlainText(text)
        else:
            QTimer.singleShot(0, self, self.load)
        QTimer.singleShot(0, self, self._list)

    def load(self) -> None:
        """The workflow of the chosen way, in place of what is in the editor."""
        mode = str(self.mode.currentData())
        self._begin(
            self.tr("Asking Olive"),
            lambda job: self._actions.plan(self._source, self._precision, mode, job),
            self._loaded,
        )

    def check(self, then_run: bool = False) -> None:
        """Whether what is in the editor can be run; in words where it cannot."""
        text = self.editor.toPlainText()

        def checked(planned: Planned) -> None:
            self.status.setText(self.tr("It can be run."))
            if then_run:
                self.run_wanted.emit(text)
                self.accept()

        self._begin(
            self.tr("Checking"),
            lambda job: self._actions.check(self._source, self._precision, text, job),
            checked,
        )

    def sizeHint(self) -> QSize:
        return QSize(900, 620)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._end_jobs()
        super().closeEvent(event)

    def done(self, result: int) -> None:
        self._end_jobs()
        super().done(result)

    def _end_jobs(self) -> None:
        for job in (self._job, self._listing):
            if job is not None:
                job.cancel()
        self._job = self._listing = None

    def _begin(
        self,
        status: str,
        action: Callable[[JobContext], Planned],
        done: Callable[[Planned], None],
    ) -> None:
        if self._job is not None:
            return
        self.banner.clear()
        self.status.setText(status)
        self._set_busy(True)
        self._job = self._runner.start(action, lambda ended: self._ended(ended, done), self._hear)

    def _ended(self, terminal: Terminal, done: Callable[[Planned], None]) -> None:
        if self._job is None:
            return  # closed meanwhile
        self._job = None
        self._set_busy(False)
        self.status.setText("")
        if isinstance(terminal, Failed):
            self.banner.show_error(terminal.message, terminal.remedy, terminal.details)
        elif isinstance(terminal, Result):
            done(terminal.payload)

    def _hear(self, events: list[Event]) -> None:
        told = [event.what for event in events if isinstance(event, Progress) and event.what]
        if told and self._job is not None:
            self.status.setText(told[-1])

    def _loaded(self, planned: Planned) -> None:
        self.editor.setPlainText(planned.workflow)
        self.status.setText(" ".join(planned.notes))

    def _follow_text(self) -> None:
        """JSON itself is judged while it is written; all else by :meth:`check`."""
        try:
            json.loads(self.editor.toPlainText())
            self.syntax.setText("")
        except json.JSONDecodeError as error:
            text = self.tr("Not yet JSON: line {0}, column {1}")
            self.syntax.setText(text.format(error.lineno, error.colno))
        except RecursionError:
            self.syntax.setText(self.tr("Nested too deep"))
        self._set_busy(self._job is not None)

    def _set_busy(self, busy: bool) -> None:
        ready = not busy and not self.syntax.text() and bool(self.editor.toPlainText().strip())
        self.check_button.setEnabled(ready)
        self.run_button.setEnabled(ready)
        self.mode.setEnabled(not busy)

    def _list(self) -> None:
        device, precision = str(self.device.currentData()), str(self.precision.currentData())
        if self._listing is not None:
            self._listing.cancel()
        self._listing = self._runner.start(
            lambda job: self._actions.passes(device, precision, job), self._listed
        )

    def _listed(self, terminal: Terminal) -> None:
        if self._listing is None or self._listing.running:
            return  # the answer to an earlier question
        self._listing = None
        if isinstance(terminal, Failed):
            self.banner.show_error(terminal.message, terminal.remedy, terminal.details)
        elif isinstance(terminal, Result):
            self.passes.clear()
            for one in terminal.payload:
                self.passes.addItem(self._item(one))

    def _item(self, one: WorkflowPass) -> QListWidgetItem:
        item = QListWidgetItem(one.name)
        words = [self._any(self.tr("Devices: {0}"), one.devices)]
        words.append(self._any(self.tr("Precisions: {0}"), one.precisions))
        if one.needs_data:
            words.append(self.tr("Needs calibration data"))
        if one.lacking:
            words.append(self.tr("Needs packages that are not installed: {0}").format(", ".join(one.lacking)))
            item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEnabled)
        item.setToolTip("\n".join(words))
        return item

    def _any(self, text: str, values: tuple[str, ...]) -> str:
        return text.format(self.tr("any") if ANY in values else ", ".join(values))

    def _make_widgets(self) -> None:
        self.banner = ErrorBanner()
        self.mode = QComboBox()
        for text, mode in (
            (self.tr("Recommended"), ""),
            (self.tr("Search, judged by an evaluator"), "search"),
            (self.tr("Olive's own choice"), "auto"),
        ):
            self.mode.addItem(text, mode)
        self.mode.setAccessibleName(self.tr("Way"))
        self.mode.activated.connect(lambda _index: self.load())
        self.editor = QPlainTextEdit()
        self.editor.setFont(fixed_font())
        self.editor.setTabChangesFocus(True)
        self.editor.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.editor.setAccessibleName(self.tr("The workflow as JSON"))
        self.status, self.syntax = label("", Role.MUTED, wrap=True), label("", Role.NOTE, wrap=True)
        self.device = self._choice(self.tr("any device"), DEVICES)
        self.precision = self._choice(self.tr("any precision"), PRECISIONS)
        self.passes = QListWidget()
        self.passes.setAccessibleName(self.tr("Passes"))
        self.check_button, self.run_button = QPushButton(self.tr("Check")), QPushButton(self.tr("Run"))
        self.close_button = QPushButton(self.tr("Close"))
        self.run_button.setProperty("role", "primary")
        self.check_button.clicked.connect(lambda: self.check())
        self.run_button.clicked.connect(lambda: self.check(then_run=True))
        self.close_button.clicked.connect(self.close)
        self.editor.textChanged.connect(self._follow_text)
        self._set_busy(False)

    def _choice(self, any_text: str, values: tuple[str, ...]) -> QComboBox:
        box = QComboBox()
        for value in values:
            box.addItem(any_text if value == ANY else value, value)
        box.activated.connect(lambda _index: self._list())
        return box

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(self.mode)
        head.addWidget(self.status, 1)
        side = QVBoxLayout()
        side.setSpacing(8)
        side.addWidget(label(self.tr("Passes it can have"), Role.HEADING))
        side.addWidget(self.device)
        side.addWidget(self.precision)
        side.addWidget(self.passes, 1)
        middle = QHBoxLayout()
        middle.setSpacing(16)
        middle.addWidget(self.editor, 5)
        middle.addLayout(side, 3)
        note = self.tr(
            "Words in braces stand for files and are filled in when it runs. Code and places of its own are "
            "refused."
        )
        buttons = QHBoxLayout()
        buttons.setSpacing(12)
        buttons.addWidget(self.syntax, 1)
        for button in (self.close_button, self.check_button, self.run_button):
            buttons.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 24)
        column.setSpacing(12)
        column.addWidget(self.banner)
        column.addLayout(head)
        column.addLayout(middle, 1)
        column.addWidget(label(note, Role.NOTE, wrap=True))
        column.addLayout(buttons)
