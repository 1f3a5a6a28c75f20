"""Horizontal bars of parts that follow one another, from solid to pale: memory by configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QSize
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QWidget

from gui.charts.plot import Chart, short_number
from gui.theme.hues import Hue
from gui.theme.theme import theme

THICKNESS = 0.58
ROW_PX = 38
ALPHAS = (255, 130, 75, 40)  # of the parts, the first one solid


@dataclass(frozen=True)
class Bar:
    """``parts`` follow one another; ``text`` stands at the end (the total, if left out)."""

    label: str
    parts: tuple[float, ...]
    hue: Hue
    text: str = ""
    note: str = ""  # read on hover

    @property
    def total(self) -> float:
        return sum(self.parts)


class BarChart(Chart):
    def __init__(
        self,
        name: str,
        unit: str = "",
        *,
        parts: tuple[str, ...] = ("value",),
        parent: QWidget | None = None,
    ) -> None:
        self._bars: tuple[Bar, ...] = ()
        self._texts: list[Any] = []
        self._unit, self._parts = unit, parts
        super().__init__(name, parent=parent)
        self._items = [pg.BarGraphItem(x0=[], y0=[], height=0, width=[]) for _ in parts]
        for item in self._items:
            self.plot.addItem(item, ignoreBounds=True)
        self.plot.hideAxis("bottom")
        self.plot.vb.disableAutoRange()
        self.plot.vb.invertY(True)

    @property
    def bars(self) -> tuple[Bar, ...]:
        return self._bars

    def set_bars(self, bars: Sequence[Bar]) -> None:
        self._bars = tuple(bars)
        self.updateGeometry()
        self.touch()

    def sizeHint(self) -> QSize:
        return QSize(320, self._wanted_height())

    def minimumSizeHint(self) -> QSize:
        return QSize(200, self._wanted_height())

    def redraw(self) -> None:
        metrics = QFontMetrics(self.small_font())
        names = [metrics.horizontalAdvance(bar.label) for bar in self._bars]
        self.y_axis.setWidth(max(names, default=0) + 16)
        self.y_axis.setTicks([[(row, bar.label) for row, bar in enumerate(self._bars)]])
        self._draw_parts()
        self._draw_texts()
        longest = max((bar.total for bar in self._bars), default=1.0) or 1.0
        self.plot.setXRange(0, longest * self._room_for_texts(metrics), padding=0)
        self.plot.setYRange(-0.5, max(len(self._bars), 1) - 0.5, padding=0)

    def csv_rows(self) -> list[list[object]]:
        head: list[object] = ["configuration", *(f"{part}_{self._unit}".rstrip("_") for part in self._parts)]
        return [head, *([bar.label, *bar.parts] for bar in self._bars)]

    def readout_at(self, point: QPointF) -> str:
        row = round(point.y())
        if not 0 <= row < len(self._bars):
            return ""
        bar = self._bars[row]
        parts = zip(self._parts, bar.parts, strict=False)
        lines = [f"{part}  {short_number(round(value, 1))} {self._unit}" for part, value in parts if value]
        return "\n".join(filter(None, [bar.label, *lines, bar.note]))

    def _wanted_height(self) -> int:
        return ROW_PX * max(len(self._bars), 1) + 8

    def _draw_parts(self) -> None:
        rows = np.arange(len(self._bars)) - THICKNESS / 2
        starts = np.zeros(len(self._bars))
        for number, (item, alpha) in enumerate(zip(self._items, ALPHAS, strict=False)):
            widths = np.array([bar.parts[number] if number < len(bar.parts) else 0.0 for bar in self._bars])
            brushes = [self._brush(bar.hue, alpha) for bar in self._bars]
            none = pg.mkPen(None)
            item.setOpts(x0=starts, width=widths, y0=rows, height=THICKNESS, brushes=brushes, pen=none)
            starts = starts + widths

    def _draw_texts(self) -> None:
        while len(self._texts) < len(self._bars):
            item = pg.TextItem(anchor=(0, 0.5))
            item.setFont(self.small_font())
            self.plot.addItem(item, ignoreBounds=True)
            self._texts.append(item)
        for item in self._texts[len(self._bars) :]:
            item.setText("")
        for row, (item, bar) in enumerate(zip(self._texts, self._bars, strict=False)):
            item.setText(_text(bar), color=theme().color("muted"))
            item.setPos(bar.total, row)

    def _room_for_texts(self, metrics: QFontMetrics) -> float:
        """Bars leave the width of the widest text free at the right."""
        widest = max((metrics.horizontalAdvance(_text(bar)) for bar in self._bars), default=0) + 16
        width = max(float(self.plot.vb.width()), widest + 1.0)
        return width / (width - widest)

    def _brush(self, hue: Hue, alpha: int) -> Any:
        color = theme().hue(hue)
        color.setAlpha(alpha)
        return pg.mkBrush(color)


def _text(bar: Bar) -> str:
    return bar.text or short_number(round(bar.total))
