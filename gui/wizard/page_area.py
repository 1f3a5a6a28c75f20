"""Where a page lies: a scroll area with a centred column, wide enough to use and narrow enough to read."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from gui.wizard.page import Page

MARGIN = 32


class PageColumn(QWidget):
    """Holds one page; its side margins keep the page within its ``max_width``."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self._page = page
        self._layout = QVBoxLayout(self)
        self._layout.addWidget(page)
        self.set_margins(MARGIN, MARGIN)

    def set_margins(self, left: int, right: int) -> None:
        self._layout.setContentsMargins(left, 0, right, 0)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())


class PageArea(QScrollArea):
    margin_changed = Signal(int)

    def __init__(self, page: Page, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.page = page
        self._margin = MARGIN
        self._column = PageColumn(page)
        self.setWidget(self._column)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # so that the arrow keys scroll
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    @property
    def margin(self) -> int:
        return self._margin

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The scroll bar lies in the right margin, so that content does not move when it comes."""
        margin = max(MARGIN, (self.width() - self.page.max_width) // 2)
        self._column.set_margins(margin, margin - (self.width() - self.viewport().width()))
        if margin != self._margin:
            self._margin = margin
            self.margin_changed.emit(margin)
        super().resizeEvent(event)
