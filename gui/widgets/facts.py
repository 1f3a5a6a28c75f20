"""Facts as label and value; the tooltip of a value says how it was found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QPushButton, QWidget

from backends.domain.hardware import Fact
from gui.widgets.text import NotedLabel, Role, label

LONG = 30  # characters of a value that rather wraps than stays beside its link


@dataclass(frozen=True)
class FactRow:
    """One line. ``source`` is where the value comes from; ``term`` explains the label in one sentence.

    ``action`` is the text of a link after the value ("again"); activating it emits ``FactGrid.activated``
    with ``key``.
    """

    label: str
    value: str
    source: str = ""
    note: str = ""
    term: str = ""
    action: str = ""
    key: str = ""


class FactGrid(QWidget):
    """Rows of facts with aligned values."""

    activated = Signal(str)

    def __init__(self, rows: Iterable[FactRow] = (), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(3)
        self._grid.setColumnStretch(1, 1)
        self.set_rows(rows)

    def set_rows(self, rows: Iterable[FactRow]) -> None:
        self._clear()
        self._rows = tuple(rows)
        for index, row in enumerate(self._rows):
            name = label(row.label, Role.MUTED, tip=row.term)
            self._grid.addWidget(name, index, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(self._value(row), index, 1)

    @property
    def rows(self) -> tuple[FactRow, ...]:
        return self._rows

    def _value(self, row: FactRow) -> QWidget:
        value = NotedLabel(row.value, row.note)
        value.setToolTip(row.source)
        if not row.action:
            return value
        cell = QWidget()
        line = QHBoxLayout(cell)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(8)
        link = QPushButton(row.action)
        link.setProperty("role", "link")
        link.setCursor(Qt.CursorShape.PointingHandCursor)
        link.clicked.connect(lambda: self.activated.emit(row.key))
        line.addWidget(value, int(len(row.value) > LONG))
        line.addWidget(link, 0, Qt.AlignmentFlag.AlignTop)
        if len(row.value) <= LONG:
            line.addStretch(1)
        return cell

    def _clear(self) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()


def fact_row(name: str, fact: Fact[object], text: str, *, term: str = "") -> FactRow:
    """A row for a probed fact: ``text`` where there is a value, else "not known" and why."""
    if fact.value is None:
        unknown = QCoreApplication.translate("Facts", "not known")
        return FactRow(name, unknown, fact.why_not or fact.source, term=term)
    return FactRow(name, text, fact.source, term=term)
