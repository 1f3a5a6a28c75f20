"""Thin bars: progress of work, and shares."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.theme.theme import theme
from gui.widgets.paint import BAR_HEIGHT, draw_bar


class ThinBar(QWidget):
    """``fraction`` from 0 to 1; ``None`` (not known) shows an empty track: nothing moves without news."""

    def __init__(self, fraction: float | None = 0.0, *, color: str = "accent", tip: str = "") -> None:
        super().__init__()
        self._fraction = fraction
        self._color = color
        self.setToolTip(tip)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._describe()

    @property
    def fraction(self) -> float | None:
        return self._fraction

    def set_fraction(self, fraction: float | None) -> None:
        if fraction != self._fraction:
            self._fraction = fraction
            self._describe()
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(120, BAR_HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        draw_bar(painter, QRectF(self.rect()), self._fraction or 0.0, theme().color(self._color))

    def _describe(self) -> None:
        unknown = self._fraction is None
        self.setAccessibleName(self.tr("progress") if unknown else f"{self._fraction:.0%}")
