from __future__ import annotations

import threading
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox

from backends.actions.certificate import Rerun, certify
from backends.domain.events import Progress
from backends.domain.result import RunRecord
from backends.frameworks.base import JobContext
from backends.reporting.agreement import agreements
from backends.storage.history import History
from backends.storage.paths import app_paths
from gui.app import Services
from gui.jobs.runner import Occupation
from gui.wizard.pages.certificates import CertificateView
from gui.wizard.pages.history import HistoryPage
from tests.gui.simulated import VISION, certifiable_run, stored_run


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
    assert actions(page) == ["Verify a certificate…"]


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
    assert page.state.primary == "Certify…"
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


@pytest.fixture
def certificate(services: Services, tmp_path: Path) -> Path:
    record = certifiable_run(services.history, tmp_path)
    path = tmp_path / "proof.json"
    certify(record.run_id, path, services.history)
    return path


def opened(page: HistoryPage, qtbot, path: Path) -> CertificateView:
    page.open_certificate(path)
    qtbot.waitUntil(lambda: not page.certificate.busy, timeout=60_000)
    return page.certificate


def actions(page: HistoryPage) -> list[str]:
    return [action.text() for action in page.state.actions]


def test_a_certificate_is_verified(page: HistoryPage, certificate: Path, monkeypatch, qtbot) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(certificate), ""))
    page.ask_certificate()
    qtbot.waitUntil(lambda: not page.certificate.busy, timeout=60_000)
    view = page.certificate
    assert (view.chip.text(), view.trust_chip.text()) == ("as it was signed", "signer trusted")
    rows = {row.label: row.value for row in view.facts.rows}
    assert rows["Signed by"] == view.found.signer
    assert "bench" in rows["Repeat with"]
    assert str(view.rows.cell(0, 2)) == "not checked"
    assert actions(page) == ["All runs", "Check artifacts…"]
    assert page.state.can_continue


def test_certified_artifacts_are_compared_with_files(page, certificate: Path, tmp_path: Path, qtbot) -> None:
    view = opened(page, qtbot, certificate)
    view.check_in(tmp_path / "models")
    qtbot.waitUntil(lambda: not view.busy, timeout=60_000)
    assert {str(view.rows.cell(row, 2)) for row in range(view.rows.rowCount())} == {"as certified"}
    changed = view.found.artifacts[0].folder / "model.gguf"
    changed.write_bytes(changed.read_bytes()[:-1] + b"!")
    view.check_in(tmp_path / "models")
    qtbot.waitUntil(lambda: not view.busy, timeout=60_000)
    assert "differs" in {str(view.rows.cell(row, 2)) for row in range(view.rows.rowCount())}
    assert "changed: model.gguf" in view.problems.text()
    assert not page.state.can_continue, "what differs is not measured as if it were the same"


def test_an_altered_certificate_is_found(page: HistoryPage, certificate: Path, qtbot) -> None:
    certificate.write_bytes(certificate.read_bytes().replace(b"invented", b"measured"))
    view = opened(page, qtbot, certificate)
    assert view.chip.text() == "not valid"
    assert "altered" in view.problems.text()
    assert not view.certified.isVisibleTo(page)
    assert not page.state.can_continue


def test_a_strange_signer_can_be_trusted(page, certificate: Path, tmp_path: Path, qtbot) -> None:
    for file in (app_paths().data / "keys").iterdir():
        file.unlink()
    view = opened(page, qtbot, certificate)
    assert view.trust_chip.text() == "signer not known here"
    assert actions(page) == ["All runs", "Trust this signer", "Check artifacts…"]
    page.state.actions[1].trigger()
    qtbot.waitUntil(lambda: not view.busy, timeout=60_000)
    assert view.trust_chip.text() == "signer trusted"


def test_a_certificate_is_measured_again(page, services: Services, certificate: Path, qtbot) -> None:
    view = opened(page, qtbot, certificate)
    record = services.history.run(services.history.runs()[0].run_id)
    found = Rerun(record, agreements(record, record), ("Other versions now: numpy 1 → 2.",))
    asked = []

    def repeat(path: Path, folders: object, job: JobContext, history: object) -> Rerun:
        asked.append((path, folders))
        job.emit(Progress(0.5, "llama.cpp Q4_K_M: pair 3", 60.0))
        return found

    view.rerun = repeat
    assert not page.apply()
    assert actions(page) == ["Stop"]
    qtbot.waitUntil(lambda: not view.busy, timeout=60_000)
    assert asked == [(certificate, (app_paths().artifacts,))]
    assert view.repeated.isVisibleTo(page)
    assert view.agreement.text() == "agrees"
    assert view.figures.rowCount() == len(found.agreements) > 0
    assert "numpy" in view.remarks.text()
    page.state.actions[0].trigger()
    assert page.card.isVisibleTo(page)


def test_nothing_is_measured_beside_other_work(page, services: Services, certificate: Path, qtbot) -> None:
    view = opened(page, qtbot, certificate)
    hold = threading.Event()
    view.rerun = lambda *_: pytest.fail("it was begun beside other work")
    other = Occupation("Benchmark", "benchmark")
    services.runner.start(lambda job: hold.wait(60), lambda terminal: None, occupies=other)
    page.apply()
    assert "“Benchmark” is running" in page.turn.sentence.text()
    assert not view.busy
    page.turn.forgo.click()
    assert not page.turn.isVisibleTo(page)
    hold.set()
    qtbot.waitUntil(lambda: not services.runner.running)
    assert not view.busy, "who does not wait does not begin"


def test_a_run_that_was_cut_off_is_carried_on(page: HistoryPage, services: Services, qtbot) -> None:
    record = stored_run(services.history, VISION)
    services.history.finish(record.run_id, "interrupted")
    page.on_enter()
    page.table.selectRow(0)
    assert actions(page) == ["Go on", "Delete", "Verify a certificate…"]

    def resume(run_id: str, job: JobContext, history: History) -> RunRecord:
        job.emit(Progress(0.5, "INT8: pair 3", 60.0))
        history.finish(run_id)
        return history.run(run_id)

    page.resume = resume
    page.state.actions[0].trigger()
    assert actions(page) == ["Stop"]
    qtbot.waitUntil(page.view.isVisible, timeout=30_000)
    assert page.view.report.record.state == "finished"
    page.show_list()
    page.table.selectRow(0)
    assert actions(page) == ["Delete", "Verify a certificate…"]


def test_a_run_that_cannot_be_carried_on_says_why(page: HistoryPage, services: Services, qtbot) -> None:
    record = stored_run(services.history, VISION)
    services.history.finish(record.run_id, "cancelled")
    page.on_enter()
    page.table.selectRow(0)
    page.state.actions[0].trigger()
    qtbot.waitUntil(lambda: page.banner.isVisibleTo(page), timeout=30_000)
    assert "Measure again" in page.banner.remedy.text()
