"""The uses there are for data of one's own, and a card for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QPushButton

from backends.domain.model import SourceModel
from gui.theme.tone import Tone
from gui.widgets.card import ChoiceCard
from gui.widgets.chip import Chip
from gui.widgets.text import Role, label


@dataclass(frozen=True)
class Slot:
    """One use of data. ``key`` is the field of :class:`SourceModel`; ``folders``: a folder will do too."""

    key: str
    title: str
    takes: str
    folders: bool = False


class SlotCard(ChoiceCard):
    """What is used for one purpose, and the ways to something else."""

    picked = Signal(object)  # Path
    reset = Signal()

    def __init__(self, slot: Slot) -> None:
        self.chip = Chip()
        super().__init__(slot.title, self.chip)
        self.slot = slot
        self.name = label("", wrap=True)
        self.add(self.name).add(label(slot.takes, Role.NOTE, wrap=True))
        self.body.addStretch(1)
        buttons = QHBoxLayout()
        self.file = self._link(self.tr("File…"), self._ask_file)
        self.folder = self._link(self.tr("Folder…"), self._ask_folder)
        self.back = self._link(self.tr("As it came"), self.reset.emit)
        self.folder.setVisible(slot.folders)
        for button in (self.file, self.folder, self.back):
            buttons.addWidget(button)
        buttons.addStretch(1)
        self.add(buttons)

    def show_path(self, path: Path | None, came: Path | None, *, pending: bool) -> None:
        self.name.setText(path.name if path else self.tr("nothing"))
        self.name.setToolTip(str(path or ""))
        self.back.setVisible(path != came or pending)
        if pending:
            self.chip.set_state(self.tr("not used yet"), Tone.WARN)
        elif path is None:
            self.chip.set_state(self.tr("none"), Tone.NEUTRAL)
        elif path == came:
            self.chip.set_state(self.tr("as it came"), Tone.NEUTRAL)
        else:
            self.chip.set_state(self.tr("yours"), Tone.OK)

    def _link(self, text: str, slot: Callable[[], object]) -> QPushButton:
        button = QPushButton(text)
        button.setProperty("role", "link")
        button.setAccessibleName(f"{self.accessibleName()}: {text}")
        button.clicked.connect(lambda: slot())
        return button

    def _ask_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, self.slot.title)
        if name:
            self.picked.emit(Path(name))

    def _ask_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, self.slot.title)
        if name:
            self.picked.emit(Path(name))


def with_data(source: SourceModel, key: str, path: Path | None) -> SourceModel:
    """``source`` with other data in one slot."""
    paths = {"tasks": source.tasks, "evaluation": source.evaluation, "calibration": source.calibration}
    paths[key] = path
    return replace(
        source,
        tasks=paths["tasks"],
        evaluation=paths["evaluation"],
        calibration=paths["calibration"],
    )
