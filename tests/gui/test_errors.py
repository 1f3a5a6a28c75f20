from __future__ import annotations

import sys
import threading

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from backends.domain.errors import BadInput, JobCancelled, JobFailed
from gui.error_dialog import ErrorDialog
from gui.errors import ErrorReport, ErrorReporter, report_of


@pytest.fixture
def reporter(qtbot):
    made = ErrorReporter()
    made.install()
    yield made
    made.close()
    made.uninstall()
    made.deleteLater()


def dialog_of(reporter: ErrorReporter) -> ErrorDialog:
    return reporter._dialog


def raise_and_hook(error: BaseException) -> None:
    try:
        raise error
    except BaseException:  # noqa: BLE001 - the hook is called as Python would
        sys.excepthook(*sys.exc_info())


def test_a_bug_opens_one_dialog_with_details(reporter: ErrorReporter, qtbot) -> None:
    for _ in range(3):
        raise_and_hook(ZeroDivisionError("divided by nothing"))
    dialog = dialog_of(reporter)
    assert dialog.isVisible()
    assert dialog.count == 1
    assert "divided by nothing" in dialog.sentence.text()
    assert "Traceback" not in dialog.sentence.text()
    assert dialog.details.isHidden()
    assert "3 times" in dialog.details_text()
    assert "Traceback" in dialog.details_text()


def test_different_errors_share_the_dialog(reporter: ErrorReporter) -> None:
    raise_and_hook(ValueError("one"))
    raise_and_hook(KeyError("two"))
    assert dialog_of(reporter).count == 2


def test_an_error_of_ours_says_its_own_sentence(reporter: ErrorReporter) -> None:
    raise_and_hook(BadInput("x.gguf is empty.", "Choose another."))
    dialog = dialog_of(reporter)
    assert dialog.sentence.text() == "x.gguf is empty."
    assert dialog.remedy.text() == "Choose another."


def test_cancellation_is_no_error(reporter: ErrorReporter) -> None:
    raise_and_hook(JobCancelled())
    assert dialog_of(reporter) is None


def test_errors_of_other_threads_reach_the_window(reporter: ErrorReporter, qtbot) -> None:
    with qtbot.waitSignal(reporter.reported):
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
    assert dialog_of(reporter).isVisible()


def test_details_can_be_seen_and_copied(reporter: ErrorReporter, qtbot) -> None:
    reporter.show_details("It failed.", "Try again.", "last words")
    dialog = dialog_of(reporter)
    qtbot.mouseClick(dialog.toggle, Qt.MouseButton.LeftButton)
    assert dialog.details.isVisible()
    qtbot.mouseClick(dialog.copy, Qt.MouseButton.LeftButton)
    assert "last words" in QGuiApplication.clipboard().text()
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_a_closed_dialog_opens_again(reporter: ErrorReporter, qtbot) -> None:
    reporter.show_details("One.", "", "")
    with qtbot.waitSignal(dialog_of(reporter).destroyed):
        dialog_of(reporter).close()
    reporter.show_details("Two.", "", "")
    assert dialog_of(reporter).count == 1


def test_hooks_are_given_back(qtbot) -> None:
    before = sys.excepthook, threading.excepthook
    reporter = ErrorReporter()
    reporter.install()
    assert sys.excepthook is not before[0]
    reporter.uninstall()
    assert (sys.excepthook, threading.excepthook) == before
    reporter.deleteLater()


def test_details_of_a_failed_job_are_its_own() -> None:
    report = report_of(JobFailed("It failed.", details="last log lines"))
    assert report == ErrorReport("It failed.", "", "last log lines", "It failed.")
