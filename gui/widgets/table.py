"""The table: lines between rows only, as high as its rows, worked by mouse or keyboard."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, QModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QSizePolicy, QTableView, QWidget

from gui.models.cells import LinkCell
from gui.models.table import CELL_ROLE, TableModel
from gui.theme.theme import theme
from gui.widgets.cell_delegate import CellDelegate

MIN_STRETCH = 160  # where a stretching column wants more, it gets at least this; then the table scrolls


class Table(QTableView):
    """``max_rows`` 0 shows every row and leaves scrolling to the page.

    Up and Down choose a row, Space toggles its check box, Return opens it or follows its link.
    """

    row_activated = Signal(int)
    row_selected = Signal(int)
    link_activated = Signal(int, str)

    def __init__(
        self,
        model: TableModel[Any],
        *,
        max_rows: int = 0,
        selectable: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._model = model
        self._max_rows = max_rows
        self.setModel(model)
        self.setItemDelegate(CellDelegate(self))
        self._set_up_view()
        if selectable:
            self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self._set_up_columns()
        for changed in (model.modelReset, model.dataChanged, model.layoutChanged):
            changed.connect(self._fit)
        self.clicked.connect(self._follow_link)
        self.selectionModel().currentRowChanged.connect(self._tell_row)
        self._fit()

    def sizeHint(self) -> QSize:
        return QSize(320, self._wanted_height())

    def minimumSizeHint(self) -> QSize:
        return QSize(200, self._wanted_height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange) and self.model():
            self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row = self.currentIndex().row()
        if row >= 0 and event.key() == Qt.Key.Key_Space and self._toggle(row):
            return
        if row >= 0 and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._open(row)
            return
        super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        index = self.currentIndex()
        if self.hasFocus() and index.isValid():
            painter = QPainter(self.viewport())
            painter.setPen(theme().color("accent"))
            height = self.rowHeight(index.row()) - 2
            painter.drawRect(0, self.rowViewportPosition(index.row()), self.viewport().width() - 1, height)

    def _set_up_view(self) -> None:
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setWordWrap(True)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        if not self._max_rows:
            self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().hide()

    def _set_up_columns(self) -> None:
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsClickable(False)
        header.setMinimumSectionSize(32)
        header.setVisible(any(column.title for column in self._model.columns))
        for number, column in enumerate(self._model.columns):
            header.setSectionResizeMode(number, QHeaderView.ResizeMode.Fixed)
            if column.width:
                self.setColumnWidth(number, column.width)

    def _fit(self) -> None:
        """Columns to their contents, the stretching ones to what is left, rows to what wraps in them."""
        self._fit_columns()
        self.resizeRowsToContents()
        if self.height() != self._wanted_height():
            self.setFixedHeight(self._wanted_height())

    def _fit_columns(self) -> None:
        columns = self._model.columns
        stretching = [number for number, column in enumerate(columns) if column.stretch]
        taken = 0
        for number, column in enumerate(columns):
            if not column.stretch:
                self.setColumnWidth(number, column.width or self._content_width(number))
                taken += self.columnWidth(number)
        room = self.viewport().width() - taken
        for number in stretching:
            least = min(MIN_STRETCH, self._content_width(number))
            self.setColumnWidth(number, max(least, room // len(stretching)))

    def _content_width(self, column: int) -> int:
        return max(self.sizeHintForColumn(column), self.horizontalHeader().sectionSizeHint(column))

    def _wanted_height(self) -> int:
        rows = self._model.rowCount()
        shown = min(rows, self._max_rows) if self._max_rows else rows
        header = self.horizontalHeader()
        height = header.sizeHint().height() if not header.isHidden() else 0
        height += sum(self.rowHeight(row) for row in range(shown))
        scroll_bar = self.horizontalScrollBar()
        overflow = (
            sum(self.columnWidth(c) for c in range(self._model.columnCount())) > self.viewport().width()
        )
        return height + (scroll_bar.sizeHint().height() if overflow else 0)

    def _toggle(self, row: int) -> bool:
        for number, column in enumerate(self._model.columns):
            if column.checked is not None:
                wanted = not column.checked(self._model.rows[row])
                state = Qt.CheckState.Checked if wanted else Qt.CheckState.Unchecked
                return self._model.setData(
                    self._model.index(row, number), state, Qt.ItemDataRole.CheckStateRole
                )
        return False

    def _open(self, row: int) -> None:
        for number in range(self._model.columnCount()):
            if isinstance(self._model.cell(row, number), LinkCell):
                self._follow_link(self._model.index(row, number))
                return
        self.row_activated.emit(row)

    def _follow_link(self, index: QModelIndex) -> None:
        cell = index.data(CELL_ROLE)
        if isinstance(cell, LinkCell):
            self.link_activated.emit(index.row(), cell.key)

    def _tell_row(self, current: QModelIndex, _previous: QModelIndex) -> None:
        self.row_selected.emit(current.row())
