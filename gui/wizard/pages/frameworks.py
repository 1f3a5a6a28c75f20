"""Which frameworks there are, what is missing for the others, and installing it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QFileDialog, QMessageBox

from backends.domain.events import Event, Failed, Log, Progress, Result
from backends.frameworks import registry
from backends.frameworks.base import Availability, JobContext, Manifest
from backends.frameworks.environments import EnvironmentStatus
from gui.jobs.runner import Job, Terminal
from gui.widgets import units
from gui.widgets.flow import CardGrid
from gui.widgets.log_view import LogView
from gui.widgets.text import Role, label
from gui.wizard.page import Page
from gui.wizard.pages.framework_card import (
    INSTALL,
    PYTHON,
    REMOVE,
    REPAIR,
    WHEELS,
    FrameworkCard,
    FrameworkState,
)
from gui.wizard.pages.turn import Turn

if TYPE_CHECKING:
    from gui.app import Services


@dataclass(frozen=True)
class Origin:
    """Where an installation comes from, if not from the network."""

    wheels: Path | None = None
    python: Path | None = None


NETWORK = Origin()


@dataclass(frozen=True)
class Actions:
    """What the page has done elsewhere; tests hand in their own."""

    availabilities: Callable[[JobContext], Mapping[str, Availability]]
    tool: Callable[[Manifest], Availability]  # asks no process
    change: Callable[[str, str, Origin, JobContext], Availability]  # verb, name
    status: Callable[[Manifest], EnvironmentStatus]
    sharing: Callable[[Manifest], tuple[str, ...]]


def real_actions() -> Actions:
    from backends.actions import environments
    from backends.actions.frameworks import availabilities, tool

    def change(verb: str, name: str, origin: Origin, job: JobContext) -> Availability:
        if verb == INSTALL:
            return environments.install(name, job, origin.wheels, origin.python)
        return environments.repair(name, job) if verb == REPAIR else environments.remove(name, job)

    return Actions(availabilities, tool, change, environments.status, environments.sharing)


class FrameworksPage(Page):
    def __init__(self, services: Services, actions: Actions | None = None) -> None:
        super().__init__(QCoreApplication.translate("Frameworks", "Frameworks"))
        self._services, self._actions = services, actions or real_actions()
        self._job: Job | None = None
        self.turn = Turn(self, services.runner, "frameworks")
        self._answers: Mapping[str, Availability] = services.store.state.availability
        self.header.set_text(
            self.title,
            self.tr(
                "What makes and runs models. Where libraries clash they live in environments of their own."
            ),
        )
        self.cards: dict[str, FrameworkCard] = {}
        self._grid = CardGrid(min_width=300, max_columns=3)
        self.add(self._grid)
        self._tools = CardGrid(min_width=300, max_columns=3)
        self.add(label(self.tr("Tools"), Role.HEADING))
        what = self.tr("Converters in environments of their own. They run no models.")
        self.add(label(what, Role.MUTED, wrap=True))
        self.add(self._tools)
        self.log = LogView()
        self.log.hide()
        self.add(self.log)
        self.end()
        self._cancel = self.make_action(self.tr("Cancel"), self.cancel, danger=True)
        self._ask = self.make_action(self.tr("Ask again"), self.ask)
        self._show_cards()
        self._rest()

    def on_enter(self) -> None:
        """What the Hardware page has heard is good enough; else every framework is asked."""
        self._answers = self._answers or self._services.store.state.availability
        if self._job is None and not self._answers:
            self.ask()
        self._show_cards()

    def ask(self) -> None:
        if self._job is None:
            self.clear_error()
            self._job = self._services.runner.start(
                self._actions.availabilities, self._take_answers, self._hear
            )
            self._work(self.tr("Asking the frameworks"))

    def want(self, name: str, verb: str) -> None:
        if self._job is not None:
            return
        if verb in (WHEELS, PYTHON):
            origin = self._chosen(name, verb)
            if origin is not None:
                self.change(name, INSTALL, origin)
        elif self._confirmed(name, verb):
            self.change(name, verb)

    def change(self, name: str, verb: str, origin: Origin = NETWORK) -> None:
        """As soon as nothing is measured: installing would disturb it."""
        self.turn.take(lambda: self._change(name, verb, origin))

    def _change(self, name: str, verb: str, origin: Origin) -> None:
        self.clear_error()
        self.log.clear()
        self.log.show()
        self._job = self.turn.run(
            lambda job: self._actions.change(verb, name, origin, job), self._take_change, self._hear
        )
        self._work(self.tr("Starting"))

    def cancel(self) -> None:
        if self._job is not None:
            self.set_state(status=self.tr("Cancelling"), actions=())
            self._job.cancel()

    def _hear(self, events: list[Event]) -> None:
        self.log.append_lines(event.text for event in events if isinstance(event, Log))
        progress = [event for event in events if isinstance(event, Progress)]
        if progress:
            last = progress[-1]
            status = " · ".join(filter(None, (last.what, units.time_left(last.remaining_s))))
            self.set_state(status=status, fraction=last.fraction)

    def _take_answers(self, terminal: Terminal) -> None:
        if isinstance(terminal, Result):
            self._answers = terminal.payload
            self._publish()
        self._finish(terminal)

    def _take_change(self, terminal: Terminal) -> None:
        """Frameworks in the same environment have changed with it, so all are asked anew."""
        self._finish(terminal)
        if isinstance(terminal, Result):
            if not registry.is_tool(registry.manifest(terminal.payload.framework)):
                self._answers = {**self._answers, terminal.payload.framework: terminal.payload}
            self.log.hide()
            self.ask()

    def _finish(self, terminal: Terminal) -> None:
        self._job = None
        if isinstance(terminal, Failed):
            self.show_error(terminal)
        self._rest()
        self._show_cards()

    def _publish(self) -> None:
        """The recommendation rests on it, where the machine has been looked at."""
        store = self._services.store
        if store.state.hardware is not None and store.state.availability != self._answers:
            store.update(replace(store.state, availability=self._answers, recommendation=None))
        self._show_cards()

    def _work(self, what: str) -> None:
        self.set_state(status=what, progress=True, fraction=None, actions=(self._cancel,))
        self._show_cards()

    def _rest(self) -> None:
        ready = sum(answer.available for answer in self._answers.values())
        status = self.tr("{0} of {1} ready").format(ready, len(self._answers)) if self._answers else ""
        self.set_state(status=status, progress=False, fraction=None, actions=(self._ask,))

    def _show_cards(self) -> None:
        for manifest in registry.manifests():
            self._show_card(manifest, self._answers.get(manifest.name), self._grid)
        for tool in registry.tools():
            self._show_card(tool, self._actions.tool(tool), self._tools)

    def _show_card(self, manifest: Manifest, answer: Availability | None, grid: CardGrid) -> None:
        if manifest.name not in self.cards:
            card = FrameworkCard(manifest.name)
            card.wanted.connect(self.want)
            self.cards[manifest.name] = card
            grid.addWidget(card)
        status, shared = self._actions.status(manifest), self._actions.sharing(manifest)
        state = FrameworkState(manifest, status, answer, shared)
        self.cards[manifest.name].show_state(state, busy=self._job is not None)

    def _chosen(self, name: str, way: str) -> Origin | None:
        """``None``: no folder and no program was chosen after all."""
        title = registry.manifest(name).title
        if way == WHEELS:
            asked = self.tr("Choose the folder with the wheels of {0}").format(title)
            folder = QFileDialog.getExistingDirectory(self, asked)
            return Origin(wheels=Path(folder)) if folder else None
        asked = self.tr("Choose a Python that has the packages of {0}").format(title)
        program, _ = QFileDialog.getOpenFileName(self, asked, options=QFileDialog.Option.DontResolveSymlinks)
        return Origin(python=Path(program)) if program else None

    def _confirmed(self, name: str, verb: str) -> bool:
        manifest = registry.manifest(name)
        status, shared = self._actions.status(manifest), self._actions.sharing(manifest)
        if verb == REMOVE:
            text = self.tr("Remove the environment of {0}?").format(" · ".join((manifest.title, *shared)))
        else:
            text = self.tr(
                "Install {0}? It downloads {1} from the Python Package Index and takes {2} on disk."
            )
            sizes = units.size(status.download_bytes), units.size(status.disk_bytes)
            text = text.format(manifest.title, *sizes)
        answer = QMessageBox.question(self, manifest.title, text)
        return answer == QMessageBox.StandardButton.Yes
