"""The queue behind the optimize page: one choice after the other is made, each by a job of its own."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QObject, Signal

from backends.domain.artifact import Artifact, Option
from backends.domain.events import Event, Failed, Log, Progress, Result, Started
from backends.domain.model import SourceModel
from backends.frameworks.base import JobContext
from backends.workflow.wizard import Choice
from gui.jobs.runner import Job, JobRunner, Occupation, Terminal
from gui.wizard.store import WizardStore

Options = Mapping[str, Option]  # of quantizing
Make = Callable[[SourceModel, Choice, Options, Path, JobContext], Artifact]
ReadOriginal = Callable[[SourceModel, JobContext], Artifact]
ENOUGH_S, ENOUGH = 2.0, 0.05  # of a job before its own pace says when it will be done


class Stage(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Entry:
    """What is known of one choice. ``failure`` holds sentence, remedy and details."""

    stage: Stage
    what: str = ""
    fraction: float | None = None
    remaining_s: float | None = None
    failure: Failed | None = None


class OptimizeQueue(QObject):
    """Makes what the store's state says is to be made; results go into the store as they arrive.

    Call ``start`` and ``retry`` when nobody else has the machine: making would disturb what is measured.
    """

    changed = Signal()
    said = Signal(list)  # lines for the log
    original_failed = Signal(object)  # Failed

    def __init__(
        self,
        store: WizardStore,
        runner: JobRunner,
        make: Make,
        read_original: ReadOriginal,
        folder: Callable[[], Path],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._store, self._runner = store, runner
        self._make, self._read_original, self._folder = make, read_original, folder
        self._source: SourceModel | None = None
        self._entries: dict[Choice, Entry] = {}
        self._current: Choice | None = None
        self._options: Options = {}  # with which the current one is made
        self._job: Job | None = None
        self._began_s = 0.0
        self._occupation = Occupation(QCoreApplication.translate("Optimize", "Optimize"), "optimize")
        self._wanted = False  # to be made, as soon as nothing else runs
        store.changed.connect(self._follow_store)

    @property
    def running(self) -> bool:
        return self._job is not None

    @property
    def has_work(self) -> bool:
        """There is something that was not made, or was stopped; what failed waits for :meth:`retry`."""
        state = self._store.state
        if state.original is None:
            return bool(state.chosen)
        return any(self.entry(choice).stage is not Stage.FAILED for choice in state.to_make)

    @property
    def current(self) -> Choice | None:
        """What is being made now."""
        return self._current

    def entry(self, choice: Choice) -> Entry:
        if choice in self._store.state.artifacts:
            return Entry(Stage.DONE)
        return self._entries.get(choice, Entry(Stage.WAITING))

    def start(self) -> None:
        """Go on with what is waiting or was stopped; what failed waits for :meth:`retry`."""
        self._wanted = True
        self._entries = {c: e for c, e in self._entries.items() if e.stage is not Stage.STOPPED}
        self._next()

    def retry(self, choice: Choice) -> None:
        self._wanted = True
        self._entries.pop(choice, None)
        self.changed.emit()
        self._next()

    def stop(self) -> None:
        """End the running job; what waits stays where it is until :meth:`start`."""
        for choice in self._store.state.to_make:
            if self.entry(choice).stage is Stage.WAITING:
                self._entries[choice] = Entry(Stage.STOPPED)
        if self._job is not None:
            self._job.cancel()
        self.changed.emit()

    def _next(self) -> None:
        state = self._store.state
        if self._job is not None or state.source is None:
            return
        self._source = state.source
        if state.original is None and state.chosen:
            self._run_original(state.source)
            return
        waiting = [c for c in state.to_make if self.entry(c).stage is Stage.WAITING]
        if waiting:
            self._run(state.source, waiting[0])
        self.changed.emit()

    def _run_original(self, source: SourceModel) -> None:
        """First what everything is compared with: nothing is made that could not be measured."""
        self._job = self._runner.start(
            lambda job: self._read_original(source, job), self._original_read, occupies=self._occupation
        )
        self.changed.emit()

    def _original_read(self, terminal: Terminal) -> None:
        if self._ended_for_another_model():
            return
        if isinstance(terminal, Result):
            self._store.update(self._store.state.with_original(terminal.payload))
            self._next()
            return
        if isinstance(terminal, Failed):
            self.original_failed.emit(terminal)
        self.changed.emit()

    def _run(self, source: SourceModel, choice: Choice) -> None:
        target = self._folder() / folder_name(source, choice)
        self._current, self._began_s = choice, time.monotonic()
        self._entries[choice] = Entry(Stage.RUNNING)
        self._options = options = self._store.state.options.get(choice, {})
        self._job = self._runner.start(
            lambda job: self._make(source, choice, options, target, job),
            self._made,
            self._hear,
            self._occupation,
        )

    def _hear(self, events: list[Event]) -> None:
        choice = self._current
        if choice is None:
            return
        self.said.emit([line for event in events if (line := _line(event))])
        for event in events:
            if isinstance(event, Started):
                self._entries[choice] = replace(self._entries[choice], what=event.what)
            elif isinstance(event, Progress):
                self._entries[choice] = self._advanced(self._entries[choice], event)
        self.changed.emit()

    def _advanced(self, entry: Entry, event: Progress) -> Entry:
        fraction = entry.fraction if event.fraction is None else event.fraction
        return replace(
            entry,
            what=event.what or entry.what,
            fraction=fraction,
            remaining_s=event.remaining_s if event.remaining_s is not None else self._by_pace(fraction),
        )

    def _by_pace(self, fraction: float | None) -> float | None:
        """Time left where the job itself tells none; ``None`` before there is a pace to speak of."""
        spent_s = time.monotonic() - self._began_s
        if fraction is None or fraction < ENOUGH or spent_s < ENOUGH_S:
            return None
        return spent_s * (1 - fraction) / fraction

    def _made(self, terminal: Terminal) -> None:
        choice, self._current = self._current, None
        if self._ended_for_another_model() or choice is None:
            return
        self._entries.pop(choice, None)
        state = self._store.state
        if self._options_changed(choice):
            pass  # it waits, to be made with the new ones
        elif isinstance(terminal, Result):
            self._store.update(state.with_artifact(choice, terminal.payload))
        elif isinstance(terminal, Failed):
            self._entries[choice] = Entry(Stage.FAILED, failure=terminal)
            self.said.emit([line for line in terminal.details.splitlines() if line.strip()])
            self._store.update(state.with_failure(choice, f"{terminal.message} {terminal.remedy}".strip()))
        else:
            self._entries[choice] = Entry(Stage.STOPPED)
        self._next()

    def _ended_for_another_model(self) -> bool:
        """``True`` where the user has meanwhile chosen another model: the result is nobody's."""
        self._job = None
        if self._source is self._store.state.source:
            return False
        if self._wanted:
            self._next()
        self.changed.emit()
        return True

    def _options_changed(self, choice: Choice) -> bool:
        """Meanwhile: what comes of the running job is not what is wanted any more."""
        return self._store.state.options.get(choice, {}) != self._options

    def _follow_store(self) -> None:
        if self._source is not None and self._store.state.source is not self._source:
            self._source, self._wanted = None, False
            self._entries.clear()
            if self._job is not None:
                self._job.cancel()
        elif self._job is not None and self._current is not None and self._options_changed(self._current):
            self._job.cancel()
        self.changed.emit()


def folder_name(source: SourceModel, choice: Choice) -> str:
    """Unique, and readable where the user looks into the folder."""
    words = "-".join((source.name, choice.framework, choice.precision)).lower()
    plain = re.sub(r"[^a-z0-9_.]+", "-", words).strip("-.")
    return f"{plain[:80]}-{uuid.uuid4().hex[:8]}"


def _line(event: Event) -> str:
    if isinstance(event, Started):
        return f"— {event.what}"
    if isinstance(event, Log):
        return event.text
    return ""
