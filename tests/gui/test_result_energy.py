"""Energy on the Result page: a column where it was measured, the reason where it was not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from backends.domain.energy import DomainEnergy, EnergyReading
from backends.domain.metric import Interval
from backends.domain.result import RunRecord
from gui.wizard.pages.summary_card import SummaryCard
from tests.unit.reporting.made_up import made_up_run

JOULES, GROSS = Interval(0.15, 0.14, 0.16, 0.95, 3), Interval(0.19, 0.18, 0.2, 0.95, 3)
MEASURED = EnergyReading("new token", (DomainEnergy("package-0", "rapl", 5.0, 25.0, JOULES, GROSS),), 3, 10.0)
NOT_MEASURED = EnergyReading("new token", why_not="Energy was not measured. Ask the administrator.")


def run_with(energy: EnergyReading | None) -> RunRecord:
    record = made_up_run()
    return replace(record, results=tuple(replace(one, energy=energy, failure="") for one in record.results))


def titles(card: SummaryCard) -> list[str]:
    assert card.table is not None
    model = card.table.model()
    return [str(model.headerData(n, Qt.Orientation.Horizontal)) for n in range(model.columnCount())]


@pytest.mark.parametrize(
    ("energy", "column", "note"),
    [(MEASURED, True, ""), (NOT_MEASURED, False, "Ask the administrator."), (None, False, "")],
)
def test_energy_in_the_table_or_the_reason_below(
    qtbot: QtBot, energy: EnergyReading | None, column: bool, note: str
) -> None:
    card = SummaryCard()
    qtbot.addWidget(card)
    card.show_run(run_with(energy))
    assert ("Energy" in titles(card)) is column
    assert note in card.note.text() and card.note.isVisibleTo(card) is bool(note)
    if column:
        assert card.table is not None
        model = card.table.model()
        cell = model.index(0, titles(card).index("Energy"))
        assert "0.15" in str(model.data(cell))
