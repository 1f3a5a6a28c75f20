"""A card that compares all configurations of a run in figures of one kind, where there are any."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QWidget

from backends.domain.result import ConfigurationResult, RunRecord
from gui.models.cells import Cell, TextCell
from gui.models.table import Column, TableModel
from gui.widgets.card import Card
from gui.widgets.table import Table
from gui.widgets.terms import explain
from gui.widgets.text import Role, label
from gui.wizard.pages.entries import entries_of_results
from gui.wizard.pages.measured_words import NOT_MEASURED
from gui.wizard.pages.result_table import ResultColumn, name_column

Results = Sequence[ConfigurationResult]
Read = Callable[[ConfigurationResult], Cell | None]
Spec = tuple[str, Read, str]  # the title, what a result has of it, the term that explains it


class ComparisonCard(Card):
    """``columns`` of the results, the name first. Hidden where that is all."""

    def __init__(
        self,
        title: str,
        note: str,
        columns: Callable[[Results], list[ResultColumn]],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent=parent)
        self.set_title(title)
        self._columns = columns
        self.table: Table | None = None
        self.add(label(note, Role.NOTE, wrap=True))

    def show_run(self, record: RunRecord) -> None:
        ordered = sorted(record.results, key=lambda r: not r.configuration.artifact.original)
        columns = self._columns(ordered)
        self.setVisible(len(columns) > 1)
        if self.table is not None:
            self.body.removeWidget(self.table)
            self.table.hide()
            self.table.deleteLater()
        self.table = Table(TableModel(columns, ordered))
        self.table.setAccessibleName(self.accessibleName())
        self.body.insertWidget(self.body.count() - 1, self.table)


def present_columns(results: Results, specs: Sequence[Spec]) -> list[ResultColumn]:
    """The name, and those columns that have a figure for any of ``results``."""
    shown = {entry.label: entry for entry in entries_of_results(results)}
    found = [
        _column(title, read, explain(term))
        for title, read, term in specs
        if any(read(result) is not None for result in results)
    ]
    return [name_column(shown), *found]


def _column(title: str, read: Read, term: str) -> ResultColumn:
    def cell(result: ConfigurationResult) -> Cell:
        return read(result) or TextCell(NOT_MEASURED, muted=True)

    return Column(title, cell, right=True, term=term)
