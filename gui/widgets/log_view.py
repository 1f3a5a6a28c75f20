"""What a job says, line by line, with an end to its memory."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from gui.theme.fonts import fixed_font

MAX_LINES = 2_000


class LogView(QPlainTextEdit):
    """Read-only and selectable; follows the end while the end is in sight."""

    def __init__(self, max_lines: int = MAX_LINES, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setMaximumBlockCount(max_lines)
        self.setUndoRedoEnabled(False)
        self.setTabChangesFocus(True)
        self.setFont(fixed_font())
        self.setAccessibleName(self.tr("Log"))

    def append_lines(self, lines: Iterable[str]) -> None:
        """One call for a batch: the view is laid out once."""
        text = "\n".join(lines)
        if text:
            self.appendPlainText(text)

    def sizeHint(self) -> QSize:
        return QSize(320, 160)
