"""The columns of the table of runs."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from backends.storage.history import RunSummary
from gui.models.cells import ChipCell, LinkCell, TextCell
from gui.models.table import Column
from gui.wizard.pages.measured_words import state_chip
from gui.wizard.pages.point_cards import local_time

OPEN, DELETE = "open", "delete"
translate = QCoreApplication.translate


def run_columns() -> list[Column[RunSummary]]:
    return [
        Column(translate("HistoryPage", "When"), lambda run: local_time(run.started_at)),
        Column(translate("HistoryPage", "Model"), lambda run: TextCell(run.model, bold=True), stretch=True),
        Column(translate("HistoryPage", "State"), _state),
        Column(translate("HistoryPage", "Configurations"), lambda run: str(run.configurations), right=True),
        Column("", lambda run: LinkCell(translate("HistoryPage", "Open"), OPEN)),
        Column("", lambda run: LinkCell(translate("HistoryPage", "Delete"), DELETE) if ended(run) else ""),
    ]


def _state(run: RunSummary) -> ChipCell:
    tip = {
        "interrupted": translate(
            "HistoryPage", "The program ended before the run did; what was measured is here."
        ),
        "cancelled": translate("HistoryPage", "Stopped by you; what was measured is here."),
        "running": translate("HistoryPage", "Being measured now, in this window or another."),
    }.get(run.state, translate("HistoryPage", "Measured to the end."))
    return ChipCell(*state_chip(run.state), tip)


def ended(run: RunSummary) -> bool:
    """A run that is being measured cannot be deleted from under its readings."""
    return run.state != "running"
