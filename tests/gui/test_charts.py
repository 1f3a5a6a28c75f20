from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QMenu

from backends.benchmarking.statistics import percentiles
from backends.domain.errors import BadInput
from gui.charts.bar_chart import Bar, BarChart
from gui.charts.buffers import SeriesBuffer
from gui.charts.distribution_chart import DistributionChart
from gui.charts.export import save_csv, save_png
from gui.charts.flags import FlagMark, crowded, kinds_of
from gui.charts.labels import Anchor, Box, place
from gui.charts.line_chart import LineChart
from gui.charts.pair_chart import PairChart
from gui.charts.plot import Chart, short_number
from gui.charts.redraw import redraw_clock
from gui.charts.scatter_chart import GateRegion, ScatterChart, ScatterPoint
from gui.theme.hues import ORIGINAL, Hue
from gui.theme.theme import Scheme, theme

HUES = {"llama.cpp Q4_K_M": Hue("llama.cpp"), "original F16": ORIGINAL}


@pytest.fixture
def keep(qtbot):
    """Charts are held to the end of the test: garbage that is still on the screen could be collected
    while it is being painted."""
    kept: list[Chart] = []

    def keep_chart(chart: Chart) -> Chart:
        qtbot.addWidget(chart)
        kept.append(chart)
        return chart

    return keep_chart


@pytest.fixture
def show(keep):
    def show_chart(chart: Chart) -> Chart:
        keep(chart)
        chart.resize(500, 300)
        chart.show()
        chart.redraw()
        return chart

    return show_chart


@pytest.fixture
def line(show) -> LineChart:
    chart = LineChart("Decode", "tok/s")
    chart.set_series(HUES)
    for x in range(50):
        chart.append("llama.cpp Q4_K_M", x, 40 + x % 3)
        chart.append("original F16", x, 17 - x % 2)
    return show(chart)


def test_a_buffer_doubles_and_keeps_everything() -> None:
    buffer = SeriesBuffer()
    for n in range(1000):
        buffer.append(n, 2 * n)
    assert len(buffer) == 1000
    assert np.array_equal(buffer.x, np.arange(1000))
    assert np.array_equal(buffer.y, 2 * np.arange(1000))


def test_a_full_buffer_drops_its_older_half() -> None:
    buffer = SeriesBuffer(limit=100)
    for n in range(101):
        buffer.append(n, n)
    assert len(buffer) == 51
    assert buffer.x[0] == 50
    assert buffer.x[-1] == 100


def test_the_nearest_point() -> None:
    buffer = SeriesBuffer()
    assert buffer.nearest(1.0) is None
    for x in (0.0, 1.0, 4.0):
        buffer.append(x, -x)
    assert buffer.nearest(2.4) == (1.0, -1.0)
    assert buffer.nearest(99) == (4.0, -4.0)
    assert buffer.nearest(-5) == (0.0, 0.0)


class Clock:
    """The charts' clock with time at a standstill."""

    def __init__(self) -> None:
        self.time = 1000.0

    def tick(self) -> None:
        redraw_clock().tick()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(redraw_clock(), "now", lambda: made.time)
    return made


class CountingChart(LineChart):
    drawn = 0

    def redraw(self) -> None:
        self.drawn += 1
        super().redraw()


def test_a_thousand_samples_are_one_redraw(show, clock: Clock) -> None:
    chart = CountingChart("Decode")
    chart.set_series(HUES)
    show(chart)
    clock.tick()
    before = chart.drawn
    for x in range(1000):
        chart.append("original F16", x, 1.0)
        clock.tick()  # not due yet
    assert chart.drawn == before
    clock.time += 0.1
    clock.tick()
    clock.tick()
    assert chart.drawn == before + 1


def test_charts_are_drawn_one_at_a_time_and_in_turn(show, clock: Clock) -> None:
    charts = [show(CountingChart(name)) for name in "abc"]
    for _ in charts:
        clock.tick()
    before = [chart.drawn for chart in charts]
    clock.time += 0.1
    for chart in charts:
        chart.touch()
        chart.touch()
    clock.tick()
    assert sum(chart.drawn for chart in charts) == sum(before) + 1
    clock.tick()
    clock.tick()
    assert [chart.drawn for chart in charts] == [drawn + 1 for drawn in before]


def test_the_clock_stands_still_without_news(show, clock: Clock) -> None:
    show(LineChart("Decode"))
    clock.time += 0.1
    clock.tick()
    clock.tick()
    assert not redraw_clock().running


def test_hidden_charts_are_drawn_when_they_are_shown(keep, clock: Clock) -> None:
    chart = keep(CountingChart("Decode"))
    chart.set_series(HUES)
    chart.append("original F16", 0, 1)
    clock.tick()
    assert chart.drawn == 0
    chart.show()
    assert chart.drawn == 1


def test_the_clock_forgets_deleted_charts(qtbot) -> None:
    chart = LineChart("Decode")
    chart.touch()
    chart.deleteLater()
    del chart
    redraw_clock().tick()


def test_bands_and_flags(line: LineChart) -> None:
    line.set_band("original F16", [0.0, 50.0], [15.0, 16.0], [19.0, 18.0])
    line.add_flag(22.0, "another program used 31 % of a core")
    line.redraw()
    assert "31 %" in line.readout_at(QPointF(22.0, 30))
    assert "31 %" not in line.readout_at(QPointF(40.0, 30))
    line.clear()
    assert not line.flags
    assert len(line.data("original F16")) == 0


def test_the_readout_names_series_values_and_units(line: LineChart) -> None:
    text = line.readout_at(QPointF(10.2, 30))
    assert text.splitlines() == ["10.0 s", "llama.cpp Q4_K_M  41 tok/s", "original F16  17 tok/s"]


def test_the_readout_is_reached_by_keyboard(line: LineChart, qtbot) -> None:
    qtbot.keyClick(line, Qt.Key.Key_Right)
    assert line.readout.isVisible()
    assert "tok/s" in line.readout.text()
    assert line.rect().contains(line.readout.geometry())


def test_colours_follow_the_theme(line: LineChart) -> None:
    theme().choose(Scheme.DARK)
    line.redraw()
    image = line.grab().toImage()
    assert image.pixelColor(2, 2).name().upper() == theme().colors.surface


def test_menus_of_pyqtgraph_stay_out_of_sight(line: LineChart) -> None:
    assert not [menu for menu in line.findChildren(QMenu) if menu.isVisible()]


def test_an_empty_chart_draws_and_says_nothing(show) -> None:
    for chart in (LineChart("a"), BarChart("b"), DistributionChart("c"), ScatterChart("d", "x", "y")):
        show(chart)
        assert chart.readout_at(QPointF(0, 0)) == ""
        assert len(chart.csv_rows()) == 1


def test_bars(show) -> None:
    chart = BarChart("Memory", "MB", parts=("weights", "working"))
    chart.set_bars([Bar("Q4_K_M", (370, 80), Hue("llama.cpp")), Bar("F16", (820, 80), ORIGINAL)])
    show(chart)
    assert chart.readout_at(QPointF(100, 0)).splitlines() == ["Q4_K_M", "weights  370 MB", "working  80 MB"]
    assert chart.csv_rows()[0] == ["configuration", "weights_MB", "working_MB"]
    chart.set_bars([Bar("one", (1,), ORIGINAL)])
    chart.redraw()


def test_a_distribution_tells_shares_and_percentiles(show) -> None:
    chart = DistributionChart("Gaps", "ms")
    chart.set_series({"fast": Hue("OpenVINO"), "slow": ORIGINAL})
    fast = np.array([1.0] * 75 + [2.0] * 25)
    chart.set_values("fast", fast, percentiles(fast.tolist()))
    show(chart)
    assert chart.readout_at(QPointF(1.5, 5)).splitlines() == ["up to 1.5 ms", "fast  75% · p50 1 · p95 2"]
    assert chart.count("fast") == 100
    assert chart.csv_rows()[:2] == [["series", "ms"], ["fast", 1.0]]


def test_an_outlier_does_not_squeeze_a_distribution(show) -> None:
    chart = DistributionChart("Gaps", "ms")
    chart.set_series({"one": ORIGINAL})
    values = np.concatenate([np.linspace(10, 20, 999), [5_000.0]])
    chart.set_values("one", values, percentiles(values.tolist()))
    show(chart)
    assert chart.plot.vb.viewRange()[0][1] < 30
    assert chart.beyond == 5


def test_flags_that_crowd_stand_together() -> None:
    busy = "other programs used {0} % of a core; the busiest was {1}"
    marks = [FlagMark(x, (busy.format(30 + x, "make"),), f"a, pair {x}") for x in (1, 2, 3)]
    marks.append(FlagMark(20, ("the processor's frequency fell by 12%",), "b, pair 9"))
    spans = crowded(marks, reach=5)
    assert [(span.start, span.end) for span in spans] == [(1, 3), (20, 20)]
    assert spans[0].text.splitlines() == ["3 readings were disturbed:", f"3× {busy.format(33, 'make')}"]
    assert spans[1].text == "b, pair 9: the processor's frequency fell by 12%"
    many = [FlagMark(0, tuple(f"{word} happened" for word in "abcdef"))]
    assert kinds_of(many)[-1] == "and 2 other reasons"


def test_a_busy_machine_does_not_rule_the_chart_over(line: LineChart) -> None:
    for x in range(40):
        line.add_flag(float(x), "other programs used 31 % of a core", who=f"a, pair {x}")
    line.redraw()
    layer = line._flag_layer
    assert not [item for item in layer._lines if item.isVisible()]
    assert [span for span in layer.spans if len(span.marks) == 40]
    assert "40 readings" in line.readout_at(QPointF(22.0, 30))
    line.clear_flags()
    assert "40 readings" not in line.readout_at(QPointF(22.0, 30))


def test_pairs_show_the_gate_and_name_the_looks(show) -> None:
    chart = PairChart("Ratios", 2.0, (6, 12))
    chart.set_series({"one": Hue("OpenVINO")})
    for pair in range(1, 9):
        chart.append("one", pair, 1.2)
    show(chart)
    low, high = chart.plot.vb.viewRange()[1]
    assert low < 1.2 < 2.0 < high, "the gate is in sight though all ratios are far from it"
    assert "look after 6 pairs" in chart.readout_at(QPointF(6.1, 1.2))
    assert "look" not in chart.readout_at(QPointF(4.0, 1.2))
    assert chart.csv_rows()[0] == ["series", "pair", "ratio", "low", "high", "flag"]


def test_a_repeated_pair_stands_at_its_number(show) -> None:
    chart = PairChart("Ratios", 2.0, (6,))
    chart.set_series({"one": Hue("OpenVINO"), "two": Hue("llama.cpp")})
    chart.set_points("one", [(1, 1.2), (2, 1.3), (2, 1.5), (3, 1.4)])
    chart.set_points("two", [(1, 2.2)])
    chart.add_flag(2, "other programs used 31 % of a core", who="one, pair 2")
    show(chart)
    told = chart.readout_at(QPointF(2.1, 1.3))
    assert told.startswith("pair 2\none  1.3 · 1.5 ×") and "two" not in told
    assert "other programs used 31 %" in told
    assert "two  2.2" in chart.readout_at(QPointF(1.0, 1.3))


@pytest.fixture
def scatter(show) -> ScatterChart:
    chart = ScatterChart("Speed against quality", "speed", "quality")
    chart.set_points(
        [
            ScatterPoint("F16", 1.0, 100, 900, ORIGINAL, best=True, note="900 MB"),
            ScatterPoint("Q4_K_M", 2.4, 97, 300, Hue("llama.cpp"), best=True, chosen=True),
            ScatterPoint("Q4_K_S", 2.41, 97, 290, Hue("llama.cpp", variant=1)),
        ],
        GateRegion(2.0, 95, "gates met"),
    )
    return show(chart)


def test_a_scatter_tells_its_points(scatter: ScatterChart) -> None:
    assert scatter.readout_at(QPointF(1.0, 100)).splitlines() == ["F16", "900 MB"]
    assert scatter.readout_at(QPointF(1.7, 98.5)) == ""
    theme().choose(Scheme.DARK)
    scatter.set_points(scatter.points)
    scatter.redraw()


def test_labels_do_not_cover_one_another() -> None:
    anchors = [Anchor(100 + 3 * n, 100 + 4 * n, 8, 40, 12) for n in range(5)]
    boxes = place(anchors, Box(0, 0, 400, 300))
    pairs = [(a, b) for i, a in enumerate(boxes) for b in boxes[i + 1 :]]
    assert sum(a.overlap(b) for a, b in pairs) == 0


def test_labels_stay_inside() -> None:
    (box,) = place([Anchor(395, 100, 8, 60, 12)], Box(0, 0, 400, 300))
    assert box.x + box.width <= 400


@pytest.mark.parametrize("name", ["line", "scatter"])
def test_export(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    chart: Chart = request.getfixturevalue(name)
    save_png(chart, tmp_path / "chart.png")
    image = QImage(str(tmp_path / "chart.png"))
    assert image.width() > 2 * chart.width()
    save_csv(chart, tmp_path / "chart.csv")
    with (tmp_path / "chart.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert len(rows) == len(chart.csv_rows())


def test_export_where_nothing_can_be_written(line: LineChart, tmp_path: Path) -> None:
    missing = tmp_path / "missing" / "chart"
    for save in (save_png, save_csv):
        with pytest.raises(BadInput, match="missing"):
            save(line, missing.with_suffix(".png"))


def test_the_table_of_a_chart_has_its_intervals_and_flags(show) -> None:
    chart = LineChart("Decode", "tok/s")
    chart.set_series({"one": Hue("OpenVINO")})
    for x, y in ((1.0, 40.0), (2.0, 41.0)):
        chart.append("one", x, y)
    chart.set_band("one", [2.0], [30.0], [90.0], sight=(38.0, 44.0))
    chart.add_flag(2.0, "steal time", "throttled", who="one, pair 2")
    show(chart)
    assert chart.csv_rows() == [
        ["series", "time_s", "tok/s", "low", "high", "flag"],
        ["one", 1.0, 40.0, "", "", ""],
        ["one", 2.0, 41.0, 30.0, 90.0, ""],
        ["one, pair 2", 2.0, "", "", "", "steal time; throttled"],
    ], "the interval as it is, however much of it is drawn"
    low, high = chart.plot.vb.viewRange()[1]
    assert low > 30 and high < 90


def test_long_numbers_fit_beside_an_axis() -> None:
    assert [short_number(value) for value in (0.5, 99_999, 200_000, 1_500_000)] == [
        "0.5",
        "99,999",
        "200k",
        "1,500k",
    ]
