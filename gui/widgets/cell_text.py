"""Text in table cells: a name with a muted suffix, quieter lines below; what does not fit wraps."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRect, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter

from gui.models.cells import TextCell
from gui.theme.fonts import BODY_PX, NOTE_PX, sized
from gui.theme.theme import theme
from gui.widgets.paint import CHIP_HEIGHT, DOT, draw_dot, wrap_lines

DOT_GAP = 8
SUFFIX_GAP = 5
LINE_GAP = 2
BODY_LINE = 20
NOTE_LINE = 17
LEAST_SECOND, MOST_SECOND = 96, 180  # width that a second line asks for, however long it is


@dataclass(frozen=True)
class TextBlock:
    """The lines of a cell for one width: ``suffix`` where it fits beside the text, else it went ``below``."""

    first: list[str]
    suffix: str
    below: list[str]

    @property
    def height(self) -> int:
        body = BODY_LINE * len(self.first)
        return max(CHIP_HEIGHT, body + (LINE_GAP + NOTE_LINE * len(self.below) if self.below else 0))


def text_size(cell: TextCell, font: QFont, room: int) -> QSize:
    """As wide as the first line wants to be, as high as the text is in ``room`` pixels."""
    suffix = SUFFIX_GAP + _width(cell.suffix, _body(font)) if cell.suffix else 0
    width = _indent(cell) + _width(cell.text, first_font(cell, font)) + suffix
    second = _second_width(cell.second, sized(font, NOTE_PX))
    return QSize(max(width, second) + 1, lay_out(cell, font, room).height)  # widths are rounded down


def _second_width(text: str, small: QFont) -> int:
    """It wraps between words; an interval of large numbers is one word that must not be cut off."""
    longest = max((_width(word, small) for word in text.split()), default=0)
    return min(_width(text, small), max(LEAST_SECOND, min(longest, MOST_SECOND)))


def lay_out(cell: TextCell, font: QFont, room: int) -> TextBlock:
    small = sized(font, NOTE_PX)
    first = wrap_lines(cell.text, first_font(cell, font), room - _indent(cell)) or [""]
    taken = _indent(cell) + _width(cell.text, first_font(cell, font))
    fits = not cell.suffix or taken + SUFFIX_GAP + _width(cell.suffix, _body(font)) <= room
    moved = "" if fits else cell.suffix
    below = wrap_lines(moved, small, room) + wrap_lines(cell.second, small, room)
    return TextBlock(first, cell.suffix if fits else "", below)


def draw_text_cell(painter: QPainter, rect: QRect, cell: TextCell, right: bool) -> None:
    font = QFont(painter.font())
    block = lay_out(cell, font, rect.width())
    side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
    place = side | Qt.AlignmentFlag.AlignVCenter
    y = rect.y() + max(0, (rect.height() - block.height) // 2)
    line_height = BODY_LINE if block.below or len(block.first) > 1 else block.height
    if cell.hue:
        draw_dot(painter, QPointF(rect.x(), y + (line_height - DOT) / 2), theme().hue(cell.hue))
    painter.setFont(first_font(cell, font))
    painter.setPen(theme().color("muted" if cell.muted else "text"))
    for line in block.first:
        at = QRect(rect.x() + _indent(cell), y, rect.width() - _indent(cell), line_height)
        painter.drawText(at, place, _elided(painter, line, at.width()))
        y += line_height
    painter.setPen(theme().color("muted"))
    if block.suffix:
        _draw_suffix(painter, at, cell.text, block.suffix, font)
    painter.setFont(sized(font, NOTE_PX))
    for number, line in enumerate(block.below):
        painter.drawText(
            QRect(rect.x(), y + LINE_GAP + number * NOTE_LINE, rect.width(), NOTE_LINE), place, line
        )


def _draw_suffix(painter: QPainter, line: QRect, text: str, suffix: str, font: QFont) -> None:
    beside = painter.fontMetrics().horizontalAdvance(text) + SUFFIX_GAP
    painter.setFont(_body(font))
    painter.drawText(line.adjusted(beside, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, suffix)


def first_font(cell: TextCell, font: QFont) -> QFont:
    return sized(font, BODY_PX, QFont.Weight.DemiBold if cell.bold else QFont.Weight.Normal)


def _body(font: QFont) -> QFont:
    return sized(font, BODY_PX)


def _indent(cell: TextCell) -> int:
    return DOT + DOT_GAP if cell.hue else 0


def _width(text: str, font: QFont) -> int:
    return QFontMetrics(font).horizontalAdvance(text)


def _elided(painter: QPainter, text: str, width: int) -> str:
    return painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, width)
