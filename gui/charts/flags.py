"""Doubted moments on a time axis: a few are dotted lines, many a strip along the axis with their counts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QCoreApplication, Qt

from gui.theme.fonts import sized
from gui.theme.theme import theme

CROWD_PX = 28  # marks closer than this stand together: a busy machine must not rule the chart over
REACH_PX = 8  # of the pointer
MOST_LINES = 8  # more marks than this and none of them is a line any more
MOST_KINDS = 4  # of reasons in one note
SPAN_ALPHA = 70
SPAN_SHARE = 0.07  # of the plot's height, along the time axis
LABEL_PX = 10
BEHIND = -20


@dataclass(frozen=True)
class FlagMark:
    """``who`` says which reading is doubted: "llama.cpp Q4_K_M, pair 3"."""

    x: float
    reasons: tuple[str, ...]
    who: str = ""

    @property
    def reason(self) -> str:
        head = f"{self.who}: " if self.who else ""
        return "\n".join([head + self.reasons[0], *self.reasons[1:]])


@dataclass(frozen=True)
class FlagSpan:
    """One mark, or several that stand together."""

    marks: tuple[FlagMark, ...]

    @property
    def start(self) -> float:
        return self.marks[0].x

    @property
    def end(self) -> float:
        return self.marks[-1].x

    @property
    def text(self) -> str:
        if len(self.marks) == 1:
            return self.marks[0].reason
        head = QCoreApplication.translate("Charts", "{0} readings were disturbed:")
        return "\n".join([head.format(len(self.marks)), *kinds_of(self.marks)])


def kinds_of(marks: Sequence[FlagMark]) -> list[str]:
    """Reasons that differ in their figures only are one kind: the newest of each, and how often it came."""
    newest = {_kind(reason): reason for mark in marks for reason in mark.reasons}
    counts = Counter(_kind(reason) for mark in marks for reason in mark.reasons)
    lines = [f"{counts[kind]}× {newest[kind]}" for kind, _ in counts.most_common(MOST_KINDS)]
    more = len(counts) - MOST_KINDS
    if more > 0:
        lines.append(QCoreApplication.translate("Charts", "and {0} other reasons").format(more))
    return lines


def crowded(marks: Sequence[FlagMark], reach: float) -> list[FlagSpan]:
    """``marks`` in spans, those within ``reach`` (in the axis' unit) of their neighbour together."""
    groups: list[list[FlagMark]] = []
    for mark in sorted(marks, key=lambda mark: mark.x):
        if groups and mark.x - groups[-1][-1].x <= reach:
            groups[-1].append(mark)
        else:
            groups.append([mark])
    return [FlagSpan(tuple(group)) for group in groups]


class FlagLayer:
    """Draws the marks of one plot; ``redraw`` groups them anew, for the axis grows under them."""

    def __init__(self, plot: Any) -> None:
        self._plot = plot
        self.marks: list[FlagMark] = []
        self.spans: list[FlagSpan] = []
        self._lines: list[Any] = []
        self._regions: list[tuple[Any, Any]] = []
        plot.vb.sigYRangeChanged.connect(lambda *_: self._place_labels())

    def add(self, mark: FlagMark) -> None:
        self.marks.append(mark)

    def clear(self) -> None:
        self.marks = []
        self.redraw()

    def redraw(self) -> None:
        unit = self._unit_per_pixel()
        self.spans = crowded(self.marks, CROWD_PX * unit)
        lines = [span for span in self.spans if len(span.marks) == 1 and len(self.marks) <= MOST_LINES]
        self._draw_lines(lines)
        self._draw_regions([span for span in self.spans if span not in lines], unit)

    def recolor(self) -> None:
        for line in self._lines:
            line.setPen(_line_pen())
        for region, label in self._regions:
            region.setBrush(_span_brush())
            label.setColor(theme().color("warn"))

    def text_at(self, x: float) -> str:
        """What the span at ``x`` says; empty where there is none."""
        reach = REACH_PX * self._unit_per_pixel()
        near = [span for span in self.spans if span.start - reach <= x <= span.end + reach]
        return "\n".join(span.text for span in near)

    def _draw_lines(self, spans: Sequence[FlagSpan]) -> None:
        while len(self._lines) < len(spans):
            line = pg.InfiniteLine(angle=90, pen=_line_pen())
            self._plot.addItem(line, ignoreBounds=True)
            self._lines.append(line)
        for number, line in enumerate(self._lines):
            line.setVisible(number < len(spans))
            if number < len(spans):
                line.setPos(spans[number].start)

    def _draw_regions(self, spans: Sequence[FlagSpan], unit: float) -> None:
        while len(self._regions) < len(spans):
            self._regions.append(self._make_region())
        for number, (region, label) in enumerate(self._regions):
            shown = number < len(spans)
            region.setVisible(shown)
            label.setVisible(shown)
            if shown:
                span = spans[number]
                region.setRegion((span.start - 4 * unit, span.end + 4 * unit))
                count = f"{len(span.marks)}×" if len(span.marks) > 1 else ""
                label.setText(count, color=theme().color("warn"))
                label.setPos((span.start + span.end) / 2, label.pos().y())
        self._place_labels()

    def _make_region(self) -> tuple[Any, Any]:
        none = pg.mkPen(None)
        region = pg.LinearRegionItem(movable=False, pen=none, brush=_span_brush(), span=(0.0, SPAN_SHARE))
        region.setZValue(BEHIND)
        label = pg.TextItem(anchor=(0.5, 1))
        label.setFont(sized(label.textItem.font(), LABEL_PX))
        label.textItem.document().setDocumentMargin(1)
        for item in (region, label):
            self._plot.addItem(item, ignoreBounds=True)
        return region, label

    def _place_labels(self) -> None:
        bottom = self._plot.vb.viewRange()[1][0]
        for _, label in self._regions:
            label.setPos(label.pos().x(), bottom)

    def _unit_per_pixel(self) -> float:
        left, right = self._plot.vb.viewRange()[0]
        return float(right - left) / max(1.0, float(self._plot.vb.width()))


def _kind(reason: str) -> str:
    """Without figures, and without the name of the program that happened to be the busiest."""
    return re.sub(r"\d+([.,]\d+)?", "#", reason.partition("; the busiest")[0])


def _line_pen() -> Any:
    return pg.mkPen(theme().colors.warn, width=1.5, style=Qt.PenStyle.DotLine)


def _span_brush() -> Any:
    color = theme().color("warn")
    color.setAlpha(SPAN_ALPHA)
    return pg.mkBrush(color)
