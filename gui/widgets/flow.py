"""Two layouts that answer to the width they get: a grid of cards, and a line that wraps."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget

GAP = 16


class _ItemLayout(QLayout):
    """What every layout over a list of items needs."""

    def __init__(self, parent: QWidget | None = None, *, gap: int = GAP) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self._gap = gap
        self.setContentsMargins(0, 0, 0, 0)

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def insertWidget(self, index: int, widget: QWidget) -> None:
        """Put ``widget`` before the item that is at ``index`` now."""
        self.addWidget(widget)
        self._items.insert(index, self._items.pop())
        self.invalidate()

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def clear(self) -> None:
        """Remove and delete every widget."""
        while (item := self.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation.Horizontal

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._arrange(QRect(0, 0, width, 0), place=False)

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        self._arrange(rect, place=True)

    def sizeHint(self) -> QSize:
        width = max((item.sizeHint().width() for item in self._visible()), default=0)
        return QSize(width, self.heightForWidth(max(width, 1)))

    def minimumSize(self) -> QSize:
        width = max((item.minimumSize().width() for item in self._visible()), default=0)
        return QSize(width, 0)

    def _visible(self) -> list[QLayoutItem]:
        return [item for item in self._items if not item.isEmpty()]

    def _arrange(self, rect: QRect, *, place: bool) -> int:
        """Place the items where ``place`` is set; the height they need in any case."""
        raise NotImplementedError


class CardGrid(_ItemLayout):
    """Cards in as many columns as fit, all of one height in a row.

    ``min_width`` is what one column needs. With ``weights`` a full row shares its width in their proportion;
    a row that had to break falls back to equal columns. Rows take height that is left over, up to ``grow``
    times what they need on top of it.
    """

    def __init__(
        self,
        parent: QWidget | None = None,
        *,
        min_width: int = 280,
        max_columns: int = 3,
        weights: Sequence[float] = (),
        gap: int = GAP,
        grow: float = 0.0,
    ) -> None:
        super().__init__(parent, gap=gap)
        self._min_width = min_width
        self._max_columns = len(weights) or max_columns
        self._weights = tuple(weights)
        self._grow = grow

    def set_max_columns(self, columns: int) -> None:
        self._max_columns = columns
        self.invalidate()

    def expandingDirections(self) -> Qt.Orientation:
        vertical = Qt.Orientation.Vertical if self._grow else Qt.Orientation(0)
        return Qt.Orientation.Horizontal | vertical

    def columns(self, width: int) -> int:
        fitting = (width + self._gap) // (self._min_width + self._gap)
        return max(1, min(fitting, self._max_columns))

    def column_widths(self, width: int) -> list[int]:
        columns = self.columns(width)
        weights = self._weights if columns == len(self._weights) else (1.0,) * columns
        room = width - self._gap * (columns - 1)
        ends = [round(room * sum(weights[: i + 1]) / sum(weights)) for i in range(columns)]
        return [end - start for start, end in zip([0, *ends], ends, strict=False)]

    def _arrange(self, rect: QRect, *, place: bool) -> int:
        widths = self.column_widths(rect.width())
        items = self._visible()
        rows = [items[start : start + len(widths)] for start in range(0, len(items), len(widths))]
        heights = [
            max(_height(item, width) for item, width in zip(row, widths, strict=False)) for row in rows
        ]
        needed = sum(heights) + self._gap * max(0, len(rows) - 1)
        if place:
            more = self._extra(rect.height() - needed, heights)
            self._place_rows(rows, widths, [height + more for height in heights], rect)
        return needed

    def _extra(self, spare: int, heights: list[int]) -> int:
        if not self._grow or spare <= 0 or not heights:
            return 0
        return min(spare // len(heights), int(max(heights) * self._grow))

    def _place_rows(
        self, rows: list[list[QLayoutItem]], widths: list[int], heights: list[int], rect: QRect
    ) -> None:
        y = rect.y()
        for row, height in zip(rows, heights, strict=True):
            self._place_row(row, widths, rect.x(), y, height)
            y += height + self._gap

    def _place_row(self, row: list[QLayoutItem], widths: list[int], x: int, y: int, height: int) -> None:
        for item, width in zip(row, widths, strict=False):
            item.setGeometry(QRect(x, y, width, height))
            x += width + self._gap


class Flow(_ItemLayout):
    """Items at their own width, one after the other, breaking like text."""

    def _arrange(self, rect: QRect, *, place: bool) -> int:
        x, y, line_height = rect.x(), rect.y(), 0
        for item in self._visible():
            size = item.sizeHint()
            width = min(size.width(), rect.width())
            if x > rect.x() and x + width > rect.x() + rect.width():
                x, y, line_height = rect.x(), y + line_height + self._gap // 2, 0
            if place:
                item.setGeometry(QRect(x, y, width, size.height()))
            x += width + self._gap
            line_height = max(line_height, size.height())
        return y + line_height - rect.y()


def _height(item: QLayoutItem, width: int) -> int:
    if item.hasHeightForWidth():
        return item.heightForWidth(width)
    return max(item.sizeHint().height(), item.minimumSize().height())
