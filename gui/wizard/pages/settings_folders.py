"""Where things are kept, what they take, and clearing away what nobody needs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QMessageBox, QPushButton

from backends.actions.cleaning import Kept, clear, kept
from backends.domain.events import Failed, Result
from backends.storage.history import History
from backends.storage.paths import app_paths
from gui.jobs.runner import Terminal
from gui.widgets.card import Card
from gui.widgets.text import Role, label
from gui.widgets.units import size
from gui.wizard.pages.folders import open_folder

if TYPE_CHECKING:
    from gui.app import Services


class FoldersCard(Card):
    """What stored runs need, and what the wizard shows just now, is never cleared away here."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._things: tuple[Kept, ...] = ()
        self.set_title(self.tr("Folders"))
        self.kept = label("", Role.NOTE, wrap=True)
        self.clear = self._link(self.tr("Clear that away…"), self.ask)
        self.clear.hide()
        note = self.tr("Set EDGEWRIGHT_HOME before starting to keep everything in one other folder.")
        self.add(self._places()).add(self.kept).add(self.clear).add(label(note, Role.NOTE, wrap=True)).end()

    def read(self) -> None:
        """Count anew, in the background."""
        shown = self._shown()
        self._services.runner.start(lambda _job: _found(shown), self.show_kept)

    def show_kept(self, terminal: Terminal) -> None:
        """Where it cannot be counted, nothing is said."""
        if not isinstance(terminal, Result):
            return
        self._things = terminal.payload
        text = self.tr("Models made, converted and downloaded take {0}; {1} of it is needed by nobody.")
        total = sum(one.size_bytes for one in self._things)
        self.kept.setText(text.format(size(total), size(self._free_bytes)))
        self.clear.setVisible(bool(self._free_bytes))

    def ask(self) -> None:
        question = self.tr(
            "Clear {0} away? These models and downloads belong to no stored run. "
            "They can be made or fetched again."
        )
        title = self.tr("Clear away")
        answer = QMessageBox.question(self, title, question.format(size(self._free_bytes)))
        if answer == QMessageBox.StandardButton.Yes:
            self.clear_away()

    def clear_away(self) -> None:
        """What has come into use since it was counted stays."""
        self.clear.setEnabled(False)
        shown = self._shown()
        self._services.runner.start(lambda _job: clear(_found(shown)), self._cleared)

    def _cleared(self, terminal: Terminal) -> None:
        self.clear.setEnabled(True)
        self.read()
        if isinstance(terminal, Failed):
            self.kept.setText(terminal.message)

    @property
    def _free_bytes(self) -> int:
        return sum(one.size_bytes for one in self._things if not one.needed)

    def _shown(self) -> tuple[Path, ...]:
        """What the wizard's pages have in hand: made in an earlier session perhaps, and in no run yet."""
        state = self._services.store.state
        forms = state.source.forms.values() if state.source else ()
        made = (state.original, *state.made)
        return (*forms, *(one.path for one in made if one is not None))

    def _places(self) -> QGridLayout:
        paths = app_paths()
        places = {
            self.tr("History and settings"): paths.data,
            self.tr("Models made here"): paths.artifacts,
            self.tr("Frameworks"): paths.environments,
            self.tr("Cache"): paths.cache,
        }
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setColumnStretch(1, 1)
        for row, (name, path) in enumerate(places.items()):
            grid.addWidget(label(name, Role.MUTED), row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(label(str(path), wrap=True), row, 1)
            grid.addWidget(self._opener(name, path), row, 2, Qt.AlignmentFlag.AlignTop)
        return grid

    def _opener(self, name: str, path: Path) -> QPushButton:
        link = self._link(self.tr("open"), lambda: open_folder(path))
        link.setAccessibleName(self.tr("Open the folder: {0}").format(name))
        return link

    @staticmethod
    def _link(text: str, follow: Callable[[], None]) -> QPushButton:
        link = QPushButton(text)
        link.setProperty("role", "link")
        link.setCursor(Qt.CursorShape.PointingHandCursor)
        link.clicked.connect(lambda: follow())
        return link


def _found(shown: Collection[Path]) -> tuple[Kept, ...]:
    paths = app_paths()
    return tuple(
        replace(one, in_use=one.in_use or any(path.is_relative_to(one.path) for path in shown))
        for one in kept(paths, History(paths.history))
    )
