from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices

from backends.domain.events import Failed
from backends.storage.paths import app_paths
from backends.storage.settings import read_settings
from gui.app import Services
from gui.theme.theme import theme
from gui.wizard.pages.folders import open_folder
from gui.wizard.pages.settings import SettingsPage


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


def test_what_was_made_takes_is_said(services: Services, page: SettingsPage, qtbot) -> None:
    qtbot.waitUntil(lambda: page.kept.text() != "")
    assert "take 0\xa0B; 0\xa0B of it is needed by nobody." in page.kept.text()
    folder = app_paths().artifacts / "tiny"
    folder.mkdir(parents=True)
    (folder / "model.gguf").write_bytes(bytes(2_000_000))
    page.on_enter()
    qtbot.waitUntil(lambda: "2.00\xa0MB" in page.kept.text())
    assert "edgewright clean --all" in page.kept.text()


def test_what_cannot_be_counted_is_not_said(page: SettingsPage, qtbot) -> None:
    qtbot.waitUntil(lambda: page.kept.text() != "")
    before = page.kept.text()
    page._show_kept(Failed("No."))
    assert page.kept.text() == before
