"""A waterfall of factors on a logarithmic scale: what every stage did to the speed, and what was dropped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QSize, Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QWidget

from gui.charts.plot import AXIS_PX, Chart, QuietAxis, short_number
from gui.theme.hues import Hue
from gui.theme.theme import theme

THICKNESS = 0.5
ROW_PX = 44
BELOW_PX = 46  # the ticks' texts and the unit
CAP = 0.14  # of a row, the end of a whisker
ROOM = 0.05  # of the width, left and right of what is drawn
TICKS = (0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 32, 64)


@dataclass(frozen=True)
class Fall:
    """One stage. ``start``: × the original before it; ``factor`` with its interval: × ``start``.

    ``kept`` false: drawn hatched and grey, and the next one begins where this one began.
    """

    label: str
    start: float
    factor: float
    low: float
    high: float
    hue: Hue
    kept: bool = True
    text: str = ""
    note: str = ""  # read on hover


class WaterfallChart(Chart):
    def __init__(self, name: str, unit: str = "", parent: QWidget | None = None) -> None:
        """``unit`` stands below the axis: "× the original's decode speed, logarithmic"."""
        self._falls: tuple[Fall, ...] = ()
        self._texts: list[Any] = []
        super().__init__(name, QuietAxis("bottom", lambda x: f"{10**x:.3g}×"), parent=parent)
        self._kept, self._dropped = (pg.BarGraphItem(x0=[], width=[], y0=[], height=0) for _ in range(2))
        self._whiskers = pg.PlotDataItem(connect="pairs")
        self._links = pg.PlotDataItem(connect="pairs")
        self._original = pg.InfiniteLine(0.0, angle=90)
        for item in (self._original, self._links, self._kept, self._dropped, self._whiskers):
            self.plot.addItem(item, ignoreBounds=True)
        self.plot.showGrid(x=True, alpha=1.0)
        self.plot.vb.disableAutoRange()
        self.plot.vb.invertY(True)
        self._unit = unit
        self.recolor()

    @property
    def falls(self) -> tuple[Fall, ...]:
        return self._falls

    def set_falls(self, falls: Sequence[Fall]) -> None:
        self._falls = tuple(fall for fall in falls if min(fall.low, fall.factor, fall.start) > 0)
        self.updateGeometry()
        self.touch()

    def sizeHint(self) -> QSize:
        return QSize(480, self._wanted_height())

    def minimumSizeHint(self) -> QSize:
        return QSize(280, self._wanted_height())

    def redraw(self) -> None:
        metrics = QFontMetrics(self.small_font())
        names = [metrics.horizontalAdvance(fall.label) for fall in self._falls]
        self.y_axis.setWidth(max(names, default=0) + 16)
        self.y_axis.setTicks([[(row, fall.label) for row, fall in enumerate(self._falls)]])
        self._draw_bars()
        self._draw_lines()
        self._draw_texts()
        low, high = self._reach()
        widest = max((metrics.horizontalAdvance(fall.text) for fall in self._falls), default=0) + 20
        width = max(float(self.plot.vb.width()), widest + 1.0)
        self.plot.setXRange(low, low + (high - low) * width / (width - widest), padding=0)
        self.plot.setYRange(-0.5, max(len(self._falls), 1) - 0.5, padding=0)
        self.x_axis.setTicks([[(math.log10(t), f"{t:g}×") for t in self._ticks(low, high)]])

    def recolor(self) -> None:
        if not hasattr(self, "_original"):
            return
        colors = theme().colors
        self.x_axis.setLabel(self._unit, **{"font-size": f"{AXIS_PX}px", "color": colors.muted})
        self.x_axis.setHeight(BELOW_PX)
        dashed = pg.mkPen(colors.muted, width=1, style=Qt.PenStyle.DashLine)
        self._original.setPen(dashed)
        self._links.setPen(pg.mkPen(colors.muted, width=1, style=Qt.PenStyle.DotLine))
        self._whiskers.setPen(pg.mkPen(colors.text, width=1.4))

    def csv_rows(self) -> list[list[object]]:
        head: list[object] = ["stage", "start", "factor", "low", "high", "kept"]
        return [head, *([f.label, f.start, f.factor, f.low, f.high, f.kept] for f in self._falls)]

    def readout_at(self, point: QPointF) -> str:
        row = round(point.y())
        if not 0 <= row < len(self._falls):
            return ""
        fall = self._falls[row]
        factor = f"{short_number(round(fall.factor, 3))}× ({fall.low:.3g}–{fall.high:.3g})"
        return "\n".join(filter(None, [fall.label, factor, fall.note]))

    def _wanted_height(self) -> int:
        return ROW_PX * max(len(self._falls), 3) + BELOW_PX

    def _reach(self) -> tuple[float, float]:
        """In powers of ten, with the original always on it."""
        ends = [1.0]
        for fall in self._falls:
            ends += [fall.start, fall.start * fall.low, fall.start * fall.high]
        low, high = math.log10(min(ends)), math.log10(max(ends))
        room = max(0.04, (high - low) * ROOM)
        return low - room, high + room

    def _ticks(self, low: float, high: float) -> list[float]:
        """Only as many as the width has room for; the original is always among them."""
        inside = [tick for tick in TICKS if low <= math.log10(tick) <= high]
        most = max(2, int(self.plot.vb.width() // 64))
        step = math.ceil(len(inside) / most) if inside else 1
        return sorted({*inside[::step], 1.0})

    def _draw_bars(self) -> None:
        rows = list(enumerate(self._falls))
        kept, dropped = [row for row in rows if row[1].kept], [row for row in rows if not row[1].kept]
        brushes = [pg.mkBrush(theme().hue(fall.hue)) for _, fall in kept]
        self._place(self._kept, kept, brushes, pg.mkPen(None))
        hatched = pg.mkBrush(theme().color("muted"))
        hatched.setStyle(Qt.BrushStyle.BDiagPattern)
        dashed = pg.mkPen(theme().colors.muted, width=1, style=Qt.PenStyle.DashLine)
        self._place(self._dropped, dropped, [hatched for _ in dropped], dashed)

    def _place(self, item: Any, rows: Sequence[tuple[int, Fall]], brushes: Sequence[Any], pen: Any) -> None:
        """An item without bars is hidden: pyqtgraph paints none with a pointer to nothing."""
        item.setVisible(bool(rows))
        starts = [math.log10(fall.start) for _, fall in rows]
        widths = [math.log10(fall.factor) for _, fall in rows]
        tops = [row - THICKNESS / 2 for row, _ in rows]
        item.setOpts(x0=starts, width=widths, y0=tops, height=THICKNESS, brushes=list(brushes), pen=pen)

    def _draw_lines(self) -> None:
        """Whiskers with caps; a dotted line from where a stage ends to where the next begins."""
        x: list[float] = []
        y: list[float] = []
        for row, fall in enumerate(self._falls):
            low, high = (math.log10(fall.start * end) for end in (fall.low, fall.high))
            if low == high:
                continue
            x += [low, high, low, low, high, high]
            y += [row, row, row - CAP, row + CAP, row - CAP, row + CAP]
        self._whiskers.setData(x, y)
        starts = [math.log10(fall.start) for fall in self._falls[1:]]
        self._links.setData(
            [at for start in starts for at in (start, start)],
            [y for row in range(len(starts)) for y in (row + THICKNESS / 2, row + 1 - THICKNESS / 2)],
        )

    def _draw_texts(self) -> None:
        while len(self._texts) < len(self._falls):
            item = pg.TextItem(anchor=(0, 0.5))
            item.setFont(self.small_font())
            self.plot.addItem(item, ignoreBounds=True)
            self._texts.append(item)
        for item in self._texts[len(self._falls) :]:
            item.setText("")
        for row, (item, fall) in enumerate(zip(self._texts, self._falls, strict=False)):
            furthest = fall.start * max(1.0, fall.factor, fall.high)
            item.setText(fall.text, color=theme().color("text" if fall.kept else "muted"))
            item.setPos(math.log10(furthest), row)
