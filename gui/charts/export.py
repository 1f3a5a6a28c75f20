"""A chart as a file: PNG at twice the screen's resolution with title and legend, or CSV with its data."""

from __future__ import annotations

import csv
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QPoint, QPointF, QSize
from PySide6.QtGui import QFont, QImage, QPainter
from PySide6.QtWidgets import QWidget

from backends.domain.errors import BadInput
from gui.charts.plot import Chart
from gui.theme.fonts import BODY_PX, NOTE_PX, sized
from gui.theme.hues import Hue
from gui.theme.theme import theme
from gui.widgets.paint import DOT, draw_dot

SCALE = 2
MARGIN = 20
TITLE_HEIGHT = 28
LEGEND_HEIGHT = 24


def save_png(chart: Chart, path: Path) -> None:
    """Raises :class:`BadInput` where ``path`` cannot be written."""
    chart.redraw()
    saved = chart_image(chart).save(str(path), "PNG")  # type: ignore[call-overload]  # stubs want bytes
    if not saved:
        raise _cannot_write(path)


def save_csv(chart: Chart, path: Path) -> None:
    """Raises :class:`BadInput` where ``path`` cannot be written."""
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(chart.csv_rows())
    except OSError as error:
        raise _cannot_write(path) from error


def chart_image(chart: Chart) -> QImage:
    legend = chart.legend()
    head = TITLE_HEIGHT + (LEGEND_HEIGHT if legend else 0)
    size = chart.size() + QSize(2 * MARGIN, 2 * MARGIN + head)
    image = QImage(size * SCALE, QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(SCALE)
    image.fill(theme().color("surface"))
    painter = QPainter(image)
    painter.setFont(sized(chart.font(), BODY_PX, QFont.Weight.DemiBold))
    painter.setPen(theme().color("text"))
    painter.drawText(QPoint(MARGIN, MARGIN + painter.fontMetrics().ascent()), chart.name)
    _draw_legend(painter, legend, MARGIN + TITLE_HEIGHT)
    chart.render(painter, QPoint(MARGIN, MARGIN + head), renderFlags=QWidget.RenderFlag.DrawChildren)
    painter.end()
    return image


def _draw_legend(painter: QPainter, legend: dict[str, Hue], y: int) -> None:
    painter.setFont(sized(painter.font(), NOTE_PX))
    x = MARGIN
    for name, hue in legend.items():
        draw_dot(painter, QPointF(x, y + 3), theme().hue(hue))
        painter.drawText(QPoint(x + DOT + 6, y + 12), name)
        x += DOT + 22 + painter.fontMetrics().horizontalAdvance(name)


def _cannot_write(path: Path) -> BadInput:
    translate = QCoreApplication.translate
    return BadInput(
        translate("Charts", "{0} cannot be written.").format(path),
        translate("Charts", "Choose another folder, or free some space."),
    )
