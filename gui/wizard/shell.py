"""The wizard's frame: rail, pages, action bar. Of a page it knows the state, of the steps their order.

Steps and places are attached from outside; a page is made when it is first visited.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from gui.widgets.action_bar import ActionBar
from gui.widgets.step_rail import StepRail, StepState
from gui.wizard.page import Page
from gui.wizard.page_area import MARGIN, PageArea

PageFactory = Callable[[], Page]


class Flow(Protocol):
    """What the shell asks the wizard's brain (backends.workflow) about a step."""

    def missing(self, key: str) -> str:
        """Why the step cannot be entered yet, as a sentence; empty when it can."""

    def is_done(self, key: str) -> bool: ...


@dataclass
class _Entry:
    key: str
    title: str
    factory: PageFactory
    area: PageArea | None = None


class Shell(QWidget):
    """``go_to`` opens a step or place; Alt+Left/Right, Ctrl+1… and the rail do the same."""

    current_changed = Signal(str)
    details_wanted = Signal(str, str, str)

    def __init__(self, flow: Flow, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._flow = flow
        self._steps: dict[str, _Entry] = {}
        self._places: dict[str, _Entry] = {}
        self._current = ""
        self.rail = StepRail()
        self.stack = QStackedWidget()
        self.bar = ActionBar()
        self.rail.chosen.connect(self.go_to)
        self.bar.primary_clicked.connect(self.go_on)
        self.bar.back_clicked.connect(self.go_back)
        self._lay_out()
        self._shortcut("Alt+Right", self.go_on)
        self._shortcut("Alt+Left", self.go_back)

    @property
    def current(self) -> str:
        return self._current

    @property
    def current_page(self) -> Page | None:
        entry = self._entry(self._current)
        return entry.area.page if entry and entry.area else None

    def page(self, key: str) -> Page:
        """The page of a step or place, made now if it was never visited."""
        return self._area(key).page

    def add_step(self, key: str, title: str, factory: PageFactory) -> None:
        self._steps[key] = _Entry(key, title, factory)
        self.rail.add_step(key, title)
        number = len(self._steps)
        if number <= 9:
            self._shortcut(f"Ctrl+{number}", lambda: self.go_to(key))

    def add_place(self, key: str, title: str, factory: PageFactory, *, foot: bool = False) -> None:
        """A page beside the steps: History, Frameworks; Settings at the foot of the rail."""
        self._places[key] = _Entry(key, title, factory)
        self.rail.add_place(key, title, foot=foot)

    def go_to(self, key: str) -> bool:
        """Open ``key``; ``False`` where the step is not open yet."""
        if key == self._current:
            return True
        if key in self._steps and self._flow.missing(key):
            return False
        area = self._area(key)
        leaving = self.current_page
        self._current = key
        if leaving is not None:
            leaving.on_leave()
        self.stack.setCurrentWidget(area)
        self.bar.set_margin(area.margin)
        area.setFocus(Qt.FocusReason.OtherFocusReason)
        area.page.on_enter()
        self.refresh()
        self.current_changed.emit(key)
        return True

    def go_on(self) -> None:
        """The primary action: the page's own work, then the next step if there is one."""
        page = self.current_page
        if page is None or not page.state.primary or not page.state.can_continue or page.state.busy:
            return
        if page.apply() and (key := self._neighbour(+1)):
            self.go_to(key)
        self.refresh()

    def go_back(self) -> None:
        page = self.current_page
        if page is not None and page.state.back and (key := self._neighbour(-1)):
            self.go_to(key)

    def refresh(self) -> None:
        """Read the page's state and the flow again."""
        self._refresh_rail()
        page = self.current_page
        if page is None:
            return
        state = page.state
        self.bar.set_status(state.status, state.fraction, progress=state.progress)
        self.bar.set_primary(state.primary, enabled=state.can_continue and not state.busy)
        self.bar.back.setVisible(state.back and bool(self._neighbour(-1)))
        self.bar.set_actions(state.actions)

    def sizeHint(self) -> QSize:
        return QSize(1280, 800)

    def _refresh_rail(self) -> None:
        missing = {key: self._flow.missing(key) for key in self._steps}
        states = {key: self._state_of(key, closed=bool(why)) for key, why in missing.items()}
        self.rail.set_states(states, self._current, missing)

    def _state_of(self, key: str, *, closed: bool) -> StepState:
        if closed:
            return StepState.CLOSED
        return StepState.DONE if self._flow.is_done(key) else StepState.OPEN

    def _neighbour(self, distance: int) -> str:
        keys = list(self._steps)
        if self._current not in keys:
            return ""
        position = keys.index(self._current) + distance
        return keys[position] if 0 <= position < len(keys) else ""

    def _entry(self, key: str) -> _Entry | None:
        return self._steps.get(key) or self._places.get(key)

    def _area(self, key: str) -> PageArea:
        entry = self._entry(key)
        if entry is None:
            raise KeyError(key)
        if entry.area is None:
            entry.area = self._make_area(entry)
        return entry.area

    def _make_area(self, entry: _Entry) -> PageArea:
        page = entry.factory()
        area = PageArea(page)
        page.state_changed.connect(lambda: self._page_changed(page))
        page.navigate.connect(self.go_to)
        page.details_wanted.connect(self.details_wanted)
        area.margin_changed.connect(lambda margin: self._margin_changed(area, margin))
        self.stack.addWidget(area)
        return area

    def _page_changed(self, page: Page) -> None:
        if page is self.current_page:
            self.refresh()
        else:
            self._refresh_rail()

    def _margin_changed(self, area: PageArea, margin: int) -> None:
        if area is self.stack.currentWidget():
            self.bar.set_margin(margin)

    def _lay_out(self) -> None:
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(self.stack, 1)
        right.addWidget(self.bar)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.rail)
        row.addLayout(right, 1)
        self.bar.set_margin(MARGIN)

    def _shortcut(self, keys: str, slot: Callable[[], object]) -> None:
        shortcut = QShortcut(QKeySequence(keys), self)
        shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
        shortcut.activated.connect(lambda: slot())
