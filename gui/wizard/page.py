"""What a page offers the shell: a title, a state, and content in a column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLayout, QSizePolicy, QVBoxLayout, QWidget

from backends.domain.errors import EdgewrightError
from backends.domain.events import Failed
from gui.widgets.banner import ErrorBanner
from gui.widgets.flow import GAP
from gui.widgets.header import PageHeader


@dataclass(frozen=True)
class PageState:
    """All that the shell shows of a page besides its content.

    ``primary`` "" leaves the primary button out. ``progress`` draws the thin bar above ``status``, with
    ``fraction`` ``None`` while the length of the work is not known. While ``busy`` there is no going on.
    """

    status: str = ""
    primary: str = ""
    can_continue: bool = False
    busy: bool = False
    progress: bool = False
    fraction: float | None = None
    back: bool = True
    actions: tuple[QAction, ...] = ()


class Page(QWidget):
    """Base of every page. Content goes into ``column`` with :meth:`add`; one page, one file.

    ``apply`` runs on the primary button and says whether the shell may go on to the next step.
    ``on_enter`` and ``on_leave`` run whenever the page comes into and goes out of sight.
    """

    state_changed = Signal()
    navigate = Signal(str)  # the key of a step or place to go to
    details_wanted = Signal(str, str, str)  # sentence, remedy, details: for the error dialog

    max_width = 1500  # of the content; beyond it the margins grow

    def __init__(self, title: str, subtitle: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.state = PageState()
        self.title = title
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 24, 0, 24)
        self.column.setSpacing(GAP)
        self.header = PageHeader(title, subtitle)
        self.banner = ErrorBanner()
        self.banner.details_wanted.connect(self._ask_for_details)
        self.column.addWidget(self.header)
        self.column.addWidget(self.banner)
        self.setAccessibleName(title)

    def add(self, item: QWidget | QLayout, stretch: int = 0) -> None:
        if isinstance(item, QLayout):
            self.column.addLayout(item, stretch)
        else:
            self.column.addWidget(item, stretch)

    def end(self) -> None:
        """Keep the content at the top; call once after everything was added."""
        self.column.addStretch(1)

    def set_state(self, **changes: Any) -> None:
        """Change fields of :class:`PageState`; the shell follows."""
        state = replace(self.state, **changes)
        if state != self.state:
            self.state = state
            self.state_changed.emit()

    def show_error(self, error: EdgewrightError | Failed) -> None:
        """The sentence and remedy on the page, details one click away."""
        self.banner.show_error(error.message, error.remedy, getattr(error, "details", ""))

    def clear_error(self) -> None:
        self.banner.clear()

    def apply(self) -> bool:
        return True

    def on_enter(self) -> None: ...

    def on_leave(self) -> None: ...

    def make_action(self, text: str, slot: Any, *, danger: bool = False) -> QAction:
        """A quiet button of the action bar; show it with ``set_state(actions=(…,))``."""
        action = QAction(text, self)
        action.setData("danger" if danger else None)
        action.triggered.connect(lambda: slot())
        return action

    def _ask_for_details(self) -> None:
        banner = self.banner
        self.details_wanted.emit(banner.sentence.text(), banner.remedy.text(), banner.details)


def full_width(widget: QWidget) -> QWidget:
    """Let ``widget`` take what width there is and keep its own height."""
    widget.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return widget


def row(widgets: Sequence[QWidget], layout: QLayout) -> QLayout:
    """Fill ``layout`` (a CardGrid, mostly) with ``widgets``."""
    for widget in widgets:
        layout.addWidget(widget)
    return layout
