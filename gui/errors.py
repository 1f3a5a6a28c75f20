"""Where everything unexpected ends up: one dialog, one entry per kind of error, with details to copy."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from PySide6.QtCore import (
    QCoreApplication,
    QMessageLogContext,
    QObject,
    QtMsgType,
    Signal,
    qInstallMessageHandler,
)
from PySide6.QtWidgets import QWidget

from backends.domain.errors import EdgewrightError, JobCancelled

log = logging.getLogger("edgewright")
QT_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


@dataclass(frozen=True)
class ErrorReport:
    """``key`` decides what counts as the same error."""

    sentence: str
    remedy: str = ""
    details: str = ""
    key: str = ""


class ErrorReporter(QObject):
    """Catches what nobody caught, in any thread; shows it in the window's."""

    reported = Signal(object)  # ErrorReport; queued across threads

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._dialog: Any = None
        self._window: QWidget | None = None
        self._previous: tuple[Any, Any, Any] | None = None
        self.reported.connect(self.show_report)

    def install(self) -> None:
        """Take the hooks; :meth:`uninstall` gives them back."""
        self._previous = (
            sys.excepthook,
            threading.excepthook,
            qInstallMessageHandler(self._on_qt_message),
        )
        sys.excepthook = self._on_exception
        threading.excepthook = self._on_thread_exception

    def uninstall(self) -> None:
        if self._previous is not None:
            sys.excepthook, threading.excepthook, handler = self._previous
            qInstallMessageHandler(handler)
            self._previous = None

    def set_window(self, window: QWidget | None) -> None:
        """The window the dialog belongs to."""
        self._window = window

    def show_details(self, sentence: str, remedy: str, details: str) -> None:
        self.show_report(ErrorReport(sentence, remedy, details, key=sentence + details))

    def show_report(self, report: ErrorReport) -> None:
        from gui.error_dialog import ErrorDialog

        if self._dialog is None:
            self._dialog = ErrorDialog(self._window)
            self._dialog.destroyed.connect(self._forget_dialog)
        self._dialog.add(report)
        self._dialog.show()
        self._dialog.raise_()

    def close(self) -> None:
        if self._dialog is not None:
            self._dialog.close()

    def _forget_dialog(self) -> None:
        self._dialog = None

    def _on_exception(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            from PySide6.QtWidgets import QApplication

            QApplication.exit(130)
            return
        if issubclass(kind, JobCancelled):
            return
        log.error("uncaught", exc_info=(kind, error, trace))
        self.reported.emit(report_of(error))

    def _on_thread_exception(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            self._on_exception(args.exc_type, args.exc_value, args.exc_traceback)

    def _on_qt_message(self, kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
        """Qt's warnings are for the log; only what Qt itself calls critical is worth a dialog."""
        log.log(QT_LEVELS.get(kind, logging.WARNING), "Qt: %s", message)
        if kind is QtMsgType.QtCriticalMsg:
            sentence = self.tr("The window toolkit reported a problem.")
            self.reported.emit(ErrorReport(sentence, "", message, key=message))


def report_of(error: BaseException) -> ErrorReport:
    """An :class:`EdgewrightError` says its own sentence; anything else is a bug and says so."""
    details = "".join(traceback.format_exception(error))
    if isinstance(error, EdgewrightError):
        return ErrorReport(error.message, error.remedy, getattr(error, "details", "") or details, str(error))
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = f"{last[0].filename}:{last[0].lineno}" if last else ""
    sentence = QCoreApplication.translate("Errors", "Something in Edgewright went wrong: {0}").format(
        _one_line(error)
    )
    remedy = QCoreApplication.translate(
        "Errors", "Nothing that was stored is lost. Please report this with the details below."
    )
    return ErrorReport(
        sentence.format(_one_line(error)), remedy, details, key=f"{type(error).__name__} {place}"
    )


def _one_line(error: BaseException) -> str:
    first = str(error).strip().splitlines()[:1]
    return f"{type(error).__name__}: {first[0]}" if first else type(error).__name__
