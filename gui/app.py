"""The composition root: makes the parts, hands them to one another, and takes them down in reverse order."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from backends.domain.events import Failed
from backends.recommendation.ranking import Weights
from backends.storage.files import remove_leftovers
from backends.storage.history import History
from backends.storage.owners import announce
from backends.storage.paths import AppPaths, app_paths
from backends.storage.settings import Settings
from backends.workflow.wizard import WizardState
from gui.errors import ErrorReporter
from gui.jobs.runner import JobRunner
from gui.main_window import MainWindow
from gui.settings import SettingsStore
from gui.theme.theme import Scheme, Theme, theme
from gui.wizard.pages.attach import attach_pages
from gui.wizard.shell import Shell
from gui.wizard.store import WizardStore


@dataclass(frozen=True)
class Services:
    """What pages may use."""

    theme: Theme
    errors: ErrorReporter
    runner: JobRunner
    store: WizardStore
    history: History
    settings: SettingsStore


ShellFactory = Callable[[Services], Shell]


def make_application(argv: list[str]) -> QApplication:
    app = QApplication(argv)
    app.setApplicationName("edgewright")
    app.setApplicationDisplayName("Edgewright")
    app.setDesktopFileName("edgewright")
    return app


def make_services(cleanup: ExitStack, paths: AppPaths) -> Services:
    """All parts but the window; ``cleanup`` learns how to undo them."""
    errors = ErrorReporter()
    errors.install()
    cleanup.callback(errors.uninstall)
    cleanup.callback(errors.close)
    runner = JobRunner()
    cleanup.callback(runner.shutdown)
    settings = SettingsStore(paths.settings)
    store = WizardStore(WizardState(weights=weights_of(settings.value)))
    return Services(theme(), errors, runner, store, History(paths.history), settings)


def make_window(make_shell: ShellFactory, cleanup: ExitStack, scheme: Scheme | None = None) -> MainWindow:
    """Everything from theme to window; ``scheme`` overrules the user's setting."""
    paths = app_paths()
    services = make_services(cleanup, paths)
    services.theme.install(scheme or scheme_of(services.settings.value))
    shell = make_shell(services)
    shell.details_wanted.connect(services.errors.show_details)
    window = MainWindow(shell)
    remember_size(window, services.settings)
    services.errors.set_window(window)
    cleanup.callback(services.errors.set_window, None)
    tidy_up(services, paths)
    return window


def tidy_up(services: Services, paths: AppPaths) -> None:
    """What an earlier end of the program cut off: runs are marked, half-made artifacts removed."""

    def work(_job: object) -> None:
        announce(paths.running)
        if paths.history.exists():
            services.history.mark_interrupted()
        for folder in (paths.artifacts, paths.shapes):
            remove_leftovers(folder)

    def ended(terminal: object) -> None:
        if isinstance(terminal, Failed):
            services.errors.show_details(terminal.message, terminal.remedy, terminal.details)

    services.runner.start(work, ended)


def remember_size(window: MainWindow, settings: SettingsStore) -> None:
    value = settings.value
    window.resize_within_screen(value.window_width, value.window_height)

    def keep() -> None:
        size = window.normalGeometry().size()
        settings.change(window_width=size.width(), window_height=size.height())

    window.closed.connect(keep)


def scheme_of(settings: Settings) -> Scheme:
    with contextlib.suppress(ValueError):
        return Scheme(settings.theme)
    return Scheme.SYSTEM


def weights_of(settings: Settings) -> Weights:
    return Weights(settings.weight_speed, settings.weight_quality, settings.weight_memory)


def main(argv: list[str] | None = None, check_only: bool = False) -> int:
    """``check_only``: close as soon as the window has been on the screen for a second."""
    app = make_application(sys.argv if argv is None else argv)
    with ExitStack() as cleanup:
        window = make_window(attach_pages, cleanup)
        window.show()
        if check_only:
            QTimer.singleShot(1000, lambda: app.exit(0 if window.isVisible() else 1))
        return app.exec()
