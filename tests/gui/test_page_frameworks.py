from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox

from backends.domain.errors import JobFailed
from backends.domain.events import Log, Progress
from backends.frameworks import registry
from backends.frameworks.base import Availability, Manifest
from backends.frameworks.environments import EnvironmentStatus, State
from gui.app import Services
from gui.wizard.pages.frameworks import NETWORK, Actions, FrameworksPage, Origin
from tests.unit.samples import machine


class Desk:
    """Actions of a test; what is installed is a set of names."""

    def __init__(self) -> None:
        self.installed = {"llamacpp", "onnxruntime", "openvino"}
        self.broken: set[str] = set()
        self.asked = 0
        self.changes: list[tuple[str, str]] = []
        self.origins: list[Origin] = []
        self.own: set[str] = set()
        self.wait = threading.Event()
        self.wait.set()
        self.error: Exception | None = None

    @property
    def actions(self) -> Actions:
        return Actions(self.availabilities, self.tool, self.change, self.status, lambda manifest: ())

    def tool(self, manifest: Manifest) -> Availability:
        return self._answer(manifest.name)

    def availabilities(self, job) -> dict[str, Availability]:
        self.asked += 1
        return {m.name: self._answer(m.name) for m in registry.manifests()}

    def change(self, verb: str, name: str, origin: Origin, job) -> Availability:
        self.changes.append((verb, name))
        self.origins.append(origin)
        job.emit(Progress(0.4, "Gathering packages", 30.0))
        job.emit(Log("Collecting olive-ai"))
        undo = job.token.on_cancel(self.wait.set)
        assert self.wait.wait(30)
        undo()
        job.check_cancelled()
        if self.error is not None:
            raise self.error
        (self.installed.discard if verb == "remove" else self.installed.add)(name)
        self.broken.discard(name)
        return self._answer(name)

    def status(self, manifest: Manifest) -> EnvironmentStatus:
        if not manifest.environment:
            return EnvironmentStatus("", State.BASE)
        state = State.READY if manifest.name in self.installed else State.ABSENT
        state = State.BROKEN if manifest.name in self.broken else state
        own = manifest.name in self.own
        return EnvironmentStatus(
            manifest.environment, state, "not installed", own=own, download_bytes=360_000_000
        )

    def _answer(self, name: str) -> Availability:
        if name in self.installed:
            return Availability(name, True, "1.2", ("CPU", "GPU"))
        return Availability(
            name, False, reason="not installed", remedy=f"Run “edgewright frameworks install {name}”."
        )


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def page(services: Services, desk: Desk, qtbot) -> FrameworksPage:
    made = FrameworksPage(services, desk.actions)
    qtbot.addWidget(made)
    made.resize(1000, 700)
    made.show()
    made.on_enter()
    qtbot.waitUntil(lambda: made.state.status == "3 of 6 ready")
    return made


@pytest.fixture
def yes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked: list[str] = []
    button = QMessageBox.StandardButton.Yes
    monkeypatch.setattr(QMessageBox, "question", lambda _self, _title, text: asked.append(text) or button)
    return asked


def facts(page: FrameworksPage, name: str) -> dict[str, str]:
    return {row.label: row.value for row in page.cards[name].facts.rows}


def test_six_frameworks_with_state_version_and_devices(page: FrameworksPage) -> None:
    frameworks = {"llamacpp", "mlx", "olive", "onnxruntime", "openvino", "qnn"}
    assert set(page.cards) == frameworks | {"optimum"}
    assert page.cards["openvino"].chip.text() == "ready"
    assert facts(page, "openvino") == {
        "Version": "1.2",
        "Devices here": "CPU · GPU",
        "Lives in": "the program itself",
    }
    assert page.cards["olive"].chip.text() == "not installed"
    assert page.cards["olive"].accessibleName() == "Olive"


def test_only_what_can_be_done_has_a_button(page: FrameworksPage) -> None:
    buttons = {verb: button.isVisible() for verb, button in page.cards["olive"].buttons.items()}
    assert buttons == {"install": True, "repair": False, "remove": False}
    assert not any(button.isVisible() for button in page.cards["llamacpp"].buttons.values())
    assert page.cards["olive"].buttons["install"].accessibleName() == "Install: Olive"


def test_installing_asks_works_and_asks_all_anew(page: FrameworksPage, desk: Desk, yes, qtbot) -> None:
    qtbot.mouseClick(page.cards["olive"].buttons["install"], Qt.MouseButton.LeftButton)
    assert "360" in yes[0]
    qtbot.waitUntil(lambda: page.state.status == "4 of 6 ready")
    assert desk.changes == [("install", "olive")]
    assert desk.origins == [NETWORK]
    assert desk.asked == 2
    assert page.cards["olive"].buttons["remove"].isVisible()


def test_a_tool_is_installed_and_removed_and_is_no_framework(
    page: FrameworksPage, services: Services, desk: Desk, yes, qtbot
) -> None:
    card = page.cards["optimum"]
    assert card.chip.text() == "not installed"
    qtbot.mouseClick(card.buttons["install"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: desk.asked == 2 and not page.state.progress)
    assert (card.chip.text(), page.state.status) == ("ready", "3 of 6 ready")
    assert card.buttons["remove"].isVisible()
    assert facts(page, "optimum") == {"Lives in": "an environment of its own"}
    assert "optimum" not in services.store.state.availability
    qtbot.mouseClick(card.buttons["remove"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: desk.asked == 3 and not page.state.progress)
    assert desk.changes == [("install", "optimum"), ("remove", "optimum")]
    assert card.chip.text() == "not installed"


def test_progress_is_shown_and_can_be_cancelled(page: FrameworksPage, desk: Desk, yes, qtbot) -> None:
    desk.wait.clear()
    page.want("olive", "install")
    qtbot.waitUntil(lambda: page.state.status.startswith("Gathering packages · about 30"))
    assert page.state.fraction == 0.4
    qtbot.waitUntil(lambda: "Collecting olive-ai" in page.log.toPlainText())
    assert not page.cards["olive"].buttons["install"].isEnabled()
    page.state.actions[0].trigger()
    qtbot.waitUntil(lambda: not page.state.progress)
    assert "olive" not in desk.installed
    assert page.cards["olive"].buttons["install"].isEnabled()


def test_a_failure_stays_on_the_page_with_its_log(page: FrameworksPage, desk: Desk, yes, qtbot) -> None:
    desk.error = JobFailed("The network is not there.", "Try again later.")
    page.want("olive", "install")
    qtbot.waitUntil(page.banner.isVisible)
    assert page.banner.sentence.text() == "The network is not there."
    assert page.log.isVisible()


def test_thinking_better_of_it_changes_nothing(page: FrameworksPage, desk: Desk, monkeypatch) -> None:
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.No)
    page.want("olive", "install")
    assert desk.changes == []


def test_a_broken_environment_can_be_repaired(page: FrameworksPage, desk: Desk, yes, qtbot) -> None:
    desk.broken.add("mlx")
    page.ask()
    qtbot.waitUntil(lambda: not page.state.progress)
    assert page.cards["mlx"].chip.text() == "needs repair"
    assert page.cards["mlx"].buttons["repair"].isVisible()
    assert facts(page, "mlx")["Why not"] == "Not installed"
    assert "Remedy" not in facts(page, "mlx")  # it is the button
    page.want("mlx", "repair")
    qtbot.waitUntil(lambda: page.state.status == "4 of 6 ready")


def test_what_the_hardware_page_heard_is_not_asked_again(services: Services, desk: Desk, qtbot) -> None:
    known = {m.name: Availability(m.name, m.name == "mlx") for m in registry.manifests()}
    services.store.update(services.store.state.with_hardware(machine(), known))
    page = FrameworksPage(services, desk.actions)
    qtbot.addWidget(page)
    page.on_enter()
    assert desk.asked == 0
    assert page.state.status == "1 of 6 ready"


def test_the_wizard_learns_of_a_new_framework(
    page: FrameworksPage, services: Services, desk, yes, qtbot
) -> None:
    services.store.update(replace(services.store.state, hardware=machine()))
    page.want("qnn", "install")
    qtbot.waitUntil(lambda: page.state.status == "4 of 6 ready")
    assert services.store.state.availability["qnn"].available


@pytest.mark.parametrize(
    ("way", "dialog", "answer", "origin"),
    [
        ("wheels", "getExistingDirectory", "/stick/wheels", Origin(wheels=Path("/stick/wheels"))),
        ("python", "getOpenFileName", ("/mine/bin/python", ""), Origin(python=Path("/mine/bin/python"))),
    ],
)
def test_other_ways_to_install(
    page: FrameworksPage, desk: Desk, qtbot, monkeypatch, way, dialog, answer, origin
) -> None:
    card = page.cards["olive"]
    assert card.more.isVisible() and all(action.isVisible() for action in card.ways.values())
    monkeypatch.setattr(QFileDialog, dialog, lambda *_, **__: "" if way == "wheels" else ("", ""))
    card.ways[way].trigger()
    assert desk.changes == []
    monkeypatch.setattr(QFileDialog, dialog, lambda *_, **__: answer)
    card.ways[way].trigger()
    qtbot.waitUntil(lambda: page.state.status == "4 of 6 ready")
    assert (desk.changes, desk.origins) == ([("install", "olive")], [origin])
    assert not card.more.isVisible()
    assert not page.cards["llamacpp"].more.isVisible()


def test_nothing_is_installed_into_a_python_of_ones_own(page: FrameworksPage, desk: Desk, qtbot) -> None:
    desk.broken.add("mlx")
    desk.own.add("mlx")
    page.ask()
    qtbot.waitUntil(lambda: not page.state.progress)
    ways = page.cards["mlx"].ways
    assert {way: action.isVisible() for way, action in ways.items()} == {"wheels": False, "python": True}


def test_no_remedy_on_the_page_is_a_command(page: FrameworksPage, desk: Desk, qtbot) -> None:
    desk.installed.clear()
    desk.broken.update(("mlx", "qnn"))
    page.ask()
    qtbot.waitUntil(lambda: not page.state.progress)
    shown = [row.value for card in page.cards.values() for row in card.facts.rows]
    assert not [text for text in shown if "edgewright " in text or "--" in text]
    assert facts(page, "llamacpp")["Remedy"] == "Install Edgewright again."
