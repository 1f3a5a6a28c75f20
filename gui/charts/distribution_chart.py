"""How values are distributed: for every configuration the share that is no larger than x.

An empirical distribution function rather than a histogram: it needs no bins, several lie over one another
and stay readable, and a percentile is a point on the line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication, QPointF
from PySide6.QtWidgets import QWidget

from backends.benchmarking.statistics import Percentiles
from gui.charts.plot import Chart, QuietAxis, short_number
from gui.theme.hues import Hue
from gui.theme.theme import theme

STEPS = 201  # points of a line, evenly over the shares
REACH = 0.995  # the axis ends where so many values of the slowest lie; one outlier must not squeeze the rest
TICKS = (0, 25, 50, 75, 95)
MARK_PX = 7
LINE_WIDTH = 2


@dataclass
class _Curve:
    hue: Hue
    item: Any
    marks: Any
    values: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))  # sorted
    percentiles: Percentiles | None = None

    def points(self) -> list[tuple[str, float, float]]:
        """Name, value and share in percent of each percentile that is known."""
        if self.percentiles is None:
            return []
        known = zip(
            ("p50", "p95", "p99"),
            (self.percentiles.p50, self.percentiles.p95, self.percentiles.p99),
            (50.0, 95.0, 99.0),
            strict=True,
        )
        return [(name, value, share) for name, value, share in known if value is not None]


class DistributionChart(Chart):
    """``set_series`` once, then ``set_values`` whenever there are more. Dots: p50, p95, p99 where known."""

    def __init__(self, name: str, unit: str = "", parent: QWidget | None = None) -> None:
        self._unit = unit
        self._curves: dict[str, _Curve] = {}
        super().__init__(
            name,
            QuietAxis("bottom", lambda x: f"{short_number(round(x, 6))} {unit}".strip()),
            QuietAxis("left", lambda y: f"{y:g} %"),
            parent,
        )
        self.plot.vb.disableAutoRange()
        self.y_axis.setTicks([[(tick, f"{tick} %") for tick in TICKS]])
        self.plot.showGrid(y=True, alpha=1.0)

    @property
    def beyond(self) -> int:
        """How many values lie beyond the end of the axis."""
        end = self._end()
        return sum(int((curve.values > end).sum()) for curve in self._curves.values())

    def set_series(self, series: Mapping[str, Hue]) -> None:
        for curve in self._curves.values():
            for item in (curve.item, curve.marks):
                self.plot.removeItem(item)
        self._curves = {label: self._make(hue) for label, hue in series.items()}
        self.recolor()
        self.touch()

    def set_values(self, label: str, values: NDArray[np.float64], percentiles: Percentiles | None) -> None:
        """All values so far, in any order."""
        curve = self._curves[label]
        curve.values, curve.percentiles = np.sort(values), percentiles
        self.touch()

    def count(self, label: str) -> int:
        return len(self._curves[label].values)

    def redraw(self) -> None:
        shares = np.linspace(0.0, 1.0, STEPS)
        for curve in self._curves.values():
            if not curve.values.size:
                continue
            curve.item.setData(np.quantile(curve.values, shares), 100 * shares)
            curve.marks.setData([{"pos": (value, share)} for _, value, share in curve.points()])
        filled = [curve.values for curve in self._curves.values() if curve.values.size]
        if filled:
            start = min(float(values[0]) for values in filled)
            self.plot.setXRange(start, max(self._end(), start * 1.01), padding=0.03)
            self.plot.setYRange(0, 100, padding=0.03)

    def recolor(self) -> None:
        for curve in self._curves.values():
            color = theme().hue(curve.hue)
            curve.item.setPen(pg.mkPen(color, width=LINE_WIDTH))
            curve.marks.setBrush(pg.mkBrush(theme().color("surface")))
            curve.marks.setPen(pg.mkPen(color, width=LINE_WIDTH))

    def csv_rows(self) -> list[list[object]]:
        rows: list[list[object]] = [["series", self._unit or "value"]]
        for label, curve in self._curves.items():
            rows += [[label, float(value)] for value in curve.values]
        return rows

    def legend(self) -> dict[str, Hue]:
        return {label: curve.hue for label, curve in self._curves.items()}

    def readout_at(self, point: QPointF) -> str:
        """The share of each up to here, and its percentiles."""
        filled = {label: curve for label, curve in self._curves.items() if curve.values.size}
        if not filled:
            return ""
        head = QCoreApplication.translate("Charts", "up to {0} {1}")
        lines = [head.format(f"{point.x():.4g}", self._unit).strip()]
        for label, curve in filled.items():
            share = np.searchsorted(curve.values, point.x(), side="right") / curve.values.size
            parts = [f"{name} {value:.4g}" for name, value, _ in curve.points()]
            lines.append(f"{label}  {share:.0%} · " + " · ".join(parts))
        return "\n".join(lines)

    def _make(self, hue: Hue) -> _Curve:
        item, marks = pg.PlotCurveItem(antialias=True), pg.ScatterPlotItem(size=MARK_PX, pxMode=True)
        item.setSegmentedLineMode("on")  # ten times faster for wide pens
        for part in (item, marks):
            self.plot.addItem(part, ignoreBounds=True)
        return _Curve(hue, item, marks)

    def _end(self) -> float:
        ends = [float(np.quantile(c.values, REACH)) for c in self._curves.values() if c.values.size]
        return max(ends, default=1.0)
