from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QAbstractItemView

from gui.models.cells import BarCell, ChipCell, LinkCell, TextCell, figure
from gui.models.table import SORT_ROLE, Column, TableModel
from gui.theme.fonts import BODY_PX, NOTE_PX, sized
from gui.theme.hues import Hue
from gui.theme.tone import Tone
from gui.widgets.cell_delegate import PAD_X
from gui.widgets.cell_text import LEAST_SECOND, lay_out, text_size
from gui.widgets.table import Table


@dataclass(frozen=True)
class Row:
    name: str
    rate: float
    chosen: bool = False


COLUMNS = (
    Column[Row]("", checked=lambda row: row.chosen),
    Column[Row](
        "Name",
        lambda row: TextCell(
            row.name, "CPU", "why it is here " * 8, Hue("llama.cpp"), bold=True, tip="from a file"
        ),
        stretch=True,
    ),
    Column[Row]("Fit", lambda row: BarCell(0.4, "40 % of free")),
    Column[Row](
        "Rate",
        lambda row: figure(f"{row.rate}", "tok/s"),
        right=True,
        term="Tokens.",
        sort_key=lambda row: row.rate,
    ),
    Column[Row]("", lambda row: ChipCell("ready", Tone.OK)),
    Column[Row]("", lambda row: LinkCell("Install", "install", "1.2 GB")),
)
ROWS = (Row("a", 3.0), Row("b", 1.0, chosen=True), Row("c", 2.0))


@pytest.fixture
def table(qtbot) -> Table:
    made = Table(TableModel(COLUMNS, ROWS))
    qtbot.addWidget(made)
    made.resize(800, 400)
    made.show()
    return made


def test_the_model_keeps_qts_rules() -> None:
    model = TableModel(COLUMNS, ROWS)
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.set_rows(ROWS[:1])
    model.set_rows((*ROWS, Row("d", 4.0)))
    model.set_rows(())
    assert tester.model() is model


def test_what_a_cell_says() -> None:
    model = TableModel(COLUMNS, ROWS)
    assert model.index(0, 3).data() == "3.0 tok/s"
    assert model.index(0, 1).data(Qt.ItemDataRole.ToolTipRole) == "from a file"
    assert model.index(0, 3).data(SORT_ROLE) == 3.0
    assert model.headerData(3, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole) == "Tokens."
    assert model.headerData(3, Qt.Orientation.Vertical) is None


def test_rows_of_the_same_number_are_replaced_in_place(qtbot) -> None:
    model = TableModel(COLUMNS, ROWS)
    with qtbot.assertNotEmitted(model.modelReset), qtbot.waitSignal(model.dataChanged):
        model.set_rows([replace(row, rate=9.0) for row in ROWS])
    with qtbot.assertNotEmitted(model.dataChanged):
        model.set_rows(model.rows)


def test_the_table_is_as_high_as_its_rows(table: Table) -> None:
    rows = sum(table.rowHeight(row) for row in range(3))
    assert table.height() == rows + table.horizontalHeader().height()
    before = table.height()
    table.model().set_rows(ROWS[:1])
    assert table.height() < before


def test_long_second_lines_wrap_when_it_gets_narrow(table: Table) -> None:
    before = table.rowHeight(0)
    table.resize(560, table.height())
    assert table.rowHeight(0) > before


def test_what_does_not_fit_beside_its_name_goes_below(table: Table) -> None:
    cell = TextCell("ONNX Runtime", "int4, block 32 · CPU")
    assert lay_out(cell, table.font(), 400).suffix == "int4, block 32 · CPU"
    narrow = lay_out(cell, table.font(), 140)
    assert narrow.suffix == ""
    assert narrow.below[0].startswith("int4")
    assert len(lay_out(TextCell("a long note that wraps"), table.font(), 80).first) > 1


def test_columns_fill_the_width(table: Table) -> None:
    assert sum(table.columnWidth(column) for column in range(6)) == table.viewport().width()


def test_space_toggles_the_check_box(table: Table, qtbot) -> None:
    table.setCurrentIndex(table.model().index(0, 1))
    with qtbot.waitSignal(
        table.model().check_toggled, check_params_cb=lambda row, on: (row, on) == (0, True)
    ):
        qtbot.keyClick(table, Qt.Key.Key_Space)


def test_a_click_toggles_the_check_box(table: Table, qtbot) -> None:
    spot = table.visualRect(table.model().index(1, 0)).center()
    with qtbot.waitSignal(
        table.model().check_toggled, check_params_cb=lambda row, on: (row, on) == (1, False)
    ):
        qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=spot)


def test_links_follow_click_and_return(table: Table, qtbot) -> None:
    spot = table.visualRect(table.model().index(2, 5)).center()
    with qtbot.waitSignal(
        table.link_activated, check_params_cb=lambda row, key: (row, key) == (2, "install")
    ):
        qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    table.setCurrentIndex(table.model().index(0, 1))
    with qtbot.waitSignal(table.link_activated):
        qtbot.keyClick(table, Qt.Key.Key_Return)


def test_tab_leaves_the_table(table: Table) -> None:
    assert not table.tabKeyNavigation()
    assert table.selectionMode() is QAbstractItemView.SelectionMode.NoSelection


def test_painting_every_kind_of_cell(table: Table) -> None:
    image = table.grab().toImage()
    assert image.pixelColor(image.width() // 2, 40).isValid()
    colors = {
        image.pixelColor(x, y).name() for x in range(0, image.width(), 3) for y in range(0, image.height(), 3)
    }
    assert "#e69f00" in colors


def test_an_interval_of_large_numbers_is_not_cut_off(themed) -> None:
    font, interval = themed.font(), "1,128,065–1,235,762"
    wanted = QFontMetrics(sized(font, NOTE_PX)).horizontalAdvance(interval)
    assert wanted > LEAST_SECOND
    assert text_size(TextCell("1", second=f"{interval} and more"), font, 500).width() > wanted
    sentence = "one two three four five six seven eight nine ten eleven"
    assert text_size(TextCell("x", second=sentence), font, 500).width() == LEAST_SECOND + 1


def test_a_link_is_as_wide_as_its_words(qtbot) -> None:
    """Advances are rounded: of some words in some fonts, one pixel less would cut off the last letters."""
    model = TableModel([Column[Row]("", lambda row: LinkCell(row.name, "open"))])
    table = Table(model)
    qtbot.addWidget(table)
    for words in ("Open", "Delete", "Make anew"):
        model.set_rows([Row(words, 1.0)])
        drawn = QFontMetrics(sized(table.font(), BODY_PX))
        room = table.columnWidth(0) - 2 * PAD_X
        assert drawn.elidedText(words, Qt.TextElideMode.ElideRight, room) == words
