"""A certificate in the window: is it as it was signed, by whom, and does its measurement hold here?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from backends.domain.events import Event, Failed, Progress, Result
from backends.domain.gate import Verdict
from backends.domain.metric import Interval
from backends.frameworks.base import JobContext
from backends.storage.history import History
from backends.storage.paths import app_paths
from gui.jobs.runner import Action, Job, Occupation, Terminal
from gui.models.cells import ChipCell, TextCell
from gui.models.table import Column, TableModel
from gui.theme.tone import Tone
from gui.widgets import units
from gui.widgets.card import Card
from gui.widgets.chip import Chip
from gui.widgets.facts import FactGrid, FactRow
from gui.widgets.flow import GAP, CardGrid
from gui.widgets.remedies import in_window
from gui.widgets.table import Table
from gui.widgets.terms import explain
from gui.widgets.text import Role, label
from gui.wizard.pages.measured_words import NOT_MEASURED, verdict_chip
from gui.wizard.pages.point_cards import local_time

if TYPE_CHECKING:
    from backends.actions.certificate import Rerun
    from backends.reporting.agreement import Agreement
    from backends.reporting.verification import ArtifactCheck, Verification
    from gui.app import Services


def verify(path: Path, folders: Sequence[Path], trust: bool) -> Verification:
    from backends.actions.certificate import verify_certificate

    return verify_certificate(path, folders, trust)


def rerun(path: Path, folders: Sequence[Path], job: JobContext, history: History) -> Rerun:
    from backends.actions.certificate import rerun

    return rerun(path, folders, job, history)


@dataclass(frozen=True)
class CertifiedRow:
    label: str
    overall: str
    passed: int
    gates: int
    check: ArtifactCheck | None  # None: nobody has named a folder


class CertificateView(QWidget):
    """``open`` a file; then its signer can be trusted, its artifacts checked, its measurement repeated."""

    verify = staticmethod(verify)
    rerun = staticmethod(rerun)
    changed = Signal()  # what can be done has changed, or how far it is
    failed = Signal(object)  # EdgewrightError or Failed

    def __init__(self, services: Services, occupation: Occupation, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services, self.occupation = services, occupation
        self._job: Job | None = None
        self.path = Path()
        self.folders: tuple[Path, ...] = ()
        self.found: Verification | None = None
        self.status = ""
        self.fraction: float | None = None
        self._lay_out()

    @property
    def busy(self) -> bool:
        return self._job is not None

    @property
    def can_trust(self) -> bool:
        found = self.found
        return found is not None and found.certificate is not None and not found.trusted and not self.busy

    @property
    def can_rerun(self) -> bool:
        found = self.found
        return found is not None and found.certificate is not None and found.intact and not self.busy

    def open(self, path: Path) -> None:
        self.path, self.folders, self.found = path, (), None
        self.repeated.hide()
        self._verify()

    def check_in(self, folder: Path) -> None:
        """Compare the certified artifacts with what is in ``folder``."""
        self.folders = (folder,)
        self._verify()

    def ask_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, self.tr("Where are the certified artifacts?"))
        if name:
            self.check_in(Path(name))

    def trust(self) -> None:
        self._verify(trust=True)

    def repeat(self) -> None:
        """Measure again what is certified. Raises BadInput where something else has the machine."""
        if not self.can_rerun:
            return
        path, folders, history = self.path, (*self.folders, app_paths().artifacts), self._services.history
        self._start(
            self.tr("Repeating the measurement"),
            lambda job: self.rerun(path, folders, job, history),
            self._show_repeated,
            self.occupation,
        )

    def stop(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def _verify(self, trust: bool = False) -> None:
        path, folders = self.path, self.folders
        self._start(
            self.tr("Checking {0}").format(path.name),
            lambda job: self.verify(path, folders, trust),
            self._show_found,
        )

    def _start(
        self,
        what: str,
        action: Action,
        then: Callable[[Any], None],
        occupies: Occupation | None = None,
    ) -> None:
        self.status, self.fraction = what, None

        def end(terminal: Terminal) -> None:
            self._job, self.status, self.fraction = None, "", None
            if isinstance(terminal, Failed):
                self.failed.emit(terminal)
            elif isinstance(terminal, Result):
                then(terminal.payload)
            self.changed.emit()

        self._job = self._services.runner.start(action, end, self._hear, occupies)
        self.changed.emit()

    def _hear(self, events: list[Event]) -> None:
        progress = [event for event in events if isinstance(event, Progress)]
        if progress:
            last = progress[-1]
            self.status = " · ".join(filter(None, (last.what, units.time_left(last.remaining_s))))
            self.fraction = last.fraction
            self.changed.emit()

    def _show_found(self, found: Verification) -> None:
        self.found = found
        self._show_state(found)
        self.problems.setText(in_window("\n".join(filter(None, (*found.problems, found.remedy)))))
        self.problems.setVisible(bool(found.problems))
        self.facts.set_rows(self._facts(found))
        self.certified.setVisible(found.certificate is not None)
        self.rows.set_rows(self._rows(found))

    def _show_state(self, found: Verification) -> None:
        self.trust_chip.setVisible(found.certificate is not None)
        if found.certificate is None:
            self.chip.set_state(self.tr("not valid"), Tone.BAD)
            return
        if found.intact:
            self.chip.set_state(self.tr("as it was signed"), Tone.OK)
        else:
            self.chip.set_state(self.tr("signature holds, artifacts differ"), Tone.BAD)
        if found.trusted:
            self.trust_chip.set_state(self.tr("signer trusted"), Tone.OK)
        else:
            tip = self.tr("Compare the signer's line with the one they tell you, then trust it.")
            self.trust_chip.set_state(self.tr("signer not known here"), Tone.WARN, tip)

    def _facts(self, found: Verification) -> list[FactRow]:
        file = FactRow(self.tr("File"), str(self.path))
        certificate = found.certificate
        if certificate is None:
            return [file]
        machine = certificate.record.machine
        processor = machine.processor.brand.value if machine else None
        return [
            file,
            FactRow(self.tr("Model"), certificate.model),
            FactRow(self.tr("Signed by"), found.signer, self.tr("The first 64 bits of the signer's key")),
            FactRow(self.tr("Issued"), local_time(certificate.issued_at)),
            FactRow(self.tr("Measured"), local_time(certificate.record.started_at)),
            FactRow(self.tr("Machine"), processor or self.tr("not known")),
            FactRow(self.tr("Edgewright"), certificate.product_version),
            *(FactRow(self.tr("Repeat with"), command) for command in certificate.commands),
        ]

    def _rows(self, found: Verification) -> list[CertifiedRow]:
        certificate = found.certificate
        if certificate is None:
            return []
        checks = {check.label: check for check in found.artifacts}
        rows = []
        for artifact in certificate.artifacts:
            verdicts = list(certificate.verdicts.get(artifact.label, {}).values())
            passed = sum(verdict == Verdict.PASS for verdict in verdicts)
            overall = certificate.overall.get(artifact.label, "")
            check = checks.get(artifact.label)
            rows.append(CertifiedRow(artifact.label, overall, passed, len(verdicts), check))
        return rows

    def _show_repeated(self, found: Rerun) -> None:
        agrees = self.tr("agrees") if found.agrees else self.tr("does not agree")
        self.agreement.set_state(agrees, Tone.OK if found.agrees else Tone.BAD)
        self.figures.set_rows(found.agreements)
        run = self.tr("The new run is {0}, in History.").format(found.record.run_id)
        self.remarks.setText("\n".join((*found.remarks, run)))
        self.repeated.show()

    def _lay_out(self) -> None:
        self.chip, self.trust_chip = Chip(), Chip()
        self.facts = FactGrid()
        self.problems = label("", Role.BAD, wrap=True)
        whole = Card(self.tr("Certificate"), self.trust_chip, self.chip)
        whole.add(self.problems).add(self.facts).end()
        self.rows: TableModel[CertifiedRow] = TableModel(self._row_columns())
        note = self.tr("“Check artifacts…” compares the files in a folder with what was certified.")
        self.certified = Card(self.tr("What it certifies")).add(Table(self.rows))
        self.certified.add(label(note, Role.NOTE, wrap=True)).end()
        self.agreement = Chip()
        self.figures: TableModel[Agreement] = TableModel(self._figure_columns())
        self.remarks = label("", Role.NOTE, wrap=True)
        self.repeated = Card(self.tr("Measured again here"), self.agreement, tip=explain("pair"))
        self.repeated.add(Table(self.figures)).add(self.remarks)
        self.repeated.hide()
        grid = CardGrid(min_width=400, weights=(500, 486))
        grid.addWidget(whole)
        grid.addWidget(self.certified)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        column.addLayout(grid)
        column.addWidget(self.repeated)
        column.addStretch(1)

    def _row_columns(self) -> list[Column[CertifiedRow]]:
        return [
            Column(self.tr("Configuration"), lambda row: TextCell(row.label, bold=True), stretch=True),
            Column(self.tr("Gates"), self._gates, term=explain("gate")),
            Column(self.tr("Artifact"), self._artifact),
        ]

    def _gates(self, row: CertifiedRow) -> ChipCell | TextCell:
        if not row.gates:
            return TextCell(NOT_MEASURED, muted=True, tip=self.tr("What the others are held against."))
        text, tone = verdict_chip(Verdict(row.overall))
        return ChipCell(text, tone, self.tr("{0} of {1} gates pass").format(row.passed, row.gates))

    def _artifact(self, row: CertifiedRow) -> ChipCell:
        if row.check is None:
            return ChipCell(self.tr("not checked"), Tone.NEUTRAL)
        if row.check.folder is None:
            return ChipCell(self.tr("not found"), Tone.WARN, row.check.problem)
        if row.check.problem:
            return ChipCell(self.tr("differs"), Tone.BAD, row.check.problem)
        return ChipCell(self.tr("as certified"), Tone.OK, str(row.check.folder))

    def _figure_columns(self) -> list[Column[Agreement]]:
        return [
            Column(self.tr("Configuration"), lambda one: TextCell(one.label, bold=True), stretch=True),
            Column(self.tr("Figure"), lambda one: one.measure),
            Column(self.tr("Then"), lambda one: self._span(one.before), right=True),
            Column(self.tr("Now"), lambda one: self._span(one.after), right=True),
            Column("", self._verdict),
        ]

    def _span(self, value: Interval | None) -> TextCell:
        if value is None:
            return TextCell(NOT_MEASURED, muted=True)
        return TextCell(units.number(value.estimate), second=units.spread(value))

    def _verdict(self, one: Agreement) -> ChipCell:
        if one.agrees:
            return ChipCell(self.tr("agrees"), Tone.OK, one.sentence)
        return ChipCell(self.tr("does not agree"), Tone.BAD, one.sentence)
