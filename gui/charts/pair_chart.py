"""Ratios pair by pair, with their running interval, the line they have to reach, and the looks."""

from __future__ import annotations

from collections.abc import Sequence

import pyqtgraph as pg
from PySide6.QtCore import QCoreApplication, QPointF, Qt
from PySide6.QtWidgets import QWidget

from gui.charts.line_chart import LineChart
from gui.theme.theme import theme

HALF_A_PAIR = 0.5
ABOVE_POINTS = 20
THIN = 0.7  # the label's ground: points behind it stay in sight
NEAR = 0.35  # of a pair: where the pointer is at a look


class PairChart(LineChart):
    """Over the number of the pair instead of time. Claims are made at the looks only.

    A pair that was repeated has more than one point, all at its number.
    """

    def __init__(
        self, name: str, gate: float, looks: Sequence[int] = (), parent: QWidget | None = None
    ) -> None:
        self._gate, self._looks = gate, tuple(looks)
        super().__init__(name, "×", x_unit="", parent=parent)
        self._gate_line = pg.InfiniteLine(gate, angle=0)
        self._gate_label = pg.TextItem(anchor=(0, 1))
        self._gate_label.setZValue(ABOVE_POINTS)
        self._look_lines = [pg.InfiniteLine(look, angle=90) for look in looks]
        self.plot.addItem(self._gate_line)  # counts for the range: the line must be in sight
        for item in (self._gate_label, *self._look_lines):
            self.plot.addItem(item, ignoreBounds=True)
        self._gate_label.setFont(self.small_font())
        self.plot.vb.sigXRangeChanged.connect(lambda *_: self._place_label())
        self.recolor()

    def recolor(self) -> None:
        super().recolor()
        if not hasattr(self, "_gate_label"):
            return
        self._gate_line.setPen(pg.mkPen(theme().colors.text, width=1.5, style=Qt.PenStyle.DashLine))
        for line in self._look_lines:
            line.setPen(pg.mkPen(theme().colors.line, width=1.5))
        text = QCoreApplication.translate("Charts", "gate, {0}×").format(f"{self._gate:g}")
        self._gate_label.setText(text, color=theme().color("text"))
        ground = theme().color("surface")
        ground.setAlphaF(THIN)
        self._gate_label.fill = pg.mkBrush(ground)
        self._place_label()

    def csv_rows(self) -> list[list[object]]:
        return [["series", "pair", "ratio", "low", "high", "flag"], *super().csv_rows()[1:]]

    def readout_at(self, point: QPointF) -> str:
        text = super().readout_at(point)
        if not text:
            return ""
        looked = next((look for look in self._looks if abs(point.x() - look) < NEAR), None)
        if looked is None:
            return text
        says = QCoreApplication.translate("Charts", "look after {0} pairs: a claim may be made here")
        return f"{text}\n{says.format(looked)}"

    def is_near(self, x: float, pointer: float) -> bool:
        """Candidates have different numbers of pairs: what has none here is not told."""
        return abs(x - pointer) <= HALF_A_PAIR

    def flags_near(self, pointer: float) -> float:
        return float(round(pointer))

    def x_text(self, x: float) -> str:
        says: str = QCoreApplication.translate("Charts", "pair {0}").format(round(x))
        return says

    def _place_label(self) -> None:
        self._gate_label.setPos(self.plot.vb.viewRange()[0][0], self._gate)
