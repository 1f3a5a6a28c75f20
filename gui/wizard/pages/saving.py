"""Saving what a page shows: one dialog for all kinds of files, and a card whose chart can be kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QMenu, QPushButton, QWidget

from backends.domain.errors import BadInput
from gui.charts.export import save_csv, save_png
from gui.charts.plot import Chart
from gui.widgets.card import Card
from gui.widgets.text import Role, label


def ask_where(parent: QWidget, title: str, name: str, kinds: Mapping[str, str]) -> Path | None:
    """``kinds``: suffix → what it holds, "csv" → "Table". ``None`` where the user thought better of it."""
    filters = {f"{words} (*.{suffix})": suffix for suffix, words in kinds.items()}
    first = next(iter(kinds))
    chosen, kind = QFileDialog.getSaveFileName(
        parent, title, f"{file_name(name)}.{first}", ";;".join(filters)
    )
    if not chosen:
        return None
    path = Path(chosen)
    known = path.suffix.lower().removeprefix(".") in kinds
    return path if known else path.with_name(f"{path.name}.{filters.get(kind, first)}")


def file_name(text: str) -> str:
    """``text`` as a name that every system takes."""
    return re.sub(r"[^\w.+-]+", "-", text).strip("-.") or "edgewright"


class ChartCard(Card):
    """A chart with its title; "Save" and the context menu keep it as a picture or as its data."""

    failed = Signal(object)  # BadInput

    def __init__(self, chart: Chart, tip: str = "", note: str = "", parent: QWidget | None = None) -> None:
        self._button = QPushButton()
        super().__init__(chart.name, self._button, tip=tip, parent=parent)
        self.chart = chart
        self._button.setText(self.tr("Save"))
        self._button.setProperty("role", "link")
        self._button.setToolTip(self.tr("Keep this chart as a picture, or its data as a table"))
        self._button.setAccessibleName(self.tr("Save the chart “{0}”").format(chart.name))
        self._button.setCursor(Qt.CursorShape.PointingHandCursor)
        self._button.clicked.connect(lambda: self._open_menu(self._button, self._button.rect().bottomLeft()))
        chart.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        chart.customContextMenuRequested.connect(lambda place: self._open_menu(chart, place))
        self.add(chart, 1)
        self.note = label(note, Role.NOTE, wrap=True)
        self.add(self.note)
        self.set_note(note)

    def set_note(self, note: str) -> None:
        if note != self.note.text() or not note:
            self.note.setText(note)
            self.note.setVisible(bool(note))

    def save_picture(self) -> None:
        path = ask_where(self, self.tr("Save the chart"), self.chart.name, {"png": self.tr("Picture")})
        if path is not None:
            self._keep(save_png, path)

    def save_data(self) -> None:
        path = ask_where(self, self.tr("Save the chart's data"), self.chart.name, {"csv": self.tr("Table")})
        if path is not None:
            self._keep(save_csv, path)

    def _keep(self, save: Callable[[Chart, Path], None], path: Path) -> None:
        try:
            save(self.chart, path)
        except BadInput as error:
            self.failed.emit(error)

    def _open_menu(self, at: QWidget, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(self.tr("Save as picture (PNG)…"), self.save_picture)
        menu.addAction(self.tr("Save data as table (CSV)…"), self.save_data)
        menu.popup(at.mapToGlobal(place))
