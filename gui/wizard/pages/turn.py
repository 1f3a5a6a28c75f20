"""A page's turn at the machine: what measures has it to itself, so until then the page says who has it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QBoxLayout, QPushButton

from backends.domain.events import Event
from gui.jobs.runner import Action, Job, JobRunner, Occupation, Terminal
from gui.theme.tone import Tone
from gui.widgets.banner import NoticeBanner
from gui.wizard.page import Page

BELOW_ERRORS = 2  # of a page's column: the header and the error banner come first


class Turn(NoticeBanner):
    """``take`` it before anything is begun that measures or loads the machine for long; ``run`` does that."""

    def __init__(self, page: Page, runner: JobRunner, place: str) -> None:
        super().__init__(Tone.WARN, page)
        self._runner = runner
        self._begin: Callable[[], None] | None = None
        self.occupation = Occupation(page.title, place)
        self.forgo = QPushButton(self.tr("Do not wait"))
        self.forgo.clicked.connect(self.forget)
        row = self.layout()
        assert isinstance(row, QBoxLayout)
        row.addWidget(self.forgo, 0, Qt.AlignmentFlag.AlignTop)
        self._place = ""
        self.activated.connect(lambda: page.navigate.emit(self._place))
        runner.freed.connect(self._try_again)
        page.column.insertWidget(BELOW_ERRORS, self)

    @property
    def waiting(self) -> bool:
        return self._begin is not None

    def take(self, begin: Callable[[], None]) -> None:
        """``begin`` now, or as soon as nobody else has the machine."""
        other = self._runner.occupation
        if other is None:
            self.forget()
            begin()
            return
        self._begin, self._place = begin, other.place
        mine = other.place == self.occupation.place
        disturbing = self.tr("“{0}” is running: both would disturb each other.").format(other.what)
        self.show_notice(
            self.tr("What was begun here before has not ended yet.") if mine else disturbing,
            self.tr("This waits, and begins by itself once that has ended."),
            "" if mine else self.tr("Go there"),
        )

    def run(
        self,
        action: Action,
        on_finished: Callable[[Terminal], None],
        on_events: Callable[[list[Event]], None] | None = None,
    ) -> Job:
        """Start a job that has the machine to itself. Raises BadInput where another one has it."""
        return self._runner.start(action, on_finished, on_events, self.occupation)

    def forget(self) -> None:
        """Wait no longer."""
        self._begin = None
        self.hide()

    def _try_again(self) -> None:
        if self._begin is not None:
            self.take(self._begin)
