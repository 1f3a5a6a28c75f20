"""The window: frame and navigation only."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QByteArray, QSize, Signal
from PySide6.QtGui import QCloseEvent, QGuiApplication
from PySide6.QtWidgets import QMainWindow

from gui.wizard.shell import Shell

MINIMUM = QSize(1024, 700)
USUAL = QSize(1280, 800)


class MainWindow(QMainWindow):
    """``may_close`` is asked before closing; ``closed`` is emitted once it did."""

    closed = Signal()

    def __init__(self, shell: Shell, may_close: Callable[[], bool] = lambda: True) -> None:
        super().__init__()
        self.shell = shell
        self._may_close = may_close
        self.setWindowTitle("Edgewright")
        self.setCentralWidget(shell)
        shell.current_changed.connect(self._retitle)
        self._fit_to_screen()

    def resize_within_screen(self, width: int, height: int) -> None:
        """The size of last time, no larger than the screen is now."""
        screen = QGuiApplication.primaryScreen()
        wanted = QSize(width, height).expandedTo(self.minimumSize())
        self.resize(wanted.boundedTo(screen.availableSize()) if screen else wanted)

    def restore(self, geometry: bytes) -> None:
        """Back to where the window was; what no longer fits the screens is ignored by Qt."""
        if geometry:
            self.restoreGeometry(QByteArray(geometry))

    def geometry_bytes(self) -> bytes:
        return bytes(self.saveGeometry().data())

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self._may_close():
            event.ignore()
            return
        super().closeEvent(event)
        self.closed.emit()

    def _fit_to_screen(self) -> None:
        screen = QGuiApplication.primaryScreen()
        room = screen.availableSize() if screen else USUAL
        self.setMinimumSize(MINIMUM.boundedTo(room))
        self.resize(USUAL.boundedTo(room))

    def _retitle(self, _key: str) -> None:
        page = self.shell.current_page
        self.setWindowTitle(f"{page.title} – Edgewright" if page else "Edgewright")
