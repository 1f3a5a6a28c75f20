"""State in words: chips, and the dot that stands for a framework."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from gui.theme.hues import Hue
from gui.theme.theme import theme
from gui.theme.tone import Tone
from gui.widgets.flow import Flow
from gui.widgets.paint import DOT, chip_size, draw_chip, draw_dot
from gui.widgets.text import Role, label


class Chip(QLabel):
    """A pill with one or two words."""

    def __init__(self, text: str = "", tone: Tone = Tone.NEUTRAL, tip: str = "") -> None:
        super().__init__(text)
        self._tone = tone
        self.setToolTip(tip)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)

    @property
    def tone(self) -> Tone:
        return self._tone

    def set_state(self, text: str, tone: Tone, tip: str = "") -> None:
        self._tone = tone
        self.setText(text)
        self.setToolTip(tip)
        self.update()

    def sizeHint(self) -> QSize:
        return chip_size(self.text(), self.font())

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint().boundedTo(QSize(48, 22))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        draw_chip(painter, self.rect(), self.text(), self._tone)


class FrameworkDot(QWidget):
    """The small square in a framework's colour. Never alone: a name stands beside it."""

    def __init__(self, hue: Hue, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._hue = hue
        self.setFixedSize(DOT, DOT)

    def set_hue(self, hue: Hue) -> None:
        self._hue = hue
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        draw_dot(painter, QPointF(0, 0), theme().hue(self._hue))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.update()


class DotLabel(QWidget):
    """A dot and its name."""

    def __init__(self, name: str, hue: Hue, role: Role = Role.BODY, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self.dot = FrameworkDot(hue)
        self.name = label(name, role)
        row.addWidget(self.dot)
        row.addWidget(self.name, 1)


class Legend(QWidget):
    """One legend per page: what each colour stands for. Wraps when it has to."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._flow = Flow(self, gap=16)

    def set_entries(self, entries: dict[str, Hue]) -> None:
        self._flow.clear()
        for name, hue in entries.items():
            self._flow.addWidget(DotLabel(name, hue))
