"""The rail at the left: the numbered steps of the wizard, and the places beside it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QFrame, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from gui.theme.fonts import BODY_PX, NOTE_PX, sized
from gui.theme.theme import theme
from gui.widgets.header import Divider
from gui.widgets.paint import draw_check, draw_focus_ring
from gui.widgets.text import Role, label

WIDTH = 216
STEP_HEIGHT = 40
CIRCLE = 22


class StepState(StrEnum):
    CLOSED = "closed"  # something before it is missing
    OPEN = "open"
    DONE = "done"


class StepButton(QAbstractButton):
    """Number or tick in a circle, then the step's name."""

    def __init__(self, number: int, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.number = number
        self.state = StepState.CLOSED
        self.setText(title)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.set_state(StepState.CLOSED, current=False)

    def set_state(self, state: StepState, *, current: bool) -> None:
        self.state = state
        self.setChecked(current)
        self.setEnabled(current or state is not StepState.CLOSED)
        words = {
            StepState.CLOSED: self.tr("not yet open"),
            StepState.OPEN: self.tr("open"),
            StepState.DONE: self.tr("done"),
        }
        self.setAccessibleName(self.tr("Step {0}: {1}").format(self.number, self.text()))
        self.setAccessibleDescription(self.tr("current") if current else words[state])
        self.update()

    def nextCheckState(self) -> None:
        """Being current is decided by the shell, not by the click."""

    def sizeHint(self) -> QSize:
        return QSize(WIDTH - 24, STEP_HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if self.isChecked() or (self.underMouse() and self.isEnabled()):
            painter.setBrush(theme().color("soft" if self.isChecked() else "sunk"))
            painter.drawRoundedRect(QRectF(self.rect()), 8, 8)
        self._paint_circle(painter, QRectF(10, (self.height() - CIRCLE) / 2, CIRCLE, CIRCLE))
        self._paint_title(painter)
        if self.hasFocus():
            draw_focus_ring(painter, QRectF(self.rect()), 8)

    def _paint_circle(self, painter: QPainter, circle: QRectF) -> None:
        fill, ink, edge = self._circle_colors()
        painter.setBrush(theme().color(fill))
        painter.setPen(QPen(theme().color(edge), 1))
        painter.drawEllipse(circle.adjusted(0.5, 0.5, -0.5, -0.5))
        if self.state is StepState.DONE and not self.isChecked():
            draw_check(painter, QPointF(circle.center()), 9, theme().color(ink))
            return
        painter.setPen(theme().color(ink))
        painter.setFont(sized(self.font(), NOTE_PX, QFont.Weight.DemiBold))
        painter.drawText(circle, Qt.AlignmentFlag.AlignCenter, str(self.number))

    def _circle_colors(self) -> tuple[str, str, str]:
        """Fill, ink and edge, as token names."""
        if self.isChecked():
            return "accent", "accentText", "accent"
        if self.state is StepState.DONE:
            return "okbg", "ok", "okbg"
        return "surface", "muted", "line"

    def _paint_title(self, painter: QPainter) -> None:
        weight = QFont.Weight.DemiBold if self.isChecked() else QFont.Weight.Normal
        plain = self.isChecked() or self.state is StepState.DONE
        painter.setPen(theme().color("text" if plain else "muted"))
        painter.setFont(sized(self.font(), BODY_PX, weight))
        room = self.rect().adjusted(42, 0, -8, 0)
        title = painter.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, title)


class StepRail(QFrame):
    """Up and Down move between its entries, Return or Space opens one."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(WIDTH)
        self.setAccessibleName(self.tr("Steps"))
        self._steps: dict[str, StepButton] = {}
        self._places: dict[str, QPushButton] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 20, 13, 20)
        column.setSpacing(2)
        brand = QVBoxLayout()
        brand.setContentsMargins(10, 0, 0, 16)
        brand.setSpacing(4)
        brand.addWidget(label("Edgewright", Role.BRAND))
        brand.addWidget(label(self.tr("edge AI workbench"), Role.NOTE))
        self._step_column = QVBoxLayout()
        self._step_column.setSpacing(2)
        self._place_column = QVBoxLayout()
        self._place_column.setSpacing(4)
        self._foot_column = QVBoxLayout()
        self._divider = Divider()
        self._divider.hide()
        column.addLayout(brand)
        column.addLayout(self._step_column)
        column.addSpacing(14)
        column.addWidget(self._divider)
        column.addSpacing(14)
        column.addLayout(self._place_column)
        column.addStretch(1)
        column.addLayout(self._foot_column)

    def add_step(self, key: str, title: str) -> None:
        button = StepButton(len(self._steps) + 1, title)
        button.clicked.connect(lambda: self.chosen.emit(key))
        self._steps[key] = button
        self._step_column.addWidget(button)

    def add_place(self, key: str, title: str, *, foot: bool = False) -> None:
        button = QPushButton(title)
        button.setProperty("role", "place")
        button.setCheckable(True)
        button.clicked.connect(lambda: self._choose_place(key))
        self._places[key] = button
        (self._foot_column if foot else self._place_column).addWidget(button)
        if not foot:
            self._divider.show()

    def set_states(
        self, states: Mapping[str, StepState], current: str, missing: Mapping[str, str] | None = None
    ) -> None:
        """``missing`` says of a closed step what it waits for."""
        for key, button in self._steps.items():
            button.set_state(states.get(key, StepState.CLOSED), current=key == current)
            button.setToolTip((missing or {}).get(key, ""))
        for key, place in self._places.items():
            place.setChecked(key == current)

    def step(self, key: str) -> StepButton:
        return self._steps[key]

    def place(self, key: str) -> QPushButton:
        return self._places[key]

    def _choose_place(self, key: str) -> None:
        self._places[key].setChecked(True)  # a second click must not uncheck it
        self.chosen.emit(key)
