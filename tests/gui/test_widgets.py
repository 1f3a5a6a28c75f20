from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QAction, QDropEvent
from PySide6.QtWidgets import QWidget

from backends.domain.hardware import Fact
from gui.error_dialog import ErrorDialog
from gui.errors import ErrorReport
from gui.theme.hues import Hue
from gui.theme.theme import Scheme, theme
from gui.theme.tone import Tone
from gui.widgets.action_bar import ActionBar
from gui.widgets.banner import EmptyState, ErrorBanner
from gui.widgets.card import Card, ChoiceCard
from gui.widgets.chip import Chip, Legend
from gui.widgets.drop_zone import DropZone
from gui.widgets.facts import FactGrid, FactRow, fact_row
from gui.widgets.figure import Figure
from gui.widgets.flow import CardGrid
from gui.widgets.log_view import LogView
from gui.widgets.progress import ThinBar
from gui.widgets.step_rail import StepRail, StepState
from gui.widgets.terms import TERMS, explain
from gui.widgets.text import ElidedLabel, NotedLabel, label


@pytest.fixture
def show(qtbot):
    def show_widget(widget: QWidget, width: int = 400, height: int = 200) -> QWidget:
        qtbot.addWidget(widget)
        widget.resize(width, height)
        widget.show()
        return widget

    return show_widget


def test_chips_are_all_of_one_height(show) -> None:
    chips = [show(Chip("ready", tone), 80, 22) for tone in Tone]
    assert {chip.sizeHint().height() for chip in chips} == {22}


def test_a_chip_is_painted_in_its_tone(show) -> None:
    chip = show(Chip("ready", Tone.OK), 80, 22)
    assert chip.grab().toImage().pixelColor(6, 11).name().upper() == theme().colors.okbg
    theme().choose(Scheme.DARK)
    assert chip.grab().toImage().pixelColor(6, 11).name().upper() == theme().colors.okbg


def test_a_figure_puts_its_unit_below_when_there_is_no_room() -> None:
    figure = Figure("61.4", "GB/s measured", tip="read from memory")
    assert figure.heightForWidth(120) > figure.heightForWidth(400)
    assert figure.text == "61.4 GB/s measured"
    assert figure.toolTip() == "read from memory"


def test_cards_of_a_row_are_equally_high(show) -> None:
    holder = QWidget()
    grid = CardGrid(holder, min_width=180)
    cards = [Card(f"Card {n}").add(label("word " * 6 * (n + 1), wrap=True)).end() for n in range(3)]
    for card in cards:
        grid.addWidget(card)
    show(holder, 700, 400)
    assert len({card.height() for card in cards}) == 1
    assert len({card.y() for card in cards}) == 1
    assert cards[-1].geometry().right() == holder.width() - 1


@pytest.mark.parametrize(("width", "columns"), [(300, 1), (600, 2), (900, 3), (3000, 3)])
def test_a_card_grid_breaks_where_columns_no_longer_fit(width: int, columns: int) -> None:
    assert CardGrid(min_width=280).columns(width) == columns


def test_weights_hold_only_for_a_full_row() -> None:
    grid = CardGrid(min_width=300, weights=(2, 1), gap=10)
    assert grid.column_widths(910) == [600, 300]
    assert grid.column_widths(400) == [400]


def test_a_grown_grid_takes_spare_height_within_limits(show) -> None:
    holder = QWidget()
    grid = CardGrid(holder, min_width=100, grow=0.5)
    child = QWidget()
    child.setMinimumHeight(100)
    grid.addWidget(child)
    show(holder, 300, 120)
    assert child.height() == 120
    holder.resize(300, 500)
    assert child.height() == 150


def test_facts_show_sources_and_reasons(show, qtbot) -> None:
    unknown = fact_row("Driver", Fact(None, "nvml", why_not="NVML is not installed."), "")
    known = fact_row("Cores", Fact(8, "/proc/cpuinfo"), "8")
    again = FactRow("Took", "1.9 s", action="again", key="again")
    grid = show(FactGrid([known, unknown, again]))
    values = grid.findChildren(NotedLabel)
    assert [value.plain_text() for value in values] == ["8", "not known", "1.9 s"]
    assert [value.toolTip() for value in values][:2] == ["/proc/cpuinfo", "NVML is not installed."]
    link = next(button for button in grid.findChildren(QWidget) if button.property("role") == "link")
    with qtbot.waitSignal(grid.activated, check_params_cb=lambda key: key == "again"):
        qtbot.mouseClick(link, Qt.MouseButton.LeftButton)


def test_what_files_say_is_never_markup() -> None:
    assert "<b>" not in NotedLabel("<b>x</b>").text()
    paragraph = label("<img src=x>", wrap=True)
    assert paragraph.text() == "<img src=x>"


def test_an_elided_label_tells_all_in_its_tooltip(show) -> None:
    made = show(ElidedLabel("a long sentence that cannot fit into this"), 60, 20)
    assert made.toolTip() == made.text()
    made.setText("ok")
    assert made.toolTip() == ""


def test_the_rail_is_worked_by_keyboard(show, qtbot) -> None:
    rail = StepRail()
    for key in ("one", "two", "three"):
        rail.add_step(key, key.title())
    rail.add_place("history", "History")
    rail.set_states({"one": StepState.DONE, "two": StepState.OPEN}, "two", {"three": "Two is missing."})
    show(rail, 216, 500)
    rail.activateWindow()
    qtbot.waitUntil(rail.isActiveWindow)
    rail.step("two").setFocus()
    qtbot.keyClick(rail.step("two"), Qt.Key.Key_Up)
    assert rail.step("one").hasFocus()
    with qtbot.waitSignal(rail.chosen, check_params_cb=lambda key: key == "one"):
        qtbot.keyClick(rail.step("one"), Qt.Key.Key_Space)
    assert not rail.step("three").isEnabled()
    assert rail.step("three").toolTip() == "Two is missing."
    assert rail.step("two").accessibleDescription() == "current"


def test_a_place_stays_checked_when_clicked_twice(show, qtbot) -> None:
    rail = StepRail()
    rail.add_place("history", "History")
    show(rail, 216, 400)
    with qtbot.waitSignals([rail.chosen, rail.chosen]):
        qtbot.mouseClick(rail.place("history"), Qt.MouseButton.LeftButton)
        qtbot.mouseClick(rail.place("history"), Qt.MouseButton.LeftButton)
    assert rail.place("history").isChecked()


def test_the_action_bar_shows_actions_and_one_primary(show, qtbot) -> None:
    bar = show(ActionBar(), 900, 58)
    stop = QAction("Stop", bar)
    stop.setData("danger")
    bar.set_actions((stop,))
    bar.set_primary("Next", enabled=False)
    bar.set_status("Working", 0.5, progress=True)
    assert not bar.primary.isEnabled()
    assert bar.progress.isVisible()
    button = next(b for b in bar.findChildren(QWidget) if b.property("role") == "danger")
    with qtbot.waitSignal(stop.triggered):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    stop.setEnabled(False)
    assert not button.isEnabled()
    bar.set_actions(())
    assert button.isHidden()


def test_the_bar_lets_no_status_push_its_buttons_out(show) -> None:
    bar = show(ActionBar(), 700, 58)
    bar.set_primary("Next", enabled=True)
    bar.set_status("a very long status " * 20)
    assert bar.width() == 700
    assert bar.primary.geometry().right() <= 700


def test_dropping_one_local_path(show, qtbot, tmp_path: Path) -> None:
    zone = show(DropZone("Drop a model here"))
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path))])
    event = QDropEvent(
        QPointF(5, 5),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    with qtbot.waitSignal(zone.dropped, check_params_cb=lambda path: path == tmp_path):
        zone.dropEvent(event)


def test_a_choice_card_is_chosen_by_key_and_mouse(show, qtbot) -> None:
    card = show(ChoiceCard("Bundled"))
    with qtbot.waitSignal(card.chosen):
        qtbot.keyClick(card, Qt.Key.Key_Space)
    with qtbot.waitSignal(card.chosen):
        qtbot.mouseClick(card, Qt.MouseButton.LeftButton, pos=QPoint(10, 10))
    card.set_selected(True)
    assert card.accessibleDescription() == "selected"


def test_a_log_forgets_its_beginning(show) -> None:
    log = show(LogView(max_lines=50))
    log.append_lines(f"line {n}" for n in range(500))
    assert log.blockCount() == 50
    assert log.toPlainText().endswith("line 499")


def test_banner_and_empty_state(show, qtbot) -> None:
    banner = show(ErrorBanner())
    banner.show_error("The file is empty.", "Choose another.", "trace")
    with qtbot.waitSignal(banner.details_wanted):
        qtbot.mouseClick(banner.button, Qt.MouseButton.LeftButton)
    banner.show_error("No details here.")
    assert banner.button.isHidden()
    assert banner.remedy.isHidden()
    empty = show(EmptyState("Nothing measured yet", "Run a benchmark first.", "Go there"))
    with qtbot.waitSignal(empty.activated):
        qtbot.mouseClick(empty.button, Qt.MouseButton.LeftButton)


@pytest.mark.parametrize(
    ("command", "page"),
    [
        (
            "Run “edgewright frameworks install mlx” (1.2 GB).",
            "Install it on the page “Frameworks” (1.2 GB).",
        ),
        ("Run “edgewright frameworks repair olive”.", "Repair it on the page “Frameworks”."),
        ("Run “edgewright frameworks” for those it has.", "Look at the page “Frameworks” for those it has."),
        ("Choose another precision.", "Choose another precision."),
    ],
)
def test_the_window_names_a_page_where_the_terminal_names_a_command(show, command: str, page: str) -> None:
    banner = show(ErrorBanner())
    banner.show_error("MLX is not installed.", command)
    assert banner.remedy.text() == page
    dialog = show(ErrorDialog())
    dialog.add(ErrorReport("MLX is not installed.", command))
    assert dialog.remedy.text() == page and page in dialog.details_text()


def test_a_bar_of_unknown_length_shows_no_figure(show) -> None:
    bar = show(ThinBar(None), 100, 6)
    assert bar.accessibleName() == "progress"
    bar.set_fraction(0.25)
    assert bar.accessibleName() == "25%"


def test_a_legend_wraps(show) -> None:
    legend = Legend()
    legend.set_entries({f"configuration number {n}": Hue("llama.cpp") for n in range(4)})
    assert legend.heightForWidth(200) > legend.heightForWidth(2000)
    legend.set_entries({"one": Hue()})
    show(legend)


def test_every_term_is_one_sentence() -> None:
    for term in TERMS:
        sentence = explain(term)
        assert sentence.endswith(".") and sentence.count(". ") == 0, term
