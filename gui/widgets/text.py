"""Labels in the few styles there are, and texts that carry a quieter note."""

from __future__ import annotations

from enum import StrEnum
from html import escape

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from gui.theme.theme import theme

LINE_HEIGHT = 118  # percent of the face's own


class Role(StrEnum):
    """The ``role`` property the style sheet looks at."""

    BODY = ""
    TITLE = "title"
    SUBTITLE = "subtitle"
    HEADING = "heading"
    STRONG = "strong"
    MUTED = "muted"
    NOTE = "note"
    BAD = "bad"
    BRAND = "brand"


def label(text: str = "", role: Role = Role.BODY, *, wrap: bool = False, tip: str = "") -> QLabel:
    """Plain text: what comes from files or the system is never read as markup."""
    made = Paragraph(text) if wrap else QLabel(text)
    if not wrap:
        made.setTextFormat(Qt.TextFormat.PlainText)
    made.setProperty("role", role.value)
    made.setToolTip(tip)
    return made


class Paragraph(QLabel):
    """Plain text that wraps, with air between its lines; ``text`` gives back the plain text."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setText(text)

    def setText(self, text: str) -> None:
        self._plain = text
        super().setText(_airy(escape(text).replace("\n", "<br>")) if text else "")
        self.setAccessibleName(text)

    def text(self) -> str:
        return self._plain


class NotedLabel(QLabel):
    """A wrapping value, followed on the same line by a smaller, muted note; a note alone is not smaller."""

    def __init__(self, value: str = "", note: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
        self._value, self._note = value, note
        self._write()

    def set_text(self, value: str, note: str = "") -> None:
        self._value, self._note = value, note
        self._write()

    def plain_text(self) -> str:
        return f"{self._value} {self._note}".strip()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self._note:
            self._write()

    def _write(self) -> None:
        note = f'<font color="{theme().colors.muted}">{escape(self._note)}</font>' if self._note else ""
        if self._value and note:
            note = f" <small>{note}</small>"
        self.setText(_airy(escape(self._value) + note))
        self.setAccessibleName(self.plain_text())


class ElidedLabel(QLabel):
    """One line that ends in … when there is no room; the whole text is then in the tooltip."""

    def __init__(self, text: str = "", role: Role = Role.BODY, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("role", role.value)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._explain()

    def setText(self, text: str) -> None:
        super().setText(text)
        self._explain()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.drawText(self.contentsRect(), self.alignment(), self._elided())

    def _elided(self) -> str:
        return self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())

    def _explain(self) -> None:
        self.setToolTip(self.text() if self._elided() != self.text() else "")


def _airy(markup: str) -> str:
    """QLabel sets lines tighter than the design; only rich text can say otherwise."""
    return f'<p style="line-height:{LINE_HEIGHT}%">{markup}</p>'
