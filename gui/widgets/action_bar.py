"""The foot of the window: status at the left, quiet buttons, and the one primary action at the right."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from gui.widgets.progress import ThinBar
from gui.widgets.text import ElidedLabel, Role

HEIGHT = 58
PROGRESS_WIDTH = 260


class ActionButton(QPushButton):
    """Shows a QAction: text, tooltip, enabled and visible. ``action.setData("danger")`` colours it."""

    def __init__(self, action: QAction, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._action = action
        if action.data() == "danger":
            self.setProperty("role", "danger")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.clicked.connect(action.trigger)
        action.changed.connect(self._follow)
        self._follow()

    def _follow(self) -> None:
        self.setText(self._action.text())
        self.setEnabled(self._action.isEnabled())
        self.setVisible(self._action.isVisible())
        tip = self._action.toolTip()
        self.setToolTip(tip if tip != self._action.text() else "")


class ActionBar(QFrame):
    primary_clicked = Signal()
    back_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(HEIGHT)
        self._row = QHBoxLayout(self)
        self._row.setSpacing(12)
        self._row.addLayout(self._make_status(), 1)
        self.back = QPushButton(self.tr("Back"))
        self.primary = QPushButton()
        self.primary.setProperty("role", "primary")
        self._row.addWidget(self.back)
        self._row.addWidget(self.primary)
        self._extra: list[tuple[QAction, ActionButton]] = []
        self.back.clicked.connect(self.back_clicked)
        self.primary.clicked.connect(self.primary_clicked)
        for button in (self.back, self.primary):
            button.setCursor(Qt.CursorShape.PointingHandCursor)

    def set_margin(self, margin: int) -> None:
        """Align with the page's column."""
        self._row.setContentsMargins(margin, 0, margin, 0)

    def set_status(self, text: str, fraction: float | None = None, *, progress: bool = False) -> None:
        self.status.setText(text)
        self.progress.setVisible(progress)
        self.progress.set_fraction(fraction)

    def set_primary(self, text: str, *, enabled: bool) -> None:
        self.primary.setText(text)
        self.primary.setVisible(bool(text))
        self.primary.setEnabled(enabled)

    def set_actions(self, actions: Sequence[QAction]) -> None:
        """Quiet buttons before the primary one."""
        if [action for action, _ in self._extra] == list(actions):
            return
        for _, button in self._extra:
            self._row.removeWidget(button)
            button.hide()
            button.deleteLater()
        self._extra = [(action, ActionButton(action, self)) for action in actions]
        for offset, (_, button) in enumerate(self._extra):
            self._row.insertWidget(2 + offset, button)
        self._order_tabs()

    def _order_tabs(self) -> None:
        buttons = [self.back, *(button for _, button in self._extra), self.primary]
        for before, after in pairwise(buttons):
            QWidget.setTabOrder(before, after)

    def _make_status(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(4)
        self.progress = ThinBar()
        self.progress.hide()
        self.status = ElidedLabel(role=Role.MUTED)
        bar = QHBoxLayout()
        bar.addWidget(self.progress)
        bar.addStretch(1)
        column.addStretch(1)
        column.addLayout(bar)
        column.addWidget(self.status)
        column.addStretch(1)
        return column

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.progress.setFixedWidth(min(PROGRESS_WIDTH, max(60, self.width() // 4)))
