"""All configurations of a run side by side, in a card that remakes its table for each kind of model."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from backends.domain.model import ModelKind
from backends.domain.result import ConfigurationResult, RunRecord
from gui.models.table import TableModel
from gui.widgets.card import Card
from gui.widgets.table import Table
from gui.widgets.text import Role, label
from gui.wizard.pages.entries import entries_of_results, label_of
from gui.wizard.pages.result_table import result_columns


class SummaryCard(Card):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.set_title(self.tr("Side by side"))
        self.table: Table | None = None
        self.results: tuple[ConfigurationResult, ...] = ()
        self.note = label("", Role.NOTE, wrap=True)
        self.add(self.note)

    def show_run(self, record: RunRecord) -> None:
        ordered = sorted(record.results, key=lambda r: not r.configuration.artifact.original)
        self.results = tuple(ordered)
        kind = ordered[0].configuration.artifact.kind if ordered else ModelKind.TENSOR
        energy = [r.energy for r in ordered if r.energy]
        measured = any(reading.measured for reading in energy)
        columns = result_columns(kind, entries_of_results(ordered), measured)
        self._replace(Table(TableModel(columns, self.results)))
        notes = [f"{label_of(r)}: {r.failure}" for r in ordered if r.failure]
        if energy and not measured:
            notes.append(energy[0].why_not)
        self.note.setText("\n".join(notes))
        self.note.setVisible(bool(notes))
        self.show()

    def _replace(self, table: Table) -> None:
        if self.table is not None:
            self.body.removeWidget(self.table)
            self.table.hide()
            self.table.deleteLater()
        self.table = table
        table.setAccessibleName(self.tr("All configurations side by side"))
        self.body.insertWidget(self.body.indexOf(self.note), table)
