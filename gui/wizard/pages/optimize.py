"""Step 4: make what was chosen, one after the other, and show what is really inside each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QTimer
from PySide6.QtWidgets import QPushButton

from backends.domain.artifact import Artifact
from backends.domain.model import SourceModel
from backends.frameworks import registry
from backends.frameworks.base import JobContext, Manifest
from backends.frameworks.options import OptionSpec
from backends.storage.paths import app_paths
from backends.workflow.wizard import Choice, WizardState
from gui.widgets import units
from gui.widgets.banner import EmptyState
from gui.widgets.card import Card
from gui.widgets.flow import CardGrid
from gui.widgets.log_view import LogView
from gui.wizard.page import Page
from gui.wizard.pages.optimize_queue import OptimizeQueue, Options, Stage
from gui.wizard.pages.optimize_row import QueueRow
from gui.wizard.pages.options_dialog import OptionsDialog
from gui.wizard.pages.turn import Turn
from gui.wizard.pages.workflow_dialog import WorkflowDialog

if TYPE_CHECKING:
    from gui.app import Services

translate = QCoreApplication.translate
WORKFLOW = "workflow"  # the capability of frameworks whose work can be read and edited before it is done


def make_artifact(
    source: SourceModel, choice: Choice, options: Options, target: Path, job: JobContext
) -> Artifact:
    from backends.actions.quantize import quantize

    return quantize(source, choice.framework, choice.precision, target, job, options)


def make_edited(
    source: SourceModel, choice: Choice, workflow: str, target: Path, job: JobContext
) -> Artifact:
    from backends.actions import olive

    return olive.run_edited(source, choice.precision, workflow, target, job).artifact


def read_original(source: SourceModel, job: JobContext) -> Artifact:
    from backends.actions.convert import original

    return original(source, job)


class OptimizePage(Page):
    make = staticmethod(make_artifact)
    make_edited = staticmethod(make_edited)
    read_original = staticmethod(read_original)

    def __init__(self, services: Services) -> None:
        super().__init__(
            translate("Optimize", "Optimize"),
            translate(
                "Optimize",
                "One after the other: each gets the whole machine. What is really inside is read back.",
            ),
        )
        self._services = services
        self.queue = OptimizeQueue(
            services.store,
            services.runner,
            self._make,
            self.read_original,
            lambda: app_paths().artifacts,
            self,
        )
        self.rows: dict[Choice, QueueRow] = {}
        self.workflows: dict[Choice, str] = {}  # edited ones, instead of the recommended
        self._workflows_of: SourceModel | None = None  # the model they are for
        self._stop = self.make_action(self.tr("Stop"), self.queue.stop, danger=True)
        self._data = self.make_action(self.tr("Data…"), lambda: self.navigate.emit("data"))
        self._go_on = self.make_action(self.tr("Go on"), self._start)
        self.turn = Turn(self, services.runner, "optimize")
        self._lay_out()
        self.queue.changed.connect(self._refresh)
        self.queue.said.connect(self.log.append_lines)
        self.queue.original_failed.connect(self.show_error)
        self.set_state(primary=self.tr("Next: benchmark"))
        self._refresh()

    def on_enter(self) -> None:
        """The user pressed "Optimize": it begins, with whatever is not made yet."""
        self._refresh()
        QTimer.singleShot(0, self, self._start)

    def _start(self) -> None:
        """Making would disturb what is measured, so it waits for the end of that."""
        if self.queue.running:
            self.queue.start()
        elif self.queue.has_work:
            self.turn.take(self._make_all)

    def _make_all(self) -> None:
        self.clear_error()
        self.queue.start()

    def _refresh(self) -> None:
        state = self._services.store.state
        if state.source is not self._workflows_of:
            self._workflows_of = state.source
            self.workflows.clear()
        if tuple(self.rows) != state.chosen:
            self._make_rows(state)
        original = state.original.size_bytes if state.original else 0
        for choice, row in self.rows.items():
            row.show_options(state.options.get(choice, {}))
            row.show_entry(self.queue.entry(choice), state.artifacts.get(choice), original)
        self._empty.setVisible(not self.rows)
        self._say_state(state)

    def _make_rows(self, state: WizardState) -> None:
        known = {manifest.name: manifest for manifest in registry.manifests()}
        self._grid.clear()
        self.rows = {}
        for choice in state.chosen:
            found = known.get(choice.framework)
            title = found.title if found else choice.framework
            has_workflow = found is not None and WORKFLOW in found.capabilities
            has_options = found is not None and bool(self._specs(found, choice, state.source))
            row = QueueRow(title, choice.precision, workflow=has_workflow, options=has_options)
            row.options_wanted.connect(lambda choice=choice: self.open_options(choice))
            row.workflow_wanted.connect(lambda choice=choice: self.open_workflow(choice))
            row.retry.connect(lambda choice=choice: self._retry(choice))
            row.details_wanted.connect(self.details_wanted)
            self.rows[choice] = row
            self._grid.addWidget(row)

    @staticmethod
    def _specs(manifest: Manifest, choice: Choice, source: SourceModel | None) -> list[OptionSpec]:
        """What can be set for this model at this precision."""
        if source is None:
            return []
        kind = source.profile.kind
        return [spec for spec in manifest.options if spec.concerns(kind, choice.precision)]

    def open_options(self, choice: Choice) -> None:
        """Show what can be set for a configuration."""
        state = self._services.store.state
        if state.source is None:
            return
        manifest, kind = registry.manifest(choice.framework), state.source.profile.kind
        dialog = OptionsDialog(
            self.tr("Options of {0} {1}").format(manifest.title, choice.precision),
            self._specs(manifest, choice, state.source),
            state.options.get(choice, {}),
            lambda given: manifest.settings(given, kind, choice.precision),
            self,
        )
        dialog.accepted_values.connect(lambda values: self.use_options(choice, values))
        dialog.open()

    def use_options(self, choice: Choice, options: Options) -> None:
        """Have ``choice`` made with these; anew where it was made otherwise."""
        store = self._services.store
        if options == store.state.options.get(choice, {}) and choice not in self.workflows:
            return
        by_itself = self.queue.entry(choice).stage in (Stage.WAITING, Stage.RUNNING)
        self.clear_error()
        self.workflows.pop(choice, None)
        store.update(store.state.with_options(choice, options))
        if not by_itself:
            self._make_again(choice)

    def open_workflow(self, choice: Choice) -> None:
        """Show the workflow of a configuration, to be edited and run instead."""
        source = self._services.store.state.source
        if source is None:
            return
        dialog = WorkflowDialog(
            self._services, source, choice.precision, self.workflows.get(choice, ""), self
        )
        dialog.run_wanted.connect(lambda text: self.run_workflow(choice, text))
        dialog.open()

    def run_workflow(self, choice: Choice, text: str) -> None:
        """Make ``choice`` anew, with this workflow."""
        self.clear_error()
        self.workflows[choice] = text
        store = self._services.store
        store.update(store.state.with_options(choice, {}))
        self._make_again(choice)

    def _make(
        self,
        source: SourceModel,
        choice: Choice,
        options: Options,
        target: Path,
        job: JobContext,
    ) -> Artifact:
        text = self.workflows.get(choice)
        if text is None:
            return self.make(source, choice, options, target, job)
        return self.make_edited(source, choice, text, target, job)

    def _make_again(self, choice: Choice) -> None:
        if self.queue.running:
            self.queue.retry(choice)
        else:
            self.turn.take(lambda: self.queue.retry(choice))

    def _retry(self, choice: Choice) -> None:
        self.clear_error()
        self._make_again(choice)

    def _say_state(self, state: WizardState) -> None:
        stages = [self.queue.entry(choice).stage for choice in state.chosen]
        done, running = stages.count(Stage.DONE), self.queue.running
        stopped = Stage.STOPPED in stages
        actions = (self._stop,) if running else (self._go_on, self._data) if stopped else (self._data,)
        self.set_state(
            status=self._status(state, done, stages.count(Stage.FAILED)),
            can_continue=done > 0 and state.original is not None,
            busy=running,
            progress=running,
            fraction=self._fraction(state, done) if running else None,
            actions=actions,
        )

    def _fraction(self, state: WizardState, done: int) -> float | None:
        """Of the whole queue, each configuration counted alike."""
        current = self.queue.current
        part = self.queue.entry(current).fraction if current is not None else None
        return (done + (part or 0.0)) / max(1, len(state.chosen))

    def _status(self, state: WizardState, done: int, failed: int) -> str:
        total = len(state.chosen)
        current = self.queue.current
        if current is not None:
            left = units.time_left(self.queue.entry(current).remaining_s)
            text = self.tr("{0} · {1} of {2} done").format(current.precision, done, total)
            return " · ".join(filter(None, (text, left)))
        if self.queue.running:
            return self.tr("Reading the original")
        text = self.tr("{0} of {1} made").format(done, total)
        return f"{text} · {self.tr('{0} failed').format(failed)}" if failed else text

    def _lay_out(self) -> None:
        self._grid = CardGrid(min_width=420, max_columns=2)
        self.add(self._grid)
        self._empty = EmptyState(
            self.tr("Nothing to make"),
            self.tr("Choose at least one framework and precision."),
            self.tr("Recommendation"),
        )
        self._empty.activated.connect(lambda: self.navigate.emit("recommendation"))
        self.add(self._empty)
        self.log = LogView()
        self.log.hide()
        self.toggle = QPushButton(self.tr("Show"))
        self.toggle.setAccessibleName(self.tr("Show or hide the log"))
        self.toggle.clicked.connect(self._toggle_log)
        self.add(Card(self.tr("Log"), self.toggle).add(self.log))
        self.end()

    def _toggle_log(self) -> None:
        shown = self.log.isHidden()
        self.log.setVisible(shown)
        self.toggle.setText(self.tr("Hide") if shown else self.tr("Show"))
