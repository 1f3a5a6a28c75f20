"""The stages as charts: what each did to the speed, the size and the memory."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from backends.domain.result import Stage
from gui.charts.bar_chart import BarChart
from gui.charts.waterfall_chart import WaterfallChart
from gui.widgets.flow import GAP, CardGrid
from gui.wizard.pages import optimization_work as work
from gui.wizard.pages.saving import ChartCard


class StageCharts(QWidget):
    """Shown from the first decided stage on."""

    failed = Signal(object)  # what went wrong while a chart was saved

    def __init__(self) -> None:
        super().__init__()
        self.waterfall = WaterfallChart(
            self.tr("What each stage did to the speed"),
            self.tr("× the original's speed; logarithmic, so equal lengths are equal factors"),
        )
        self.sizes = BarChart(self.tr("Size on disk"), "MiB")
        self.memory = BarChart(self.tr("Peak memory"), "MiB")
        self._lay_out()
        self.hide()

    def draw(self, stages: Sequence[Stage]) -> None:
        self.waterfall.set_falls(work.falls(stages))
        self.sizes.set_bars(work.size_bars(stages))
        self.memory.set_bars(work.memory_bars(stages))
        self.setVisible(bool(stages))

    def _lay_out(self) -> None:
        note = self.tr(
            "Solid: kept. Hatched: dropped, and the next stage went on from before it. Lines: the interval."
        )
        wide = ChartCard(self.waterfall, note=note)
        small = CardGrid(min_width=280, weights=(1, 1))
        beside = (ChartCard(self.sizes), ChartCard(self.memory))
        for card in (wide, *beside):
            card.failed.connect(self.failed)
        for card in beside:
            small.addWidget(card)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        column.addWidget(wide)
        column.addLayout(small)
