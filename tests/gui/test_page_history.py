from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox

from gui.app import Services
from gui.wizard.pages.history import HistoryPage
from tests.gui.simulated import VISION, stored_run


@pytest.fixture
def page(services: Services, qtbot) -> HistoryPage:
    made = HistoryPage(services)
    qtbot.addWidget(made)
    made.resize(1000, 700)
    made.show()
    made.on_enter()
    return made


def shown(page: HistoryPage) -> list[list[str]]:
    model = page.model
    return [[str(model.cell(row, column)) for column in range(1, 6)] for row in range(model.rowCount())]


def answer(monkeypatch: pytest.MonkeyPatch, button: QMessageBox.StandardButton) -> list[str]:
    asked: list[str] = []
    monkeypatch.setattr(QMessageBox, "question", lambda _self, _title, text: asked.append(text) or button)
    return asked


def test_an_empty_history_says_so(page: HistoryPage) -> None:
    assert page.empty.isVisible()
    assert page.empty.title.text() == "No runs yet."
    assert page.state.primary == ""
    assert page.state.actions == ()


def test_runs_newest_first_with_their_state(page: HistoryPage, services: Services) -> None:
    stored_run(services.history, VISION)
    services.history.finish(services.history.start("cut off"), "interrupted")
    services.history.start("now")
    page.on_enter()
    assert shown(page) == [
        ["now", "running", "0", "Open", ""],
        ["cut off", "interrupted", "0", "Open", "Delete"],
        ["Digits", "finished", "3", "Open", "Delete"],
    ]
    assert page.state.status == "3 runs"


def test_a_run_is_opened_with_return_and_left_again(page: HistoryPage, services: Services, qtbot) -> None:
    record = stored_run(services.history, VISION)
    page.on_enter()
    assert not page.state.can_continue
    page.table.selectRow(0)
    assert page.state.can_continue
    qtbot.keyClick(page.table, Qt.Key.Key_Return)
    qtbot.waitUntil(page.view.isVisible)
    assert page.view.report.record == record
    assert page.header.title.text() == "Digits"
    assert page.state.primary == "Export…"
    page.show_list()
    assert page.table.isVisible()
    assert page.header.title.text() == "History"


def test_the_primary_opens_the_chosen_run(page: HistoryPage, services: Services, qtbot) -> None:
    stored_run(services.history, VISION)
    page.on_enter()
    page.table.selectRow(0)
    assert not page.apply()
    qtbot.waitUntil(page.view.isVisible)


def test_a_run_without_results_says_so(page: HistoryPage, services: Services, qtbot) -> None:
    run_id = services.history.start("early")
    services.history.finish(run_id, "cancelled")
    page.on_enter()
    page.open_run(run_id)
    qtbot.waitUntil(page.banner.isVisible)
    assert "before anything whole was measured" in page.banner.sentence.text()
    assert page.table.isVisible()


def test_deleting_asks_first(page: HistoryPage, services: Services, monkeypatch) -> None:
    stored_run(services.history, VISION)
    page.on_enter()
    asked = answer(monkeypatch, QMessageBox.StandardButton.No)
    page.table.link_activated.emit(0, "delete")
    assert "Delete the run of Digits" in asked[0]
    assert len(services.history.runs()) == 1
    answer(monkeypatch, QMessageBox.StandardButton.Yes)
    page.table.link_activated.emit(0, "delete")
    assert services.history.runs() == []
    assert page.empty.isVisible()


def test_an_opened_run_can_be_deleted(page: HistoryPage, services: Services, monkeypatch, qtbot) -> None:
    record = stored_run(services.history, VISION)
    page.on_enter()
    page.open_run(record.run_id)
    qtbot.waitUntil(page.view.isVisible)
    answer(monkeypatch, QMessageBox.StandardButton.Yes)
    next(action for action in page.state.actions if action.text() == "Delete").trigger()
    assert services.history.runs() == []
    assert not page.view.isVisible()


def test_a_damaged_history_is_an_error_on_the_page(services: Services, qtbot, tmp_path) -> None:
    (tmp_path / "history.sqlite3").write_bytes(b"no database" * 100)
    page = HistoryPage(services)
    qtbot.addWidget(page)
    page.on_enter()
    assert "cannot be used" in page.banner.sentence.text()
    assert page.empty.isVisibleTo(page)
