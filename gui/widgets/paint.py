"""Small shapes that widgets and table cells draw alike: chips, dots, bars, checks."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPainterPath, QPen, QTextLayout

from gui.theme.fonts import NOTE_PX, sized
from gui.theme.theme import theme
from gui.theme.tone import CHIP_COLORS, Tone

CHIP_HEIGHT = 22
CHIP_PADDING = 9
DOT = 10
BAR_HEIGHT = 6


def wrap_lines(text: str, font: QFont, width: int) -> list[str]:
    """``text`` broken at words to lines of at most ``width`` pixels; no lines for no text."""
    if QFontMetrics(font).horizontalAdvance(text) <= width:
        return [text] if text else []
    layout = QTextLayout(text, font)
    layout.beginLayout()
    lines = []
    while (line := layout.createLine()).isValid():
        line.setLineWidth(width)
        lines.append(text[line.textStart() : line.textStart() + line.textLength()].strip())
    layout.endLayout()
    return lines


def chip_font(base: QFont) -> QFont:
    return sized(base, NOTE_PX, QFont.Weight.DemiBold)


def chip_size(text: str, base: QFont) -> QSize:
    width = QFontMetrics(chip_font(base)).horizontalAdvance(text)
    return QSize(width + 2 * CHIP_PADDING, CHIP_HEIGHT)


def draw_chip(painter: QPainter, rect: QRect, text: str, tone: Tone) -> None:
    """A pill as high as a chip, centred in the height of ``rect``, elided to its width."""
    foreground, background = (theme().color(name) for name in CHIP_COLORS[tone])
    font = chip_font(painter.font())
    size = chip_size(text, painter.font()).boundedTo(QSize(rect.width(), CHIP_HEIGHT))
    pill = QRectF(rect.x(), rect.y() + (rect.height() - CHIP_HEIGHT) / 2, size.width(), CHIP_HEIGHT)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(background)
    painter.drawRoundedRect(pill, CHIP_HEIGHT / 2, CHIP_HEIGHT / 2)
    painter.setPen(foreground)
    painter.setFont(font)
    room = int(pill.width()) - 2 * CHIP_PADDING + 1
    painter.drawText(
        pill,
        Qt.AlignmentFlag.AlignCenter,
        QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, room),
    )
    painter.restore()


def draw_dot(painter: QPainter, top_left: QPointF, color: QColor) -> None:
    """The rounded square that stands for a framework."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawRoundedRect(QRectF(top_left.x(), top_left.y(), DOT, DOT), 3, 3)
    painter.restore()


def draw_bar(painter: QPainter, rect: QRectF, fraction: float, color: QColor) -> None:
    """A thin bar filled from the left; a fraction over 1 fills it all."""
    radius = rect.height() / 2
    outline = QPainterPath()
    outline.addRoundedRect(rect, radius, radius)
    filled = QRectF(rect)
    filled.setWidth(rect.width() * min(max(fraction, 0.0), 1.0))
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.fillPath(outline, theme().color("sunk"))
    painter.setClipPath(outline)
    painter.fillRect(filled, color)
    painter.restore()


def draw_check(painter: QPainter, center: QPointF, size: float, color: QColor) -> None:
    """A tick of about ``size`` pixels."""
    unit = size / 10
    path = QPainterPath(center + QPointF(-4 * unit, 0))
    path.lineTo(center + QPointF(-1.2 * unit, 3 * unit))
    path.lineTo(center + QPointF(4 * unit, -3 * unit))
    pen = QPen(color, 1.8, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.strokePath(path, pen)
    painter.restore()


def draw_check_box(painter: QPainter, rect: QRectF, checked: bool) -> None:
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen if checked else QPen(theme().color("muted"), 1))
    painter.setBrush(theme().color("accent" if checked else "surface"))
    painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
    painter.restore()
    if checked:
        draw_check(painter, rect.center(), rect.width() * 0.7, theme().color("accentText"))


def draw_focus_ring(painter: QPainter, rect: QRectF, radius: float) -> None:
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(theme().color("accent"), 2))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), radius, radius)
    painter.restore()
