from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QMessageBox

from backends.domain.events import Failed
from backends.storage.paths import app_paths
from backends.storage.settings import read_settings
from gui.app import Services
from gui.theme.theme import theme
from gui.wizard.pages.folders import open_folder
from gui.wizard.pages.settings import SettingsPage
from tests.gui.simulated import LANGUAGE, wizard_state, work


@pytest.fixture
def page(services: Services, qtbot) -> SettingsPage:
    made = SettingsPage(services)
    qtbot.addWidget(made)
    made.resize(1000, 700)
    made.show()
    made.on_enter()
    return made


def test_the_theme_changes_at_once_and_is_kept(
    page: SettingsPage, services: Services, qtbot, tmp_path
) -> None:
    qtbot.mouseClick(
        page.schemes["dark"], Qt.MouseButton.LeftButton, pos=page.schemes["dark"].rect().center()
    )
    page.schemes["dark"].click()
    assert theme().dark
    assert read_settings(tmp_path / "settings.json").theme == "dark"
    page.schemes["light"].click()
    assert not theme().dark


def test_the_depth_of_a_benchmark(page: SettingsPage, services: Services) -> None:
    assert page.depths["quick"].isChecked()
    page.depths["thorough"].click()
    assert services.settings.value.benchmark_depth == "thorough"


def test_what_reads_energy_and_whose_electricity_it_is(page: SettingsPage, services: Services) -> None:
    card = page.energy
    assert (card.source.currentData(), card.grid.currentData()) == ("counters", "world")
    for box, name in ((card.source, "battery"), (card.grid, "FR")):
        box.setCurrentIndex(box.findData(name))
        box.activated.emit(box.currentIndex())
    assert (services.settings.value.energy, services.settings.value.grid) == ("battery", "FR")
    page.on_enter()
    assert (card.source.currentData(), card.grid.currentData()) == ("battery", "FR")


def test_the_stress_run_can_be_left_out(page: SettingsPage, services: Services) -> None:
    assert page.stress.isChecked()
    page.stress.click()
    assert not services.settings.value.benchmark_stress
    page.on_enter()
    assert not page.stress.isChecked()


def test_gates_are_shown_as_people_read_them(page: SettingsPage) -> None:
    assert page.boxes["accuracy"].text() == "95.0 %"
    assert page.boxes["decode_speed"].text() == "2.00×"
    assert "stress" not in page.boxes
    assert all(box.accessibleName() for box in page.boxes.values())


def test_changed_gates_are_kept_and_can_be_reset(page: SettingsPage, services: Services) -> None:
    page.boxes["accuracy"].setValue(97.0)
    page.boxes["decode_speed"].setValue(1.5)
    assert services.settings.value.gate_thresholds == {"accuracy": 0.97, "decode_speed": 1.5}
    page.boxes["decode_speed"].setValue(2.0)
    assert services.settings.value.gate_thresholds == {"accuracy": 0.97}
    action = page.state.actions[0]
    assert action.isEnabled()
    action.trigger()
    assert services.settings.value.gate_thresholds == {}
    assert page.boxes["accuracy"].value() == 95.0
    assert not action.isEnabled()


def test_folders_open_where_there_is_one(tmp_path: Path, monkeypatch) -> None:
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    open_folder(tmp_path / "not" / "yet")
    assert [Path(url.toLocalFile()) for url in opened] == [tmp_path]


def unneeded(size_bytes: int = 2_000_000) -> Path:
    """Something made that is in no run."""
    folder = app_paths().artifacts / "tiny"
    folder.mkdir(parents=True)
    (folder / "model.gguf").write_bytes(bytes(size_bytes))
    return folder


def test_what_was_made_takes_is_said(page: SettingsPage, qtbot) -> None:
    card = page.folders
    qtbot.waitUntil(lambda: card.kept.text() != "")
    assert "take 0\xa0B; 0\xa0B of it is needed by nobody." in card.kept.text()
    assert not card.clear.isVisible()
    unneeded()
    page.on_enter()
    qtbot.waitUntil(lambda: "2.00\xa0MB" in card.kept.text())
    assert card.clear.isVisible()


def test_what_nobody_needs_is_cleared_away_once_confirmed(page: SettingsPage, qtbot, monkeypatch) -> None:
    folder, card = unneeded(), page.folders
    page.on_enter()
    qtbot.waitUntil(card.clear.isVisible)
    said: list[str] = []
    answers = [QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes]

    def answer(_parent: object, _title: str, question: str) -> QMessageBox.StandardButton:
        said.append(question)
        return answers.pop(0)

    monkeypatch.setattr(QMessageBox, "question", answer)
    card.clear.click()
    assert "2.00\xa0MB" in said[0] and folder.is_dir()
    card.clear.click()
    qtbot.waitUntil(lambda: "take 0\xa0B" in card.kept.text())
    assert not folder.exists() and not card.clear.isVisible()


def test_what_the_wizard_has_in_hand_stays(page: SettingsPage, services: Services, qtbot) -> None:
    folder, card = unneeded(), page.folders
    state = wizard_state(work(LANGUAGE))
    (choice, made), *_ = state.artifacts.items()
    services.store.update(replace(state, artifacts={choice: replace(made, path=folder / "model.gguf")}))
    card.clear_away()
    qtbot.waitUntil(lambda: "2.00\xa0MB" in card.kept.text())
    assert folder.is_dir() and not card.clear.isVisible()


def test_what_cannot_be_counted_is_not_said(page: SettingsPage, qtbot) -> None:
    qtbot.waitUntil(lambda: page.folders.kept.text() != "")
    before = page.folders.kept.text()
    page.folders.show_kept(Failed("No."))
    assert page.folders.kept.text() == before
