"""A figure that matters: a large value with its unit, and its interval below."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.theme.fonts import BODY_PX, FIGURE_PX, NOTE_PX, sized
from gui.theme.theme import theme

UNIT_GAP = 6
BELOW = 6


class Figure(QWidget):
    """``value`` and ``unit`` share a line while they fit; the tooltip says where the value comes from."""

    def __init__(self, value: str = "", unit: str = "", interval: str = "", tip: str = "") -> None:
        super().__init__()
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.set(value, unit, interval, tip)

    def set(self, value: str, unit: str = "", interval: str = "", tip: str = "") -> None:
        self._value, self._unit, self._interval = value, unit, interval
        self.setToolTip(tip)
        self.setAccessibleName(" ".join(filter(None, (value, unit, interval))))
        self.updateGeometry()
        self.update()

    @property
    def text(self) -> str:
        return self.accessibleName()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        value, unit, note = self._metrics()
        height = value.height()
        if self._unit and not self._unit_fits(width):
            height += unit.height()
        return height + BELOW + (note.height() if self._interval else 0)

    def sizeHint(self) -> QSize:
        value, unit, _ = self._metrics()
        width = value.horizontalAdvance(self._value) + UNIT_GAP + unit.horizontalAdvance(self._unit)
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        return QSize(96, self._metrics()[0].height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        value_font, unit_font, note_font = self._fonts()
        value, unit, note = self._metrics()
        baseline = value.ascent()
        shown = self._fitting(value_font)
        painter.setFont(shown)
        painter.setPen(theme().color("text"))
        painter.drawText(0, baseline, _elided(QFontMetrics(shown), self._value, self.width()))
        painter.setPen(theme().color("muted"))
        painter.setFont(unit_font)
        x = value.horizontalAdvance(self._value) + UNIT_GAP
        if not self._unit_fits(self.width()):
            x, baseline = 0, baseline + value.descent() + unit.ascent()
        painter.drawText(x, baseline, _elided(unit, self._unit, self.width() - x))
        painter.setFont(note_font)
        painter.drawText(
            0,
            self.heightForWidth(self.width()) - BELOW - note.descent(),
            _elided(note, self._interval, self.width()),
        )

    def _fitting(self, font: QFont) -> QFont:
        """Smaller where the value, such as a long name, would be cut off, and never below the text around."""
        wanted = QFontMetrics(font).horizontalAdvance(self._value)
        if wanted <= self.width():
            return font
        pixels = max(BODY_PX, FIGURE_PX * self.width() // wanted)
        return sized(self.font(), pixels, QFont.Weight.Bold)

    def _unit_fits(self, width: int) -> bool:
        value, unit, _ = self._metrics()
        wanted = value.horizontalAdvance(self._value) + UNIT_GAP + unit.horizontalAdvance(self._unit)
        return not self._value or wanted <= width

    def _fonts(self) -> tuple[QFont, QFont, QFont]:
        return (
            sized(self.font(), FIGURE_PX, QFont.Weight.Bold),
            sized(self.font(), BODY_PX, QFont.Weight.Medium),
            sized(self.font(), NOTE_PX),
        )

    def _metrics(self) -> tuple[QFontMetrics, QFontMetrics, QFontMetrics]:
        value, unit, note = (QFontMetrics(font) for font in self._fonts())
        return value, unit, note


def _elided(metrics: QFontMetrics, text: str, width: int) -> str:
    return metrics.elidedText(text, Qt.TextElideMode.ElideRight, width)
