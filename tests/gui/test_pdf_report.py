"""The PDF: from the command line, on A4, whole, with nothing torn and charts as vectors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PySide6.QtCore import QRectF, QSizeF
from PySide6.QtGui import QColor, QImage, QPainter, QTextDocument

from backends.actions.report import account_of
from backends.domain.errors import JobFailed
from backends.reporting.colors import LIGHTNESS_OF_VARIANT, SPARE_COLORS, colors_of
from backends.reporting.report import PrintedReport, printed_report
from backends.storage.history import History
from backends.storage.paths import HOME_VARIABLE, app_paths
from gui.reporting import pdf
from gui.theme import hues
from gui.theme.tokens import load_tokens
from tests.unit.reporting.made_up import made_up_run, made_up_vision_run

BODY = QSizeF(657, 950)


@pytest.fixture(scope="module")
def report() -> PrintedReport:
    return printed_report(account_of(made_up_run()))


def pages_of(path: Path) -> int:
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", path.read_bytes()))


def test_the_pdf_is_whole_on_a4_and_holds_no_pixels(report: PrintedReport, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "report.pdf"
    pdf.write_pdf(report, path)
    data = path.read_bytes()
    assert data.startswith(b"%PDF-") and data.rstrip().endswith(b"%%EOF")
    assert 8 <= pages_of(path) <= 14
    left, bottom, right, top = (
        float(part) for part in re.search(rb"/MediaBox \[([^\]]+)\]", data)[1].split()
    )
    assert (right - left, top - bottom) == pytest.approx((595, 842), abs=1)
    assert b"/Subtype /Image" not in data
    assert [one.name for one in path.parent.iterdir()] == ["report.pdf"]


def test_every_line_is_laid_out_and_painted(report: PrintedReport) -> None:
    """Qt leaves blocks without lines after an edit; then they are in the document and on no page."""
    document, _painted = pdf.laid_out(report, BODY)
    bare = [
        block.text() for block in pdf._blocks(document) if block.text() and not block.layout().lineCount()
    ]
    assert bare == []


def test_no_heading_stands_alone_and_no_short_part_is_torn(report: PrintedReport) -> None:
    document, _painted = pdf.laid_out(report, BODY)
    units = list(pdf._units(document))
    assert len(units) > 20
    assert not [heading.text() for heading, bottom in units if pdf._is_broken(heading, bottom)]


def test_charts_are_painted_where_they_stand(report: PrintedReport) -> None:
    document, _painted = pdf.laid_out(report, BODY)
    places = [pdf._place(block) for block in pdf._blocks(document) if block.text() == "\ufffc"]
    assert len(places) == 5
    for place in places:
        assert len(_colors_in(document, place)) > 4


def _colors_in(document: QTextDocument, place: QRectF) -> set[int]:
    image = QImage(place.size().toSize(), QImage.Format.Format_RGB32)
    image.fill(QColor("white"))
    painter = QPainter(image)
    painter.translate(-place.topLeft())
    document.drawContents(painter, place)
    painter.end()
    return {image.pixel(x, y) for x in range(0, image.width(), 2) for y in range(0, image.height(), 2)}


def test_a_report_with_little_in_it(tmp_path: Path) -> None:
    path = tmp_path / "little.pdf"
    pdf.write_pdf(printed_report(account_of(made_up_vision_run())), path)
    assert pages_of(path) >= 2


def test_a_place_that_cannot_be_written_to(report: PrintedReport, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(JobFailed):
        pdf.write_pdf(report, tmp_path / "file" / "report.pdf")


def test_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    record = made_up_run()
    history = History(app_paths().history)
    run_id = history.start(record.model, record.machine, record.notes, record.setup)
    for result in record.results:
        history.put_result(run_id, result)
    history.finish(run_id)
    out = tmp_path / "r.pdf"
    assert pdf.main(["report", run_id, "--out", str(out), "--json"]) == 0
    assert pages_of(out) > 5 and str(out) in capsys.readouterr().out
    assert pdf.main(["report", "unknown", "--out", str(out)]) == 2


def test_a_configuration_has_the_window_s_colour() -> None:
    assert (SPARE_COLORS, LIGHTNESS_OF_VARIANT) == (hues.SPARE_COLORS, hues.LIGHTNESS_OF_VARIANT)
    record = made_up_run()
    keys = [
        (one.label, one.configuration.artifact.framework_title, one.configuration.artifact.original)
        for one in record.results
    ]
    light = load_tokens().themes["light"]
    for (label, hue), color in zip(
        hues.hues_for(keys).items(), colors_of(record.results).values(), strict=True
    ):
        shown = hue.color(light)
        drawn = QColor(color)
        parts = [(shown.red(), drawn.red()), (shown.green(), drawn.green()), (shown.blue(), drawn.blue())]
        assert all(abs(one - other) <= 2 for one, other in parts), label
