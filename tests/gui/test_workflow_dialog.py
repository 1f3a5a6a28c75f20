"""The workflow of a configuration: shown, edited, refused where it must be, and run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from backends.domain.errors import BadInput
from backends.frameworks.base import Planned, WorkflowPass
from backends.workflow.wizard import Choice
from gui.app import Services
from gui.wizard.pages.optimize import OptimizePage
from gui.wizard.pages.workflow_dialog import Actions, WorkflowDialog
from tests.unit.samples import artifact, available, machine, source

CHOICE = Choice("olive", "INT8_STATIC")
PASSES = (
    WorkflowPass("OnnxStaticQuantization", ("*",), ("int8",), needs_data=True),
    WorkflowPass("IncQuantization", ("cpu",), ("int4", "int8"), lacking=("neural-compressor",)),
)


@dataclass
class Desk:
    planned: list[str] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    listed: list[tuple[str, str]] = field(default_factory=list)
    bad: BadInput | None = None

    @property
    def actions(self) -> Actions:
        return Actions(self.plan, self.check, self.passes)

    def plan(self, model, precision: str, mode: str, job) -> Planned:
        self.planned.append(mode)
        return Planned(f'{{"passes": {{"{mode or "recommended"}": {{}}}}}}', ("One is left out.",))

    def check(self, model, precision: str, text: str, job) -> Planned:
        self.checked.append(text)
        if self.bad is not None:
            raise self.bad
        return Planned(text)

    def passes(self, device: str, precision: str, job) -> tuple[WorkflowPass, ...]:
        self.listed.append((device, precision))
        return PASSES if device == "*" else PASSES[:1]


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk()
    monkeypatch.setattr(WorkflowDialog, "make_actions", staticmethod(lambda: made.actions))
    return made


@pytest.fixture
def open_dialog(services: Services, desk: Desk, qtbot) -> Iterator[Callable[..., WorkflowDialog]]:
    opened: list[WorkflowDialog] = []

    def opener(text: str = "") -> WorkflowDialog:
        dialog = WorkflowDialog(services, source(), "INT8_STATIC", text)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
        qtbot.addWidget(dialog)
        opened.append(dialog)
        dialog.show()
        qtbot.waitUntil(lambda: dialog.passes.count() == 2)
        qtbot.waitUntil(lambda: bool(dialog.editor.toPlainText()))
        return dialog

    yield opener
    for dialog in opened:
        dialog.close()


def test_the_recommended_one_is_shown_and_others_on_demand(open_dialog, desk: Desk, qtbot) -> None:
    dialog = open_dialog()
    assert "recommended" in dialog.editor.toPlainText()
    assert dialog.status.text() == "One is left out."
    dialog.mode.setCurrentIndex(1)
    dialog.load()
    qtbot.waitUntil(lambda: "search" in dialog.editor.toPlainText())
    assert desk.planned == ["", "search"]


def test_passes_are_narrowed_by_device_and_say_what_they_lack(open_dialog, desk: Desk, qtbot) -> None:
    dialog = open_dialog("{}")
    lacking = dialog.passes.item(1)
    assert "neural-compressor" in lacking.toolTip()
    assert not lacking.flags() & Qt.ItemFlag.ItemIsEnabled
    assert "calibration" in dialog.passes.item(0).toolTip()
    dialog.device.setCurrentIndex(1)
    dialog.device.activated.emit(1)
    qtbot.waitUntil(lambda: dialog.passes.count() == 1)
    assert desk.listed[-1] == ("cpu", "*")


def test_what_is_no_json_cannot_be_run(open_dialog) -> None:
    dialog = open_dialog('{"passes": 1}')
    assert dialog.run_button.isEnabled()
    dialog.editor.setPlainText('{"passes":\n  oops}')
    assert not dialog.run_button.isEnabled()
    assert "line 2, column 3" in dialog.syntax.text()


def test_what_is_refused_is_said_and_not_run(open_dialog, desk: Desk, qtbot) -> None:
    desk.bad = BadInput("The workflow would run code (“user_script”).", "Remove it.")
    dialog = open_dialog('{"passes": {"a": {"user_script": "x.py"}}}')
    ran: list[str] = []
    dialog.run_wanted.connect(ran.append)
    dialog.check(then_run=True)
    qtbot.waitUntil(dialog.banner.isVisible)
    assert "user_script" in dialog.banner.sentence.text()
    assert dialog.isVisible()
    assert ran == []


def test_what_can_be_run_is_checked_first(open_dialog, desk: Desk, qtbot) -> None:
    dialog = open_dialog('{"passes": {"mine": {}}}')
    with qtbot.waitSignal(dialog.run_wanted) as wanted:
        dialog.run_button.click()
    assert wanted.args == desk.checked == ['{"passes": {"mine": {}}}']
    assert not dialog.isVisible()


def test_an_edited_workflow_makes_the_configuration_anew(
    services: Services, monkeypatch: pytest.MonkeyPatch, qtbot
) -> None:
    ran: list[str] = []

    def edited(model, choice: Choice, text: str, target: Path, job):
        ran.append(text)
        return replace(artifact("INT8_STATIC", "olive"), options={"tried": 6})

    recommended = staticmethod(lambda *asked: artifact("INT8_STATIC", "olive"))
    monkeypatch.setattr(OptimizePage, "make", recommended)
    monkeypatch.setattr(OptimizePage, "make_edited", staticmethod(edited))
    original = staticmethod(lambda model, job: artifact("F16", original=True))
    monkeypatch.setattr(OptimizePage, "read_original", original)
    state = services.store.state.with_hardware(machine(), available("olive")).with_source(source())
    services.store.update(state.with_chosen((CHOICE, Choice("llamacpp", "Q8_0"))))
    page = OptimizePage(services)
    qtbot.addWidget(page)
    page.show()
    page.on_enter()
    qtbot.waitUntil(lambda: len(services.store.state.artifacts) == 2)
    qtbot.waitUntil(lambda: not page.queue.running)
    assert page.rows[CHOICE].workflow.isVisible()
    assert not page.rows[Choice("llamacpp", "Q8_0")].workflow.isVisible()
    page.run_workflow(CHOICE, "{}")
    qtbot.waitUntil(lambda: ran == ["{}"] and not page.queue.running)
    assert "6 tried" in [row.value for row in page.rows[CHOICE].facts.rows]
