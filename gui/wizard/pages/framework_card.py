"""One framework: whether it can be used here, why not, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QWidget

from backends.frameworks import registry
from backends.frameworks.base import Availability, Manifest
from backends.frameworks.environments import EnvironmentStatus, State
from gui.theme.hues import Hue
from gui.theme.tone import Tone
from gui.widgets import units
from gui.widgets.card import Card
from gui.widgets.chip import Chip, DotLabel
from gui.widgets.facts import FactGrid, FactRow
from gui.widgets.text import Role, label
from gui.wizard.pages.recommendation_words import COMMAND

INSTALL, REPAIR, REMOVE = "install", "repair", "remove"
WHEELS, PYTHON = "wheels", "python"  # other ways to install


@dataclass(frozen=True)
class FrameworkState:
    """``answer`` ``None``: it has not been asked yet."""

    manifest: Manifest
    status: EnvironmentStatus
    answer: Availability | None = None
    shared_with: tuple[str, ...] = ()

    @property
    def managed(self) -> bool:
        return bool(self.manifest.environment)

    @property
    def possible(self) -> tuple[str, ...]:
        """What can be done about its environment."""
        if not self.managed or (self.answer and "system" in self.answer.reason):
            return ()
        return {
            State.ABSENT: (INSTALL,),
            State.BROKEN: (REPAIR, REMOVE),
            State.READY: (REMOVE,) if self.answer and self.answer.available else (REPAIR, REMOVE),
        }.get(self.status.state, ())

    @property
    def other_ways(self) -> tuple[str, ...]:
        """Without the network. A Python of the user's own is never installed into."""
        if not {INSTALL, REPAIR} & set(self.possible):
            return ()
        return (PYTHON,) if self.status.own else (WHEELS, PYTHON)


class FrameworkCard(Card):
    """``wanted`` carries the framework's name and what to do: install, repair, remove, or another way."""

    wanted = Signal(str, str)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        self.chip = Chip()
        super().__init__("", parent=parent)
        self._name = name
        self.head = QHBoxLayout()
        self.summary = label("", Role.MUTED, wrap=True)
        self.facts = FactGrid()
        self.buttons = {verb: self._button(verb) for verb in (INSTALL, REPAIR, REMOVE)}
        row = QHBoxLayout()
        row.setSpacing(8)
        for button in self.buttons.values():
            row.addWidget(button)
        self.more = QPushButton(self.tr("Other ways"))
        self.ways = self._menu()
        row.addWidget(self.more)
        row.addStretch(1)
        self.add(self.head).add(self.summary).add(self.facts)
        self.body.addStretch(1)
        self.add(row)

    def show_state(self, state: FrameworkState, *, busy: bool) -> None:
        title = state.manifest.title
        self.setAccessibleName(title)
        self._show_head(title)
        self.chip.set_state(*self._chip(state))
        self.summary.setText(state.manifest.summary)
        self.facts.set_rows(self._rows(state))
        for verb, button in self.buttons.items():
            button.setVisible(verb in state.possible)
            button.setEnabled(not busy)
            button.setAccessibleName(f"{button.text()}: {title}")
        for way, action in self.ways.items():
            action.setVisible(way in state.other_ways)
        self.more.setVisible(bool(state.other_ways))
        self.more.setEnabled(not busy)
        self.more.setAccessibleName(self.tr("Other ways to install {0}").format(title))
        self.buttons[REMOVE].setText(self.tr("Forget this Python") if state.status.own else self.tr("Remove"))

    def _show_head(self, title: str) -> None:
        if self.head.count():
            return
        self.head.addWidget(DotLabel(title, Hue(title), Role.STRONG), 1)
        self.head.addWidget(self.chip)

    def _button(self, verb: str) -> QPushButton:
        texts = {INSTALL: self.tr("Install"), REPAIR: self.tr("Repair"), REMOVE: self.tr("Remove")}
        button = QPushButton(texts[verb])
        if verb == REMOVE:
            button.setProperty("role", "danger")
        button.clicked.connect(lambda: self.wanted.emit(self._name, verb))
        return button

    def _menu(self) -> dict[str, QAction]:
        menu = QMenu(self.more)
        texts = {
            WHEELS: self.tr("From a folder of wheels…"),
            PYTHON: self.tr("Use a Python of your own…"),
        }
        ways = {way: menu.addAction(text) for way, text in texts.items()}
        for way, action in ways.items():
            action.triggered.connect(lambda _checked=False, way=way: self.wanted.emit(self._name, way))
        self.more.setMenu(menu)
        return ways

    def _chip(self, state: FrameworkState) -> tuple[str, Tone]:
        answer = state.answer
        if answer is None:
            return self.tr("asking"), Tone.NEUTRAL
        if answer.available:
            return (
                (self.tr("check only"), Tone.WARN) if state.manifest.emulated else (self.tr("ready"), Tone.OK)
            )
        if state.status.state is State.ABSENT and state.possible:
            return self.tr("not installed"), Tone.NEUTRAL
        if state.status.state is State.BROKEN:
            return self.tr("needs repair"), Tone.WARN
        return self.tr("not available"), Tone.BAD

    def _rows(self, state: FrameworkState) -> list[FactRow]:
        answer, status = state.answer, state.status
        rows = []
        if answer is not None and answer.available:
            rows += [] if registry.is_tool(state.manifest) else self._told(answer)
        elif answer is not None and state.possible != (INSTALL,):
            rows.append(FactRow(self.tr("Why not"), _sentence(answer.reason)))
            if remedy := self._remedy(state, answer.remedy):
                rows.append(FactRow(self.tr("Remedy"), remedy))
        rows.append(FactRow(self.tr("Lives in"), self._place(state), state.manifest.isolation_reason))
        if state.possible == (INSTALL,) and status.disk_bytes:
            text = self.tr("{0} to download, {1} on disk")
            sizes = text.format(units.size(status.download_bytes), units.size(status.disk_bytes))
            rows.append(FactRow(self.tr("Takes"), sizes))
        return rows

    def _remedy(self, state: FrameworkState, told: str) -> str:
        """What a command would mend, the buttons do here."""
        if COMMAND not in told:
            return told
        return "" if state.managed else self.tr("Install Edgewright again.")

    def _told(self, answer: Availability) -> list[FactRow]:
        return [
            FactRow(self.tr("Version"), answer.version or self.tr("not told")),
            FactRow(self.tr("Devices here"), " · ".join(answer.devices) or self.tr("none")),
        ]

    def _place(self, state: FrameworkState) -> str:
        if not state.managed:
            return self.tr("the program itself")
        if state.status.own:
            return self.tr("your own Python, {0}").format(state.status.interpreter)
        own = self.tr("an environment of its own")
        if state.shared_with:
            return self.tr("an environment shared with {0}").format(", ".join(state.shared_with))
        return own


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] if text else "–"
