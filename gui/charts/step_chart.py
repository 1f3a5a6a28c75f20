"""A rate over the steps of what is swept, with its interval and the step that is recommended."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QWidget

from gui.charts.line_chart import LineChart
from gui.theme.theme import theme


class StepChart(LineChart):
    """``axis``: what is swept, in words. ``best`` ``None``: no step is recommended."""

    def __init__(
        self, name: str, unit: str, axis: str, best: int | None = None, parent: QWidget | None = None
    ) -> None:
        self._axis, self._best = axis, best
        super().__init__(name, unit, x_unit="", from_zero=True, parent=parent)
        self._best_line = pg.InfiniteLine(best or 0, angle=90)
        self._best_line.setVisible(best is not None)
        self.plot.addItem(self._best_line, ignoreBounds=True)
        self.recolor()

    def recolor(self) -> None:
        super().recolor()
        if hasattr(self, "_best_line"):
            self._best_line.setPen(pg.mkPen(theme().colors.text, width=1.5, style=Qt.PenStyle.DashLine))

    def csv_rows(self) -> list[list[object]]:
        return [["series", self._axis, self._unit, "low", "high", "flag"], *super().csv_rows()[1:]]

    def x_text(self, x: float) -> str:
        text = f"{x:,.6g} {self._axis}"
        if self._best is None or round(x) != self._best:
            return text
        says: str = QCoreApplication.translate("Charts", "{0}, recommended")
        return says.format(text)
