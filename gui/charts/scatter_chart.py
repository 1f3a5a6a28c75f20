"""Speed against quality: a point per configuration, its size the memory, and where all gates are met."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QWidget

from gui.charts.labels import Anchor, Box, place
from gui.charts.plot import Chart, Format, QuietAxis, short_number
from gui.theme.hues import Hue
from gui.theme.theme import theme

SMALLEST_PX = 14.0
LARGEST_PX = 32.0
MARGIN = 0.12


@dataclass(frozen=True)
class ScatterPoint:
    """``size`` in any unit, shown relative to the largest; ``best`` puts it on the dashed line."""

    label: str
    x: float
    y: float
    size: float
    hue: Hue
    best: bool = False
    chosen: bool = False
    note: str = ""  # read on hover: intervals, memory


@dataclass(frozen=True)
class GateRegion:
    """Everything right of and above the thresholds."""

    x: float
    y: float
    label: str


class ScatterChart(Chart):
    def __init__(
        self,
        name: str,
        x_title: str,
        y_title: str,
        *,
        x_text: Format = short_number,
        y_text: Format = short_number,
        parent: QWidget | None = None,
    ) -> None:
        self._x_title, self._y_title = x_title, y_title
        self._points: tuple[ScatterPoint, ...] = ()
        self._region: GateRegion | None = None
        self._label_items: list[Any] = []
        super().__init__(name, QuietAxis("bottom", x_text), QuietAxis("left", y_text), parent)
        self._ground = pg.BarGraphItem(x0=[], x1=[], y0=[], y1=[])
        self._line = pg.PlotDataItem(antialias=True)
        self._discs = pg.ScatterPlotItem(pxMode=True)
        for item in (self._ground, self._line):
            self.plot.addItem(item, ignoreBounds=True)
        self.plot.addItem(self._discs, ignoreBounds=True)
        self._region_label = self._text_item("")
        self.plot.showGrid(x=True, y=True, alpha=1.0)
        self.plot.vb.disableAutoRange()
        self.plot.setLabel("bottom", x_title)
        self.recolor()

    def set_points(self, points: Sequence[ScatterPoint], region: GateRegion | None = None) -> None:
        self._points, self._region = tuple(points), region
        self.touch()

    @property
    def points(self) -> tuple[ScatterPoint, ...]:
        return self._points

    def redraw(self) -> None:
        self._set_range()
        self._draw_region()
        best = sorted((point for point in self._points if point.best), key=lambda point: point.x)
        self._line.setData([point.x for point in best], [point.y for point in best])
        self._discs.setData([self._spot(point) for point in self._points])
        self._draw_labels()

    def recolor(self) -> None:
        if not hasattr(self, "_region_label"):
            return
        self._line.setPen(pg.mkPen(theme().colors.accent, width=1.5, style=Qt.PenStyle.DashLine))
        self._ground.setOpts(brush=pg.mkBrush(theme().colors.okbg), pen=pg.mkPen(None))
        self._region_label.setColor(theme().color("ok"))
        self.plot.setLabel("bottom", self._x_title, color=theme().colors.muted, **{"font-size": "11px"})

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.touch()

    def csv_rows(self) -> list[list[object]]:
        head: list[object] = ["configuration", self._x_title, self._y_title, "memory", "pareto", "chosen"]
        return [head, *([p.label, p.x, p.y, p.size, p.best, p.chosen] for p in self._points)]

    def legend(self) -> dict[str, Hue]:
        return {point.label: point.hue for point in self._points}

    def readout_at(self, point: QPointF) -> str:
        here = self.to_pixels(point.x(), point.y())
        for candidate in self._points:
            away = self.to_pixels(candidate.x, candidate.y) - here
            if float(away.manhattanLength()) <= self._diameter(candidate) / 2 + 4:
                return f"{candidate.label}\n{candidate.note}".strip()
        return ""

    def _diameter(self, point: ScatterPoint) -> float:
        """The disc's area grows with the memory."""
        largest = max((p.size for p in self._points), default=0.0) or 1.0
        share: float = max(point.size, 0.0) / largest
        return max(SMALLEST_PX, LARGEST_PX * math.sqrt(share))

    def _spot(self, point: ScatterPoint) -> dict[str, object]:
        color = theme().hue(point.hue)
        edge = pg.mkPen(theme().colors.accent, width=3) if point.chosen else pg.mkPen(None)
        return {
            "pos": (point.x, point.y),
            "size": self._diameter(point),
            "brush": pg.mkBrush(color),
            "pen": edge,
            "data": point.label,
        }

    def _set_range(self) -> None:
        xs = [point.x for point in self._points]
        ys = [point.y for point in self._points]
        if self._region is not None:
            xs.append(self._region.x)
            ys.append(self._region.y)
        if xs:
            self.plot.vb.setRange(QRectF(*_padded(xs, ys)), padding=0)

    def _draw_region(self) -> None:
        region = self._region
        if region is None:
            self._ground.setOpts(x0=[], x1=[], y0=[], y1=[])
            self._region_label.setText("")
            return
        (_, right), (_, top) = self.plot.vb.viewRange()
        self._ground.setOpts(x0=[region.x], x1=[right], y0=[region.y], y1=[top])
        self._region_label.setText(region.label)
        self._region_label.setAnchor((-0.1, 1.4))
        self._region_label.setPos(region.x, region.y)

    def _draw_labels(self) -> None:
        metrics = QFontMetrics(self.small_font())
        while len(self._label_items) < len(self._points):
            self._label_items.append(self._text_item(""))
        anchors = [self._anchor(point, metrics) for point in self._points]
        view = self.plot.vb.sceneBoundingRect()
        boxes = place(
            anchors,
            Box(view.x(), view.y(), view.width(), view.height()),
            [*self._line_boxes(), *self._grid_boxes()],
        )
        for item in self._label_items[len(boxes) :]:
            item.setText("")
        for item, point, box in zip(self._label_items, self._points, boxes, strict=False):
            item.setText(point.label, color=theme().color("muted"))
            item.setPos(self.plot.vb.mapSceneToView(QPointF(box.x, box.y)))

    def _line_boxes(self) -> list[Box]:
        """The dashed line as a row of small boxes that no label should cover."""
        best = sorted((point for point in self._points if point.best), key=lambda point: point.x)
        ends = [self.plot.vb.mapViewToScene(QPointF(point.x, point.y)) for point in best]
        return [
            Box(
                start.x() + (end.x() - start.x()) * step / 40 - 2,
                start.y() + (end.y() - start.y()) * step / 40 - 2,
                4,
                4,
            )
            for start, end in pairwise(ends)
            for step in range(41)
        ]

    def _grid_boxes(self) -> list[Box]:
        """Grid lines, which strike a label through when it lies on one."""
        view = self.plot.vb.sceneBoundingRect()
        (left, right), (bottom, top) = self.plot.vb.viewRange()
        ys = self.y_axis.tickValues(bottom, top, view.height())[:1]
        xs = self.x_axis.tickValues(left, right, view.width())[:1]
        rows = [self.plot.vb.mapViewToScene(QPointF(left, y)).y() for _, ticks in ys for y in ticks]
        columns = [self.plot.vb.mapViewToScene(QPointF(x, bottom)).x() for _, ticks in xs for x in ticks]
        return [
            *(Box(view.x(), y - 1, view.width(), 2) for y in rows),
            *(Box(x - 1, view.y(), 2, view.height()) for x in columns),
        ]

    def _anchor(self, point: ScatterPoint, metrics: QFontMetrics) -> Anchor:
        scene = self.plot.vb.mapViewToScene(QPointF(point.x, point.y))
        width = metrics.horizontalAdvance(point.label) + 1
        return Anchor(scene.x(), scene.y(), self._diameter(point) / 2, width, metrics.height())

    def _text_item(self, text: str) -> Any:
        item = pg.TextItem(text, anchor=(0, 0))
        item.setFont(self.small_font())
        item.textItem.document().setDocumentMargin(0)
        self.plot.addItem(item, ignoreBounds=True)
        return item


def _padded(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float, float, float]:
    """x, y, width, height around all points, with room for their discs and names."""
    width = (max(xs) - min(xs)) or abs(xs[0]) or 1.0
    height = (max(ys) - min(ys)) or abs(ys[0]) * 0.1 or 1.0
    return (
        min(xs) - MARGIN * width,
        min(ys) - 1.5 * MARGIN * height,
        width * (1 + 3 * MARGIN),
        height * (1 + 3 * MARGIN),
    )
