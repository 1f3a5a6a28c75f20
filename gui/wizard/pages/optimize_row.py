"""One configuration of the optimize page: its state, and once it is made what is really inside."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton

from backends.domain.artifact import Artifact, Option
from gui.theme.hues import Hue
from gui.theme.tone import Tone
from gui.widgets import units
from gui.widgets.card import Card
from gui.widgets.chip import Chip, FrameworkDot
from gui.widgets.facts import FactGrid, FactRow
from gui.widgets.figure import Figure
from gui.widgets.progress import ThinBar
from gui.widgets.remedies import in_window
from gui.widgets.text import Role, label
from gui.wizard.pages import model_words, option_fields, sameness_words
from gui.wizard.pages.optimize_queue import Entry, Stage

translate = QCoreApplication.translate
TONES = {
    Stage.WAITING: Tone.NEUTRAL,
    Stage.RUNNING: Tone.SOFT,
    Stage.DONE: Tone.OK,
    Stage.FAILED: Tone.BAD,
    Stage.STOPPED: Tone.WARN,
}


def stage_words(stage: Stage) -> str:
    return {
        Stage.WAITING: translate("Optimize", "waiting"),
        Stage.RUNNING: translate("Optimize", "running"),
        Stage.DONE: translate("Optimize", "done"),
        Stage.FAILED: translate("Optimize", "failed"),
        Stage.STOPPED: translate("Optimize", "stopped"),
    }[stage]


class QueueRow(Card):
    retry = Signal()
    details_wanted = Signal(str, str, str)
    workflow_wanted = Signal()
    options_wanted = Signal()

    def __init__(self, title: str, precision: str, *, workflow: bool = False, options: bool = False) -> None:
        super().__init__()
        self.setAccessibleName(f"{title} {precision}")
        self.chip = Chip()
        self._entry = Entry(Stage.WAITING)
        self._add_head(title, precision)
        self.figure, self.bar = Figure(), ThinBar()
        self.note = label("", Role.MUTED, wrap=True)
        self.options_note = label("", Role.MUTED, wrap=True)
        self.options_note.hide()
        self.facts = FactGrid()
        self.warnings = label("", Role.NOTE, wrap=True)
        for widget in (self.options_note, self.figure, self.bar, self.note, self.facts, self.warnings):
            self.add(widget)
        self._add_buttons()
        self._has_workflow, self._has_options = workflow, options
        self.end()
        self.show_entry(self._entry, None, 0)

    def show_entry(self, entry: Entry, artifact: Artifact | None, original_bytes: int) -> None:
        """``original_bytes`` 0: the size of the original is not known yet."""
        self._entry = entry
        self.chip.set_state(stage_words(entry.stage), TONES[entry.stage])
        self.bar.setVisible(entry.stage is Stage.RUNNING)
        self.bar.set_fraction(entry.fraction)
        self.note.setText(self._note(entry))
        self.note.setVisible(bool(self.note.text()))
        self.again.setVisible(entry.stage in (Stage.FAILED, Stage.STOPPED))
        self.details.setVisible(bool(entry.failure and entry.failure.details))
        idle = entry.stage is not Stage.RUNNING
        self.workflow.setVisible(self._has_workflow and idle)
        self.options.setVisible(self._has_options and idle)
        for widget in (self.figure, self.facts):
            widget.setVisible(artifact is not None)
        self.warnings.setVisible(artifact is not None and bool(artifact.warnings))
        if artifact is not None:
            self._show_artifact(artifact, original_bytes)

    def show_options(self, options: Mapping[str, Option]) -> None:
        """What the user has set otherwise than it usually is."""
        self.options_note.setText(self.tr("With {0}").format(option_fields.words(options)))
        self.options_note.setVisible(bool(options))

    def _note(self, entry: Entry) -> str:
        if entry.failure is not None:
            return in_window(f"{entry.failure.message} {entry.failure.remedy}".strip())
        if entry.stage is Stage.RUNNING:
            parts = (entry.what or self.tr("Starting"), units.time_left(entry.remaining_s))
            return " · ".join(filter(None, parts))
        if entry.stage is Stage.STOPPED:
            return self.tr("Not made; nothing half-done was kept.")
        return ""

    def _show_artifact(self, artifact: Artifact, original_bytes: int) -> None:
        value, unit = units.split_bytes(artifact.size_bytes)
        tip = self.tr("Size of {0}").format(artifact.path)
        if original_bytes:
            share = units.percent(artifact.size_bytes / original_bytes)
            whole = units.size(original_bytes)
            unit = self.tr("{0}, {1} of the original's {2}").format(unit, share, whole)
        self.figure.set(value, unit, tip=tip)
        took = FactRow(self.tr("Took"), units.duration(artifact.took_s), tip)
        tried = artifact.options.get("tried")
        best = (FactRow(self.tr("Best of"), self.tr("{0} tried").format(tried)),) if tried else ()
        self.facts.set_rows(
            (*model_words.inside(artifact.contents), *sameness_words.rows(artifact), *best, took)
        )
        self.warnings.setText("\n".join(artifact.warnings))

    def _add_head(self, title: str, precision: str) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(FrameworkDot(Hue(title)))
        head.addWidget(label(title, Role.STRONG))
        head.addWidget(label(precision, Role.MUTED), 1)
        head.addWidget(self.chip)
        self.add(head)

    def _add_buttons(self) -> None:
        self.again, self.details = QPushButton(self.tr("Try again")), QPushButton(self.tr("Details"))
        self.again.clicked.connect(self.retry)
        self.details.clicked.connect(self._ask_details)
        self.workflow = QPushButton(self.tr("Workflow…"))
        self.workflow.setToolTip(self.tr("See the workflow as JSON, edit it, search, and run it."))
        self.workflow.clicked.connect(self.workflow_wanted)
        self.options = QPushButton(self.tr("Options…"))
        self.options.setToolTip(self.tr("How the framework quantizes: what can be set, and make it so."))
        self.options.clicked.connect(self.options_wanted)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self.again)
        row.addWidget(self.options)
        row.addWidget(self.workflow)
        row.addWidget(self.details)
        row.addStretch(1)
        self.add(row)

    def _ask_details(self) -> None:
        failure = self._entry.failure
        if failure is not None:
            self.details_wanted.emit(failure.message, failure.remedy, failure.details)
