"""Draws the cells of gui/models/cells.py: dots, names, second lines, chips, bars, links, check boxes."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QMouseEvent, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTableView

from gui.models.cells import BarCell, Cell, ChipCell, LinkCell, TextCell
from gui.models.table import CELL_ROLE
from gui.theme.fonts import BODY_PX, NOTE_PX, sized
from gui.theme.theme import theme
from gui.widgets.cell_text import draw_text_cell, text_size
from gui.widgets.paint import (
    BAR_HEIGHT,
    CHIP_HEIGHT,
    chip_size,
    draw_bar,
    draw_check_box,
    draw_chip,
)

PAD_X = 8
PAD_Y = 7
CHECK = 16
BAR_WIDTH = 88
Index = QModelIndex | QPersistentModelIndex


class CellDelegate(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        if index.data(Qt.ItemDataRole.CheckStateRole) is not None:
            return QSize(CHECK + 2 * PAD_X + 8, CHECK + 2 * PAD_Y)
        room = self._room(option, index)
        size = _content_size(index.data(CELL_ROLE), option.font, room)
        return size + QSize(2 * PAD_X, 2 * PAD_Y)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        painter.setFont(option.font)
        self._paint_row(painter, option, index)
        inner = option.rect.adjusted(PAD_X, PAD_Y, -PAD_X, -PAD_Y)
        state = index.data(Qt.ItemDataRole.CheckStateRole)
        if state is None:
            align = Qt.AlignmentFlag(index.data(Qt.ItemDataRole.TextAlignmentRole))
            _draw_cell(painter, inner, index.data(CELL_ROLE), bool(align & Qt.AlignmentFlag.AlignRight))
        else:
            draw_check_box(
                painter, _centered(option.rect, CHECK), Qt.CheckState(state) is Qt.CheckState.Checked
            )
        painter.restore()

    def editorEvent(self, event: QEvent, model: object, option: QStyleOptionViewItem, index: Index) -> bool:
        """A click anywhere in a check box's cell toggles it."""
        state = index.data(Qt.ItemDataRole.CheckStateRole)
        if state is None or event.type() != QEvent.Type.MouseButtonRelease:
            return False
        if not isinstance(event, QMouseEvent) or event.button() is not Qt.MouseButton.LeftButton:
            return False
        checked = Qt.CheckState(state) is Qt.CheckState.Checked
        wanted = Qt.CheckState.Unchecked if checked else Qt.CheckState.Checked
        return index.model().setData(index, wanted, Qt.ItemDataRole.CheckStateRole)

    def _room(self, option: QStyleOptionViewItem, index: Index) -> int:
        """The width a second line wraps in: the column's, where it is known."""
        view = option.widget
        width = view.columnWidth(index.column()) if isinstance(view, QTableView) else option.rect.width()
        return max(width - 2 * PAD_X, 40)

    def _paint_row(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """The selected row's ground, the hairline below every row but the last."""
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect.adjusted(0, 0, 0, -1), theme().color("soft"))
        if index.row() < index.model().rowCount() - 1:
            painter.setPen(theme().color("line"))
            painter.drawLine(option.rect.bottomLeft(), option.rect.bottomRight())


def _content_size(cell: Cell, font: QFont, room: int) -> QSize:
    match cell:
        case ChipCell():
            return chip_size(cell.text, font)
        case BarCell():
            return QSize(BAR_WIDTH, BAR_HEIGHT + 4 + QFontMetrics(sized(font, NOTE_PX)).height())
        case LinkCell():
            metrics = QFontMetrics(sized(font, BODY_PX))
            return QSize(metrics.horizontalAdvance(str(cell)) + 1, max(metrics.height(), CHIP_HEIGHT))
        case TextCell():
            return text_size(cell, font, room)


def _draw_cell(painter: QPainter, rect: QRect, cell: Cell, right: bool) -> None:
    match cell:
        case ChipCell():
            _draw_chip(painter, rect, cell, right)
        case BarCell():
            _draw_bar(painter, rect, cell)
        case LinkCell():
            _draw_link(painter, rect, cell)
        case TextCell():
            draw_text_cell(painter, rect, cell, right)


def _draw_chip(painter: QPainter, rect: QRect, cell: ChipCell, right: bool) -> None:
    if not cell.text:
        return
    if right:
        rect = rect.adjusted(max(0, rect.width() - chip_size(cell.text, painter.font()).width()), 0, 0, 0)
    draw_chip(painter, rect, cell.text, cell.tone)


def _draw_bar(painter: QPainter, rect: QRect, cell: BarCell) -> None:
    note = sized(painter.font(), NOTE_PX)
    height = BAR_HEIGHT + 4 + QFontMetrics(note).height()
    top = rect.y() + (rect.height() - height) / 2
    color = theme().hue(cell.hue) if cell.hue else theme().color(cell.color)
    draw_bar(painter, QRectF(rect.x(), top, min(rect.width(), BAR_WIDTH), BAR_HEIGHT), cell.fraction, color)
    painter.setFont(note)
    painter.setPen(theme().color("muted"))
    painter.drawText(
        QRectF(rect.x(), top + BAR_HEIGHT + 4, rect.width(), 20), Qt.AlignmentFlag.AlignTop, cell.text
    )


def _draw_link(painter: QPainter, rect: QRect, cell: LinkCell) -> None:
    before = f"{cell.before} " if cell.before else ""
    painter.setPen(theme().color("muted"))
    painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter, before)
    painter.setPen(theme().color("accent"))
    rest = rect.adjusted(painter.fontMetrics().horizontalAdvance(before), 0, 0, 0)
    painter.drawText(rest, Qt.AlignmentFlag.AlignVCenter, _elided(painter, cell.text, rest.width()))


def _elided(painter: QPainter, text: str, width: int) -> str:
    return painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, width)


def _centered(rect: QRect, size: int) -> QRectF:
    return QRectF(rect.x() + (rect.width() - size) // 2, rect.y() + (rect.height() - size) // 2, size, size)
