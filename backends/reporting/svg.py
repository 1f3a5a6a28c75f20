"""A small SVG writer: only what both browsers and Qt's SVG renderer draw the same way.

That is SVG Tiny with attributes in place of style sheets. All text is escaped here, in one place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

FONT = "Inter, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"
SIZE = 12
_Attributes = dict[str, str | float]
_WIDTH_OF_LETTER = 0.64  # of the font size: the widest of the usual fonts, so that no label is cut off


class Drawing:
    """Shapes in user units of one CSS pixel, y downwards."""

    def __init__(self, width: float, height: float, title: str) -> None:
        self.width = width
        self.height = height
        self.title = title
        self._parts: list[str] = []

    def line(
        self, x1: float, y1: float, x2: float, y2: float, color: str, width: float = 1, dash: str = ""
    ) -> None:
        shape: _Attributes = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
        shape |= {"stroke": color, "stroke-width": width}
        if dash:
            shape["stroke-dasharray"] = dash
        self._add("line", shape)

    def rect(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        color: str,
        opacity: float = 1,
        radius: float = 0,
        hint: str = "",
    ) -> None:
        place: _Attributes = {"x": x, "y": y, "width": max(0.0, width), "height": height, "rx": radius}
        self._add("rect", place | {"fill": color, "fill-opacity": opacity}, hint)

    def circle(
        self, x: float, y: float, radius: float, color: str, hollow: bool = False, hint: str = ""
    ) -> None:
        fill = "#FFFFFF" if hollow else color
        shape: _Attributes = {
            "cx": x,
            "cy": y,
            "r": radius,
            "fill": fill,
            "stroke": color,
            "stroke-width": 1.5,
        }
        self._add("circle", shape, hint)

    def text(
        self,
        x: float,
        y: float,
        content: str,
        color: str,
        anchor: str = "start",
        size: float = SIZE,
        bold: bool = False,
    ) -> None:
        """``y`` is the base line. ``anchor``: "start", "middle" or "end"."""
        attributes: _Attributes = {"x": x, "y": y, "fill": color, "font-family": FONT, "font-size": size}
        weight: _Attributes = {"font-weight": 600} if bold else {}
        opening = _attributes({**attributes, **weight, "text-anchor": anchor})
        self._parts.append(f"<text{opening}>{escape(content)}</text>")

    def markup(self) -> str:
        size = _attributes({"width": self.width, "height": self.height})
        box = f"0 0 {_number(self.width)} {_number(self.height)}"
        head = f'<svg xmlns="http://www.w3.org/2000/svg"{size} viewBox="{box}" role="img">'
        return "\n".join([head, f"<title>{escape(self.title)}</title>", *self._parts, "</svg>"])

    def _add(self, tag: str, attributes: _Attributes, hint: str = "") -> None:
        inside = f"<title>{escape(hint)}</title>" if hint else ""
        self._parts.append(f"<{tag}{_attributes(attributes)}>{inside}</{tag}>")


def shortened(content: str, room: float, size: float = SIZE) -> str:
    """As much of a label as there is room for."""
    letters = max(1, int(room / text_width("x", size)))
    return content if len(content) <= letters else content[: letters - 1] + "…"


def text_width(content: str, size: float = SIZE) -> float:
    return len(content) * size * _WIDTH_OF_LETTER


def ticks(low: float, high: float, wanted: int = 5) -> Sequence[float]:
    """Round numbers (1, 2 or 5 times a power of ten) within the range, about as many as wanted."""
    if not high > low:
        return (low,)
    rough = (high - low) / wanted
    power = 10.0 ** int(f"{rough:e}".rpartition("e")[2])
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(step * n for n in range(first, last + 1))


def _attributes(attributes: _Attributes) -> str:
    return "".join(f' {name}="{_value(value)}"' for name, value in attributes.items())


def _value(value: str | float) -> str:
    return escape(value) if isinstance(value, str) else _number(value)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
