"""Sentences that stand on a page: what is missing, what went wrong, and what to do."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from gui.theme.tone import Tone
from gui.widgets.remedies import in_window
from gui.widgets.text import Role, label


class EmptyState(QWidget):
    """Says in words what is missing and what to do; a button where something can be done at once."""

    activated = Signal()

    def __init__(self, title: str, text: str = "", action: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 40, 16, 40)
        column.setSpacing(8)
        self.title, self.text = label(title, Role.STRONG, wrap=True), label(text, Role.MUTED, wrap=True)
        for line in (self.title, self.text):
            line.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            column.addWidget(line)
        self.button = QPushButton(action)
        self.button.clicked.connect(self.activated)
        self.button.setVisible(bool(action))
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)

    def set_text(self, title: str, text: str = "", action: str = "") -> None:
        self.title.setText(title)
        self.text.setText(text)
        self.button.setText(action)
        self.button.setVisible(bool(action))


class _Banner(QFrame):
    details_wanted = Signal()

    def __init__(self, button: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 12, 12, 12)
        row.setSpacing(12)
        words = QVBoxLayout()
        words.setSpacing(2)
        self.sentence = label("", Role.STRONG, wrap=True)
        self.remedy = label("", Role.BODY, wrap=True)
        words.addWidget(self.sentence)
        words.addWidget(self.remedy)
        self.button = QPushButton(button)
        self.button.clicked.connect(self.details_wanted)
        row.addLayout(words, 1)
        row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)
        self.hide()

    def _say(self, sentence: str, remedy: str, *, button: bool) -> None:
        sentence, remedy = in_window(sentence), in_window(remedy)
        self.sentence.setText(sentence)
        self.remedy.setText(remedy)
        self.remedy.setVisible(bool(remedy))
        self.button.setVisible(button)
        self.setAccessibleName(f"{sentence} {remedy}".strip())
        self.show()


class ErrorBanner(_Banner):
    """A sentence, a remedy, and the way to the details."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.button.setText(self.tr("Details"))
        self.details = ""

    def show_error(self, sentence: str, remedy: str = "", details: str = "") -> None:
        self.details = details
        self._say(sentence, remedy, button=bool(details))

    def clear(self) -> None:
        self.details = ""
        self.hide()


class NoticeBanner(_Banner):
    """Something to know or decide that is no error: an interrupted run, a battery in use, a saved file."""

    activated = Signal()

    def __init__(self, tone: Tone = Tone.WARN, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.setProperty("tone", tone.value)
        self.button.clicked.connect(self.activated)

    def show_notice(self, sentence: str, remedy: str = "", action: str = "") -> None:
        self.button.setText(action)
        self._say(sentence, remedy, button=bool(action))
