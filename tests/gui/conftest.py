"""Windows in tests: off screen, and nothing may be left running or open after a test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QThread, QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from backends.storage.history import History
from gui.app import Services
from gui.errors import ErrorReporter
from gui.jobs.runner import JobRunner
from gui.settings import SettingsStore
from gui.theme.theme import Scheme, theme
from gui.wizard.store import WizardStore

HERE = Path(__file__).parent
PATIENCE_MS = 60_000  # what is waited for comes at once, except where the machine is busy with other things


class PatientBot(QtBot):
    """Waits longer than usual before it gives up."""

    def waitUntil(self, callback: Callable[[], bool | None], *, timeout: int = PATIENCE_MS) -> None:
        super().waitUntil(callback, timeout=timeout)

    def waitSignal(self, signal: Any, *, timeout: int = PATIENCE_MS, **more: Any) -> Any:
        return super().waitSignal(signal, timeout=timeout, **more)

    def waitSignals(self, signals: Any, *, timeout: int = PATIENCE_MS, **more: Any) -> Any:
        return super().waitSignals(signals, timeout=timeout, **more)


@pytest.fixture
def qtbot(qapp: QApplication, request: pytest.FixtureRequest) -> QtBot:
    return PatientBot(request)


@pytest.fixture(scope="session")
def themed(qapp: QApplication) -> QApplication:
    theme().install(Scheme.LIGHT)
    return qapp


@pytest.fixture(autouse=True)
def _own_home(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test reads or writes what is the user's."""
    monkeypatch.setenv("EDGEWRIGHT_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture
def services(themed: QApplication, tmp_path: Path) -> Iterator[Services]:
    """What pages may use, with nothing in it yet; jobs that still run are ended after the test."""
    errors, runner = ErrorReporter(), JobRunner()
    history, settings = History(tmp_path / "history.sqlite3"), SettingsStore(tmp_path / "settings.json")
    yield Services(theme(), errors, runner, WizardStore(), history, settings)
    assert runner.shutdown()
    errors.close()


@pytest.fixture(autouse=True)
def _light(themed: QApplication) -> Iterator[None]:
    yield
    theme().choose(Scheme.LIGHT)


@pytest.fixture(autouse=True)
def _nothing_left(themed: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails a test that leaves a running thread, an active timer or a top-level widget behind."""
    threads = _recorded_starts(monkeypatch, QThread)
    timers = _recorded_starts(monkeypatch, QTimer)
    widgets_before = set(QApplication.topLevelWidgets())
    yield
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    for timer in timers:
        if isValid(timer) and timer.parent() is QCoreApplication.instance():
            timer.timeout.emit()  # the redraw clock stops at the first tick without work
    assert not [thread for thread in threads if isValid(thread) and thread.isRunning()]
    assert not [timer for timer in timers if isValid(timer) and timer.isActive() and not _of_the_clock(timer)]
    assert not set(QApplication.topLevelWidgets()) - widgets_before


def _of_the_clock(timer: QTimer) -> bool:
    from gui.charts.redraw import RedrawClock

    return isinstance(timer.parent(), RedrawClock)


def _recorded_starts(monkeypatch: pytest.MonkeyPatch, kind: type) -> list[object]:
    started: list[object] = []
    start = kind.start  # type: ignore[attr-defined]

    def record(self: object, *arguments: object) -> None:
        started.append(self)
        start(self, *arguments)

    monkeypatch.setattr(kind, "start", record)
    return started


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The off-screen platform says so whenever a window has a minimum size; that is no fault of ours."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.qt_log_ignore("does not support propagateSizeHints"))
