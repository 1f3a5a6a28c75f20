"""Horizontal bars with a solid and a pale part: memory by configuration. And a histogram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QSize
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QWidget

from gui.charts.plot import Chart, Format, QuietAxis, short_number
from gui.theme.hues import Hue
from gui.theme.theme import theme

THICKNESS = 0.58
ROW_PX = 38
PALE_ALPHA = 120


@dataclass(frozen=True)
class Bar:
    """``solid`` and ``pale`` follow one another; ``text`` stands at the end (the total, if left out)."""

    label: str
    solid: float
    hue: Hue
    pale: float = 0.0
    text: str = ""
    note: str = ""  # read on hover

    @property
    def total(self) -> float:
        return self.solid + self.pale


class BarChart(Chart):
    def __init__(
        self,
        name: str,
        unit: str = "",
        *,
        parts: tuple[str, str] = ("solid", "pale"),
        parent: QWidget | None = None,
    ) -> None:
        self._bars: tuple[Bar, ...] = ()
        self._texts: list[Any] = []
        self._unit, self._parts = unit, parts
        super().__init__(name, parent=parent)
        self._items = [pg.BarGraphItem(x0=[], y0=[], height=0, width=[]) for _ in range(2)]
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
        return [head, *([bar.label, bar.solid, bar.pale] for bar in self._bars)]

    def readout_at(self, point: QPointF) -> str:
        row = round(point.y())
        if not 0 <= row < len(self._bars):
            return ""
        bar = self._bars[row]
        parts = zip(self._parts, (bar.solid, bar.pale), strict=True)
        lines = [f"{part}  {short_number(round(value, 1))} {self._unit}" for part, value in parts if value]
        return "\n".join(filter(None, [bar.label, *lines, bar.note]))

    def _wanted_height(self) -> int:
        return ROW_PX * max(len(self._bars), 1) + 8

    def _draw_parts(self) -> None:
        rows = np.arange(len(self._bars)) - THICKNESS / 2
        starts = ([0.0] * len(self._bars), [bar.solid for bar in self._bars])
        widths = ([bar.solid for bar in self._bars], [bar.pale for bar in self._bars])
        for item, start, width, alpha in zip(self._items, starts, widths, (255, PALE_ALPHA), strict=True):
            brushes = [self._brush(bar.hue, alpha) for bar in self._bars]
            none = pg.mkPen(None)
            item.setOpts(x0=start, width=width, y0=rows, height=THICKNESS, brushes=brushes, pen=none)

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


class Histogram(Chart):
    """How often each value came; the dashed line is the median."""

    def __init__(
        self, name: str, unit: str = "", *, x_text: Format = short_number, parent: QWidget | None = None
    ) -> None:
        self._unit = unit
        self._values = np.empty(0)
        self._hue = Hue()
        super().__init__(name, QuietAxis("bottom", x_text), QuietAxis("left"), parent)
        self._item = pg.BarGraphItem(x0=[], x1=[], height=[])
        self._median = pg.InfiniteLine(angle=90)
        self.plot.addItem(self._item)
        self.plot.addItem(self._median, ignoreBounds=True)
        self.plot.showGrid(y=True, alpha=1.0)
        self.recolor()

    def set_values(self, values: Sequence[float], hue: Hue) -> None:
        self._values, self._hue = np.asarray(values, dtype=float), hue
        self.touch()

    def redraw(self) -> None:
        self._median.setVisible(bool(self._values.size))
        if not self._values.size:
            self._item.setOpts(x0=[], x1=[], height=[])
            return
        counts, edges = self._bins()
        brush, pen = pg.mkBrush(theme().hue(self._hue)), pg.mkPen(theme().colors.surface)
        self._item.setOpts(x0=edges[:-1], x1=edges[1:], height=counts, brush=brush, pen=pen)
        self._median.setPos(float(np.median(self._values)))

    def recolor(self) -> None:
        if hasattr(self, "_median"):
            self._median.setPen(
                pg.mkPen(theme().colors.text, width=1.5, style=pg.QtCore.Qt.PenStyle.DashLine)
            )

    def csv_rows(self) -> list[list[object]]:
        rows: list[list[object]] = [[self._unit or "value"]]
        return rows + [[float(value)] for value in self._values]

    def readout_at(self, point: QPointF) -> str:
        if not self._values.size:
            return ""
        counts, edges = self._bins()
        bin_ = int(np.searchsorted(edges, point.x(), side="right")) - 1
        if not 0 <= bin_ < len(counts):
            return ""
        return f"{edges[bin_]:.4g}–{edges[bin_ + 1]:.4g} {self._unit}\n{counts[bin_]}"

    def _bins(self) -> tuple[Any, Any]:
        return np.histogram(self._values, bins=min(40, max(8, int(len(self._values) ** 0.5))))


def _text(bar: Bar) -> str:
    return bar.text or short_number(round(bar.total))
