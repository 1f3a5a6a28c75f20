"""Lines over time, one per configuration, with interval bands and dashed flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QWidget

from gui.charts.buffers import SeriesBuffer
from gui.charts.flags import FlagLayer, FlagMark
from gui.charts.plot import Chart, Format, QuietAxis, short_number
from gui.theme.hues import Hue
from gui.theme.theme import theme

LINE_WIDTH = 2
BAND_ALPHA = 40
DENSITY = 0.5  # peaks kept for every pixel
ROOM = 0.08  # above and below the lines, for the strip of flags


@dataclass
class _Band:
    x: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    sight: tuple[float, float] | None = None  # what lies beyond is not drawn
    drawn: bool = False

    def draw(self, edges: tuple[Any, Any]) -> None:
        self.drawn = True
        x = np.asarray(self.x, dtype=float)
        for edge, values in zip(edges, (self.low, self.high), strict=True):
            drawn = np.asarray(values, dtype=float)
            edge.setData(x, drawn if self.sight is None else np.clip(drawn, *self.sight))

    def by_place(self) -> dict[float, tuple[float, float]]:
        """Ends by x; the last one where there are several."""
        return dict(zip(map(float, self.x), zip(self.low, self.high, strict=True), strict=True))


@dataclass
class _Line:
    hue: Hue
    curve: Any
    edges: tuple[Any, Any]
    fill: Any
    data: SeriesBuffer = field(default_factory=SeriesBuffer)
    band: _Band | None = None


class LineChart(Chart):
    """``set_series`` once, then ``append`` as samples arrive."""

    def __init__(
        self,
        name: str,
        unit: str = "",
        *,
        x_unit: str = "s",
        y_text: Format = short_number,
        from_zero: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        self._unit, self._x_unit, self._y_text = unit, x_unit, y_text
        super().__init__(
            name, QuietAxis("bottom", lambda x: f"{x:,.6g} {x_unit}"), QuietAxis("left", y_text), parent
        )
        self._lines: dict[str, _Line] = {}
        self._flag_layer = FlagLayer(self.plot)
        self._from_zero = from_zero
        self.plot.showGrid(y=True, alpha=1.0)
        self.plot.vb.setDefaultPadding(ROOM)

    @property
    def series(self) -> tuple[str, ...]:
        return tuple(self._lines)

    @property
    def flags(self) -> tuple[FlagMark, ...]:
        return tuple(self._flag_layer.marks)

    def set_series(self, series: Mapping[str, Hue]) -> None:
        """Start anew with these lines, drawn in this order."""
        for line in self._lines.values():
            banded = (*line.edges, line.fill) if line.band else ()
            for item in (line.curve, *banded):
                self.plot.removeItem(item)
        self.clear_flags()
        self._lines = {label: self._make_line(hue) for label, hue in series.items()}
        self.touch()

    def append(self, label: str, x: float, y: float) -> None:
        self._lines[label].data.append(x, y)
        self.touch()

    def set_points(self, label: str, points: Sequence[tuple[float, float]]) -> None:
        """All of a line anew; ``x`` in rising order."""
        data = self._lines[label].data
        data.clear()
        for x, y in points:
            data.append(x, y)
        self.touch()

    def data(self, label: str) -> SeriesBuffer:
        return self._lines[label].data

    def set_band(
        self,
        label: str,
        x: Sequence[float],
        low: Sequence[float],
        high: Sequence[float],
        sight: tuple[float, float] | None = None,
    ) -> None:
        """The interval around a line, as a pale band; drawn no further than ``sight``."""
        line = self._lines[label]
        if line.band is None:
            for item in line.edges:
                self.plot.addItem(item)
            self.plot.addItem(line.fill, ignoreBounds=True)  # its edges count; an empty one lies at zero
        line.band = _Band(x, low, high, sight)
        self.touch()

    def add_flag(self, x: float, *reasons: str, who: str = "") -> None:
        """A mark whose ``reasons`` are read on hover; where marks crowd they become one span."""
        self._flag_layer.add(FlagMark(x, reasons, who))
        self.touch()

    def clear_flags(self) -> None:
        self._flag_layer.clear()

    def clear(self) -> None:
        self.set_series({label: line.hue for label, line in self._lines.items()})

    def redraw(self) -> None:
        for line in self._lines.values():
            line.curve.setData(line.data.x, line.data.y)
            if line.band is not None and not line.band.drawn:
                line.band.draw(line.edges)
        self._set_range()
        self._flag_layer.redraw()

    def recolor(self) -> None:
        for line in getattr(self, "_lines", {}).values():
            self._paint(line)
        if hasattr(self, "_flag_layer"):
            self._flag_layer.recolor()

    def csv_rows(self) -> list[list[object]]:
        """A row a point, with the interval that was drawn there; then a row a flag, with its reasons."""
        rows: list[list[object]] = [
            ["series", f"time_{self._x_unit}", self._unit or "value", "low", "high", "flag"]
        ]
        for label, line in self._lines.items():
            ends = line.band.by_place() if line.band else {}
            for x, y in zip(line.data.x, line.data.y, strict=True):
                rows.append([label, float(x), float(y), *ends.get(float(x), ("", "")), ""])
        rows += [[mark.who, mark.x, "", "", "", "; ".join(mark.reasons)] for mark in self.flags]
        return rows

    def legend(self) -> dict[str, Hue]:
        return {label: line.hue for label, line in self._lines.items()}

    def readout_at(self, point: QPointF) -> str:
        doubts = self._flag_layer.text_at(self.flags_near(point.x()))
        lines = []
        time = None
        for label, line in self._lines.items():
            nearest = line.data.nearest(point.x())
            if nearest is not None and self.is_near(nearest[0], point.x()):
                time = nearest[0] if time is None else time
                values = " · ".join(self._y_text(round(y, 3)) for y in line.data.at(nearest[0]))
                lines.append(f"{label}  {values} {self._unit}".rstrip())
        head = [] if time is None else [self.x_text(time)]
        return "\n".join(filter(None, [*head, *lines, doubts]))

    def is_near(self, x: float, pointer: float) -> bool:
        """Whether the readout at ``pointer`` tells a point at ``x``, the nearest of its line."""
        return True

    def flags_near(self, pointer: float) -> float:
        """Where the flags are looked for that the readout at ``pointer`` tells."""
        return pointer

    def x_text(self, x: float) -> str:
        """How the readout names a place on the axis."""
        return f"{x:.1f} {self._x_unit}"

    def _set_range(self) -> None:
        """All of the time axis; the values follow by themselves."""
        filled = [line.data.x for line in self._lines.values() if len(line.data)]
        if filled:
            last = max(float(x[-1]) for x in filled)
            self.plot.setXRange(min(float(x[0]) for x in filled), last or 1.0, padding=0.01)
        if self._from_zero:
            self.plot.vb.setLimits(yMin=0)

    def _make_line(self, hue: Hue) -> _Line:
        edges = (pg.PlotCurveItem(pen=pg.mkPen(None)), pg.PlotCurveItem(pen=pg.mkPen(None)))
        line = _Line(
            hue,
            pg.PlotDataItem(antialias=True, autoDownsampleFactor=DENSITY),
            edges,
            pg.FillBetweenItem(*edges),
        )
        line.fill.setZValue(-10)
        line.curve.curve.setSegmentedLineMode("on")  # ten times faster for wide pens
        self.plot.addItem(line.curve)
        self._paint(line)
        return line

    def _paint(self, line: _Line) -> None:
        color = theme().hue(line.hue)
        pen = pg.mkPen(color, width=LINE_WIDTH)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        line.curve.setPen(pen)
        color.setAlpha(BAND_ALPHA)
        line.fill.setBrush(pg.mkBrush(color))
