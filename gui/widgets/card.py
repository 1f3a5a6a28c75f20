"""The card: a titled surface with state chips in its corner."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLayout, QVBoxLayout, QWidget

from gui.widgets.chip import Chip
from gui.widgets.text import Role, label

PADDING = 16


class Card(QFrame):
    """``add`` puts widgets below one another; ``add_corner`` puts a chip or button beside the title."""

    def __init__(
        self, title: str = "", *corner: QWidget, tip: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(PADDING, PADDING - 2, PADDING, PADDING)
        self.body.setSpacing(6)
        self._header = QHBoxLayout()
        self._header.setSpacing(8)
        self._title = label(title, Role.HEADING, tip=tip)
        self._title.setMinimumHeight(22)
        self._header.addWidget(self._title, 1)
        self.body.addLayout(self._header)
        self.setAccessibleName(title)
        self.add_corner(*corner)
        self._title.setVisible(bool(title))

    def add(self, item: QWidget | QLayout, stretch: int = 0) -> Card:
        if isinstance(item, QLayout):
            self.body.addLayout(item, stretch)
        else:
            self.body.addWidget(item, stretch)
        return self

    def add_corner(self, *widgets: QWidget) -> Card:
        for widget in widgets:
            self._header.addWidget(widget, 0, Qt.AlignmentFlag.AlignTop)
        return self

    def set_title(self, title: str) -> None:
        self._title.setText(title)
        self._title.setVisible(bool(title))
        self.setAccessibleName(title)

    def tight(self) -> Card:
        """For a table without a title: its cells have padding of their own."""
        self.body.setContentsMargins(8, 4, 8, 6)
        return self

    def end(self) -> Card:
        """Keep the content at the top where the card is taller than it."""
        self.body.addStretch(1)
        return self


class ChoiceCard(Card):
    """A card that can be chosen with mouse or keyboard."""

    chosen = Signal()

    def __init__(self, title: str = "", *corner: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(title, *corner, parent=parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setProperty("selectable", "true")
        self._selected = False

    @property
    def selected(self) -> bool:
        return self._selected

    def set_selected(self, selected: bool) -> None:
        if selected == self._selected:
            return
        self._selected = selected
        self.setProperty("selected", "true" if selected else "false")
        self.setAccessibleDescription(self.tr("selected") if selected else "")
        self.style().unpolish(self)
        self.style().polish(self)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.chosen.emit()
        super().mouseReleaseEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.chosen.emit()
        else:
            super().keyPressEvent(event)


class StatusCard(Card):
    """A card with one chip in its corner, as on the hardware page."""

    def __init__(self, title: str, *, tip: str = "", parent: QWidget | None = None) -> None:
        self.chip = Chip()
        super().__init__(title, self.chip, tip=tip, parent=parent)
