"""A quiet pyqtgraph plot: no frame, faint grid, the theme's colours, a readout beside the pointer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPoint, QPointF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from gui.charts.redraw import redraw_clock
from gui.theme.fonts import sized
from gui.theme.hues import Hue
from gui.theme.theme import theme

AXIS_PX = 11
LEFT_WIDTH = 44
LONG = 100_000  # from here on an axis has no room for all digits
BELOW_PLOT = -1000  # grid lines go behind what is drawn
KEY_STEPS = 40  # arrow presses from one end of a chart to the other

Format = Callable[[float], str]


def short_number(value: float) -> str:
    """Thousands as k where all digits would not fit beside an axis."""
    return f"{value / 1000:,.6g}k" if abs(value) >= LONG else f"{value:,.6g}"


class QuietAxis(pg.AxisItem):  # type: ignore[misc]  # pyqtgraph has no types
    """Tick texts and grid lines, no line along the axis. ``text_of`` words the ticks."""

    def __init__(self, orientation: str, text_of: Format = short_number, levels: int = 1) -> None:
        super().__init__(orientation)
        self._text_of = text_of
        self.enableAutoSIPrefix(False)
        self.setStyle(tickLength=0, maxTickLevel=levels - 1, maxTextLevel=levels - 1, tickTextOffset=8)

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        return [self._text_of(value * scale) for value in values]

    def generateDrawSpecs(self, painter: Any) -> Any:
        specs = super().generateDrawSpecs(painter)
        if specs is None:
            return None
        (_, start, end), ticks, texts = specs
        return (pg.mkPen(None), start, end), ticks if self.grid else [], texts


class ChartReadout(QLabel):
    """The small note beside the pointer."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._area = parent
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def say(self, text: str, at: QPoint) -> None:
        """Beside ``at``, within the parent."""
        self.setText(text)
        self.adjustSize()
        room = self._area.rect()
        x = at.x() + 14 if at.x() + 14 + self.width() <= room.width() else at.x() - 14 - self.width()
        y = min(max(0, at.y() - self.height() // 2), room.height() - self.height())
        self.move(max(0, x), max(0, y))
        self.show()
        self.raise_()


class Chart(QWidget):
    """Base of all charts. Subclasses draw in ``redraw`` and answer ``csv_rows`` and ``readout_at``.

    ``touch`` asks for a redraw on the shared clock; data may come as fast as it likes.
    """

    def __init__(
        self,
        name: str,
        x_axis: QuietAxis | None = None,
        y_axis: QuietAxis | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.name = name
        self.x_axis = x_axis or QuietAxis("bottom")
        self.y_axis = y_axis or QuietAxis("left")
        self.view = pg.PlotWidget(
            self, axisItems={"bottom": self.x_axis, "left": self.y_axis}, enableMenu=False
        )
        self.plot = self.view.getPlotItem()
        self.readout = ChartReadout(self)
        self._cursor: float | None = None
        self._set_up()
        self.setAccessibleName(name)
        theme().changed.connect(self._recolor)
        self._recolor()

    def redraw(self) -> None:
        """Bring the plot up to date with the data."""

    def recolor(self) -> None:
        """Apply the theme to what ``redraw`` does not touch."""

    def csv_rows(self) -> list[list[object]]:
        """The data behind the chart, first row the headings."""
        raise NotImplementedError

    def legend(self) -> dict[str, Hue]:
        """Names and colours, for the page's legend and for exports."""
        return {}

    def readout_at(self, point: QPointF) -> str:
        """What to say about the place ``point`` in data coordinates; empty for nothing."""
        return ""

    def touch(self) -> None:
        redraw_clock().request(self)

    def sizeHint(self) -> QSize:
        return QSize(360, 230)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, 180)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.redraw()  # at once: an empty frame must not flash up
        self.touch()  # and again when the layout has settled

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.readout.hide()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and Right walk the readout through the chart."""
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if steps is None or event.modifiers():
            super().keyPressEvent(event)
            return
        (low, high), (bottom, top) = self.plot.vb.viewRange()
        here = self._cursor if self._cursor is not None else low
        self._cursor = min(max(here + steps * (high - low) / KEY_STEPS, low), high)
        self._say_at(QPointF(self._cursor, (bottom + top) / 2))

    def color(self, name: str, alpha: int = 255) -> QColor:
        color = theme().color(name)
        color.setAlpha(alpha)
        return color

    def small_font(self) -> QFont:
        return sized(self.font(), AXIS_PX)

    def to_pixels(self, x: float, y: float) -> QPointF:
        """Data coordinates to this widget's pixels."""
        scene = self.plot.vb.mapViewToScene(QPointF(x, y))
        return QPointF(self.view.mapFromScene(scene)) + QPointF(self.view.pos())

    def _set_up(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.view)
        self.view.setFrameShape(pg.QtWidgets.QFrame.Shape.NoFrame)
        self.view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.view.setAntialiasing(True)
        self.view.setAccessibleName(self.name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.plot.layout.setContentsMargins(0, 4, 16, 0)  # room for the last tick's text
        self.x_axis.setStyle(hideOverlappingLabels=False)
        self.plot.setMouseEnabled(False, False)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        # pyqtgraph gives its menu no parent: it would outlive the chart.
        self.plot.ctrlMenu.setParent(self.view, Qt.WindowType.Popup)
        self.plot.setClipToView(True)
        self.plot.setDownsampling(auto=True, mode="peak")
        for axis in (self.x_axis, self.y_axis):
            axis.setZValue(BELOW_PLOT)
        self.y_axis.setWidth(LEFT_WIDTH)
        self.view.scene().sigMouseMoved.connect(self._mouse_moved)

    def _recolor(self) -> None:
        self.view.setBackground(theme().color("surface"))
        for axis in (self.x_axis, self.y_axis):
            axis.setPen(pg.mkPen(theme().colors.line))
            axis.setTextPen(pg.mkPen(theme().colors.muted))
            axis.setTickFont(self.small_font())
        self.recolor()
        self.touch()

    def _mouse_moved(self, position: QPointF) -> None:
        if self.plot.vb.sceneBoundingRect().contains(position):
            self._say_at(self.plot.vb.mapSceneToView(position))
        else:
            self.readout.hide()

    def _say_at(self, point: QPointF) -> None:
        text = self.readout_at(point)
        if text:
            self.readout.say(text, self.to_pixels(point.x(), point.y()).toPoint())
        else:
            self.readout.hide()
