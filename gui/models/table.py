"""One Qt item model for every table: frozen rows, and columns that say what to show of a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)

from gui.models.cells import Cell, TextCell

R = TypeVar("R")
CELL_ROLE = Qt.ItemDataRole.UserRole
SORT_ROLE = Qt.ItemDataRole.UserRole + 1
Index = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()


@dataclass(frozen=True)
class Column(Generic[R]):
    """``cell`` gives what to show, a string being plain text. ``stretch`` takes the room that is left.

    ``checked`` makes it a column of check boxes; ``sort_key`` makes the column sortable.
    """

    title: str
    cell: Callable[[R], Cell | str] = lambda row: ""
    right: bool = False
    stretch: bool = False
    width: int = 0  # fixed width in pixels; 0 follows the contents
    term: str = ""  # the tooltip of the heading
    checked: Callable[[R], bool] | None = None
    sort_key: Callable[[R], Any] | None = None


class TableModel(QAbstractTableModel, Generic[R]):
    """Rows are replaced, never changed: ``set_rows`` repaints in place where only contents differ."""

    check_toggled = Signal(int, bool)  # row, wanted state; whoever owns the rows answers with set_rows

    def __init__(
        self, columns: Sequence[Column[R]], rows: Sequence[R] = (), parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self._rows: tuple[R, ...] = tuple(rows)

    @property
    def rows(self) -> tuple[R, ...]:
        return self._rows

    def set_rows(self, rows: Sequence[R]) -> None:
        new = tuple(rows)
        if new == self._rows:
            return
        if len(new) == len(self._rows):
            self._rows = new
            self.dataChanged.emit(self.index(0, 0), self.index(len(new) - 1, len(self.columns) - 1))
            return
        self.beginResetModel()
        self._rows = new
        self.endResetModel()

    def rowCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() else len(self.columns)

    def cell(self, row: int, column: int) -> Cell:
        shown = self.columns[column].cell(self._rows[row])
        return TextCell(shown) if isinstance(shown, str) else shown

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        column = self.columns[index.column()]
        if role == Qt.ItemDataRole.CheckStateRole:
            return self._check_state(index)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(column)
        if role == SORT_ROLE and column.sort_key is not None:
            return column.sort_key(self._rows[index.row()])
        if role in (CELL_ROLE, Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, SORT_ROLE):
            return _of_cell(self.cell(index.row(), index.column()), role)
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != Qt.ItemDataRole.CheckStateRole or self.columns[index.column()].checked is None:
            return False
        self.check_toggled.emit(index.row(), Qt.CheckState(value) is Qt.CheckState.Checked)
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        checkable = self.columns[index.column()].checked is not None
        return flags | Qt.ItemFlag.ItemIsUserCheckable if checkable else flags

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation is Qt.Orientation.Vertical:
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(column)
        return {Qt.ItemDataRole.DisplayRole: column.title, Qt.ItemDataRole.ToolTipRole: column.term}.get(
            Qt.ItemDataRole(role)
        )

    def _check_state(self, index: Index) -> Qt.CheckState | None:
        checked = self.columns[index.column()].checked
        if checked is None:
            return None
        return Qt.CheckState.Checked if checked(self._rows[index.row()]) else Qt.CheckState.Unchecked


def _alignment(column: Column[Any]) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column.right else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


def _of_cell(cell: Cell, role: int) -> Any:
    if role == CELL_ROLE:
        return cell
    return cell.tip if role == Qt.ItemDataRole.ToolTipRole else str(cell)
