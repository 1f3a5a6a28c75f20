"""What the charts share: scales, grids, and the chart itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from backends.domain.metric import Interval
from backends.reporting.colors import palette
from backends.reporting.svg import Drawing, ticks

WIDTH = 720.0


@dataclass(frozen=True)
class Chart:
    """``key`` names the chart within its report; ``note`` is read below it."""

    key: str
    title: str
    svg: str
    width: float
    height: float
    note: str = ""


@dataclass(frozen=True)
class Scale:
    """From figures ``low`` to ``high`` onto ``start`` to ``end`` of the drawing."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        extent = (self.high - self.low) or 1.0
        return self.start + (value - self.low) / extent * (self.end - self.start)


def is_drawable(value: Interval) -> bool:
    """A figure that went wrong (NaN logits) stands in the tables; there is no place for it in a chart."""
    return all(map(isfinite, (value.low, value.estimate, value.high)))


def around(values: Sequence[Interval], margin: float) -> tuple[float, float]:
    low, high = min(v.low for v in values), max(v.high for v in values)
    room = (high - low or abs(high) or 1.0) * margin
    return max(0.0, low - room), high + room


def finished(key: str, title: str, drawing: Drawing, note: str) -> Chart:
    return Chart(key, title, drawing.markup(), drawing.width, drawing.height, note)


def vertical_grid(drawing: Drawing, scale: Scale, top: float, bottom: float, unit: str = "") -> None:
    for tick in ticks(scale.low, scale.high):
        drawing.line(scale.at(tick), top, scale.at(tick), bottom, palette()["line"])
        drawing.text(
            scale.at(tick), bottom + 17, f"{_short(tick)}{unit}", palette()["muted"], "middle", size=11
        )


def horizontal_grid(
    drawing: Drawing, scale: Scale, left: float, right: float, unit: str, factor: float = 1
) -> None:
    for tick in ticks(scale.low * factor, scale.high * factor):
        y = scale.at(tick / factor)
        drawing.line(left, y, right, y, palette()["line"])
        drawing.text(left - 8, y + 4, f"{_short(tick)}{unit}", palette()["muted"], "end", size=11)


def _short(value: float) -> str:
    return f"{value:,.10g}"
