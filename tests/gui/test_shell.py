from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget

from backends.domain.errors import BadInput
from gui.main_window import MainWindow
from gui.theme.theme import Scheme, theme
from gui.widgets.step_rail import StepState
from gui.wizard.page import Page
from gui.wizard.shell import Shell
from tests.gui.mock_pages import PAGES, TITLES, OpenFlow, mock_shell


class Diary(Page):
    def __init__(self, name: str, diary: list[str]) -> None:
        super().__init__(name, "A page of a test.")
        self._name, self._diary = name, diary
        self.accept = True
        self.set_state(primary="Next", can_continue=True)

    def on_enter(self) -> None:
        self._diary.append(f"enter {self._name}")

    def on_leave(self) -> None:
        self._diary.append(f"leave {self._name}")

    def apply(self) -> bool:
        self._diary.append(f"apply {self._name}")
        return self.accept


@pytest.fixture
def diary() -> list[str]:
    return []


@pytest.fixture
def flow() -> OpenFlow:
    return OpenFlow()


@pytest.fixture
def shell(qtbot, flow: OpenFlow, diary: list[str]) -> Shell:
    made = Shell(flow)
    for name in ("a", "b", "c"):
        made.add_step(name, name.upper(), lambda name=name: Diary(name, diary))
    made.add_place("history", "History", lambda: Diary("history", diary))
    qtbot.addWidget(made)
    made.resize(1024, 700)
    made.show()
    made.go_to("a")
    return made


def test_pages_are_made_when_first_visited(shell: Shell, diary: list[str]) -> None:
    assert shell.stack.count() == 1
    shell.go_to("b")
    shell.go_to("a")
    assert shell.stack.count() == 2
    assert diary == ["enter a", "leave a", "enter b", "leave b", "enter a"]


def test_the_primary_action_applies_and_goes_on(shell: Shell, diary: list[str], qtbot) -> None:
    qtbot.mouseClick(shell.bar.primary, Qt.MouseButton.LeftButton)
    assert shell.current == "b"
    assert diary[1:] == ["apply a", "leave a", "enter b"]
    assert shell.bar.back.isVisible()


def test_a_page_may_refuse_to_go_on(shell: Shell) -> None:
    shell.current_page.accept = False
    shell.go_on()
    assert shell.current == "a"


@pytest.mark.parametrize("changes", [{"can_continue": False}, {"busy": True}, {"primary": ""}])
def test_there_is_no_going_on(shell: Shell, diary: list[str], changes) -> None:
    shell.current_page.set_state(**changes)
    assert not (shell.bar.primary.isEnabled() and shell.bar.primary.isVisible())
    shell.go_on()
    assert shell.current == "a"
    assert "apply a" not in diary


def test_closed_steps_cannot_be_entered_and_say_why(shell: Shell, flow: OpenFlow) -> None:
    flow.closed = {"c"}
    shell.refresh()
    assert not shell.go_to("c")
    assert shell.rail.step("c").state is StepState.CLOSED
    assert shell.rail.step("c").toolTip() == "Something is missing."


def test_done_steps_are_ticked(shell: Shell, flow: OpenFlow) -> None:
    flow.done = {"a"}
    shell.go_to("b")
    assert shell.rail.step("a").state is StepState.DONE
    assert shell.rail.step("b").isChecked()


def test_keys_lead_everywhere(shell: Shell, qtbot) -> None:
    shell.activateWindow()
    qtbot.waitUntil(shell.isActiveWindow)
    qtbot.keyClick(shell, Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    assert shell.current == "b"
    qtbot.keyClick(shell, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    assert shell.current == "a"
    qtbot.keyClick(shell, Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
    assert shell.current == "c"


def test_places_are_beside_the_steps(shell: Shell, qtbot) -> None:
    qtbot.mouseClick(shell.rail.place("history"), Qt.MouseButton.LeftButton)
    assert shell.current == "history"
    assert not shell.bar.back.isVisible()
    assert shell.rail.place("history").isChecked()
    shell.go_on()
    assert shell.current == "history"


def test_a_page_can_ask_to_go_elsewhere(shell: Shell) -> None:
    shell.current_page.navigate.emit("history")
    assert shell.current == "history"


def test_an_unknown_key_is_a_bug(shell: Shell) -> None:
    with pytest.raises(KeyError):
        shell.go_to("nowhere")


def test_errors_stand_on_the_page_with_a_way_to_details(shell: Shell, qtbot) -> None:
    page = shell.current_page
    page.show_error(BadInput("x is empty.", "Choose another."))
    assert page.banner.isVisible()
    page.banner.show_error("x", "y", "trace")
    with qtbot.waitSignal(shell.details_wanted, check_params_cb=lambda *all: all == ("x", "y", "trace")):
        qtbot.mouseClick(page.banner.button, Qt.MouseButton.LeftButton)
    page.clear_error()
    assert not page.banner.isVisible()


def test_actions_of_a_hidden_page_are_not_shown(shell: Shell) -> None:
    page = shell.current_page
    shell.go_to("b")
    page.set_state(status="still working")
    assert shell.bar.status.text() == ""


@pytest.fixture
def window(qtbot) -> MainWindow:
    made = MainWindow(mock_shell())
    qtbot.addWidget(made)
    return made


@pytest.mark.parametrize("scheme", [Scheme.LIGHT, Scheme.DARK])
@pytest.mark.parametrize(("width", "height"), [(1024, 700), (1280, 800), (2560, 1440), (3840, 2160)])
def test_nothing_is_cut_off_at_any_size(window: MainWindow, width: int, height: int, scheme: Scheme) -> None:
    theme().choose(scheme)
    window.show()
    window.resize(width, height)
    for key in PAGES:
        window.shell.go_to(key)
        QApplication.sendPostedEvents()
        page = window.shell.current_page
        area = window.shell.stack.currentWidget()
        assert page.geometry().right() <= area.viewport().width()
        assert page.minimumSizeHint().width() <= page.width()
        for child in page.findChildren(QWidget):
            if child.isVisible() and child.parent() is page:
                assert child.geometry().right() <= page.width(), child


def test_every_step_and_button_has_a_name(window: MainWindow) -> None:
    for key in TITLES:
        assert window.shell.rail.step(key).accessibleName()
    window.shell.go_to("hardware")
    assert window.windowTitle() == "This machine – Edgewright"


def test_the_window_remembers_its_place(window: MainWindow) -> None:
    window.resize(800, 720)  # the off-screen screen is 800 wide
    stored = window.geometry_bytes()
    window.resize(800, 790)
    window.restore(stored)
    assert window.height() == 720


def test_closing_can_be_refused(qtbot) -> None:
    answer = [False]
    window = MainWindow(mock_shell(), may_close=lambda: answer[0])
    qtbot.addWidget(window)
    window.show()
    assert not window.close()
    answer[0] = True
    with qtbot.waitSignal(window.closed):
        window.close()
