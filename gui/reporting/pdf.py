"""A report as PDF, A4, with Qt's own text engine. Works off screen and without the window.

Charts stay vectors: each image of the page becomes an inline object that paints its SVG. Qt's text engine
knows no "keep together", so what would be torn by the foot of a page is moved to the next one by hand.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from PySide6.QtCore import QByteArray, QMarginsF, QRect, QRectF, QSizeF, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QGuiApplication,
    QPageLayout,
    QPageSize,
    QPainter,
    QPdfWriter,
    QPyTextObject,
    QTextBlock,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
)
from PySide6.QtSvg import QSvgRenderer

from backends import cli
from backends.domain.errors import JobFailed
from backends.reporting.plot import Chart
from backends.reporting.report import CHART_SCHEME, PrintedReport
from backends.reporting.svg import FONT
from backends.storage.files import PARTIAL, disk_error
from gui.theme.fonts import body_font
from gui.theme.tokens import load_tokens

RESOLUTION = 96 * 8  # dots per inch: the document is laid out in CSS pixels and painted eight times finer
MARGINS_MM = QMarginsF(18, 16, 18, 14)
BODY_POINTS = 9
HEAD_ROOM = 30.0  # CSS pixels for the line at the head, and for the one at the foot
_CHART = int(QTextFormat.ObjectTypes.UserObject) + 1
_KEY = int(QTextFormat.Property.UserProperty) + 1
NOTE_PX = 10
_OBJECT = "\ufffc"  # the character Qt puts where an inline object stands
_ROUNDS = 100


def main(argv: Sequence[str]) -> int:
    """The command line with a printer for PDF."""
    return cli.main(argv, print_pdf=write_pdf)


def write_pdf(report: PrintedReport, path: Path) -> None:
    """Write ``report`` to ``path`` in one step. Raises JobFailed where that cannot be done."""
    _application()
    partial = path.with_name(f"{PARTIAL}{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _print(report, partial)
        partial.replace(path)
    except OSError as error:
        raise disk_error(error, path) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def _application() -> QGuiApplication:
    """The window's, or one without a display: on Linux there may be none."""
    existing = QGuiApplication.instance()
    if isinstance(existing, QGuiApplication):
        return existing
    off_screen = ["-platform", "offscreen"] if sys.platform.startswith("linux") else []
    return QGuiApplication(["edgewright", *off_screen])


def _print(report: PrintedReport, path: Path) -> None:
    writer = _writer(report, path)
    scale = writer.resolution() / 96
    paper = QSizeF(writer.width() / scale, writer.height() / scale)
    body = QSizeF(paper.width(), paper.height() - 2 * HEAD_ROOM)
    document, painted = laid_out(report, body)
    painter = QPainter()
    if not painter.begin(writer):
        raise JobFailed(
            f"“{path.parent}” cannot be written to.", "Choose another folder, or free some space."
        )
    try:
        painter.scale(scale, scale)
        for page in range(document.pageCount()):
            if page and not writer.newPage():
                raise JobFailed(f"The PDF could not be written to “{path.parent}”.", "Free some space.")
            _paint_frame(painter, report, paper, page, document.pageCount())
            _paint_page(painter, document, body, page)
    finally:
        painter.end()
    del painted


def _writer(report: PrintedReport, path: Path) -> QPdfWriter:
    writer = QPdfWriter(str(path))
    writer.setResolution(RESOLUTION)
    writer.setPageLayout(
        QPageLayout(
            QPageSize(QPageSize.PageSizeId.A4),
            QPageLayout.Orientation.Portrait,
            MARGINS_MM,
            QPageLayout.Unit.Millimeter,
        )
    )
    writer.setTitle(report.title)
    writer.setCreator("Edgewright")
    return writer


def laid_out(report: PrintedReport, body: QSizeF) -> tuple[QTextDocument, ChartObject]:
    """The document in pages of ``body`` (CSS pixels); the second value must live as long as the first."""
    document = QTextDocument()
    document.setDocumentMargin(0)
    document.setDefaultFont(_font())
    document.setHtml(report.html)
    painted = ChartObject(report.charts, body.width())
    document.documentLayout().registerHandler(_CHART, painted)
    _put_charts(document)
    document.setPageSize(body)
    _keep_together(document)
    return document, painted


def _font() -> QFont:
    font = QFont(body_font())
    font.setPointSizeF(BODY_POINTS)
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)  # it is not for a screen
    return font


class ChartObject(QPyTextObject):
    """Paints the chart that a character of the text stands for."""

    def __init__(self, charts: Mapping[str, Chart], width: float) -> None:
        super().__init__()
        self._charts = charts
        self._width = width
        self._renderers = {key: _renderer(chart.svg) for key, chart in charts.items()}

    def intrinsicSize(self, document: QTextDocument, position: int, format: QTextFormat) -> QSizeF:
        chart = self._charts[str(format.property(_KEY))]
        shrunk = min(1.0, self._width / chart.width)
        return QSizeF(chart.width * shrunk, chart.height * shrunk)

    def drawObject(
        self,
        painter: QPainter,
        rect: QRectF | QRect,
        document: QTextDocument,
        position: int,
        format: QTextFormat,
    ) -> None:
        self._renderers[str(format.property(_KEY))].render(painter, QRectF(rect))


def _renderer(svg: str) -> QSvgRenderer:
    """Qt reads one family where a browser takes the first of a list that it has."""
    return QSvgRenderer(QByteArray(svg.replace(escape(FONT), body_font().family()).encode()))


def _put_charts(document: QTextDocument) -> None:
    """Every image named ``chart:KEY`` becomes the chart itself."""
    for position, key in reversed(list(_images(document))):
        shown = QTextCharFormat()
        shown.setObjectType(_CHART)
        shown.setProperty(_KEY, key)
        cursor = QTextCursor(document)
        cursor.setPosition(position)
        cursor.setPosition(position + 1, QTextCursor.MoveMode.KeepAnchor)
        cursor.insertText(_OBJECT, shown)


def _images(document: QTextDocument) -> Iterator[tuple[int, str]]:
    for block in _blocks(document):
        fragments = block.begin()
        while not fragments.atEnd():
            fragment = fragments.fragment()
            name = fragment.charFormat().toImageFormat().name() if fragment.isValid() else ""
            if name.startswith(CHART_SCHEME):
                yield fragment.position(), name.removeprefix(CHART_SCHEME)
            fragments += 1


def _blocks(document: QTextDocument) -> Iterator[QTextBlock]:
    block = document.begin()
    while block.isValid():
        yield block
        block = block.next()


def _keep_together(document: QTextDocument) -> None:
    """From front to back: what runs over the foot of a page and would fit on one begins on the next."""
    for _ in range(_ROUNDS):
        broken = next((heading for heading, bottom in _units(document) if _is_broken(heading, bottom)), None)
        if broken is None:
            return
        shape = broken.blockFormat()
        shape.setPageBreakPolicy(QTextFormat.PageBreakFlag.PageBreak_AlwaysBefore)
        QTextCursor(broken).setBlockFormat(shape)
        # After an edit Qt leaves blocks that it had not reached before without lines; this lays out all anew.
        document.setPageSize(document.pageSize())


def _units(document: QTextDocument) -> Iterator[tuple[QTextBlock, float]]:
    """A heading, or the first of several in a row, and where the text below it ends."""
    heading: QTextBlock | None = None
    bottom = 0.0
    for block in _blocks(document):
        is_heading = block.blockFormat().headingLevel() > 0
        if is_heading and heading is not None and bottom:
            yield heading, bottom
            heading, bottom = None, 0.0
        if is_heading:
            heading = heading or block
        elif block.text():
            bottom = max(bottom, _end(block))
    if heading is not None and bottom:
        yield heading, bottom


def _is_broken(heading: QTextBlock, bottom: float) -> bool:
    """Where heading and text do not fit on one page, it is enough that the text begins below its heading."""
    page_height = heading.document().pageSize().height()
    top = _place(heading).top()
    if bottom - top > page_height:
        bottom = _place(heading.next()).top() + 3 * BODY_POINTS
    return int(top // page_height) != int((bottom - 1) // page_height)


def _end(block: QTextBlock) -> float:
    """Of a block in a table: where the table ends, its last line included."""
    table = QTextCursor(block).currentTable()
    if table is None:
        return _place(block).bottom()
    return block.document().documentLayout().frameBoundingRect(table).bottom() + 2


def _place(block: QTextBlock) -> QRectF:
    return block.document().documentLayout().blockBoundingRect(block)


def _paint_page(painter: QPainter, document: QTextDocument, body: QSizeF, page: int) -> None:
    painter.save()
    painter.translate(0, HEAD_ROOM - page * body.height())
    document.drawContents(painter, QRectF(0, page * body.height(), body.width(), body.height()))
    painter.restore()


def _paint_frame(painter: QPainter, report: PrintedReport, paper: QSizeF, page: int, pages: int) -> None:
    """The report's name at the head, run and page number at the foot."""
    colors = load_tokens().themes["light"]
    painter.save()
    font = _font()
    font.setPixelSize(NOTE_PX)
    painter.setFont(font)
    painter.setPen(QColor(colors.muted))
    head = QRectF(0, 0, paper.width(), HEAD_ROOM - 12)
    foot = QRectF(0, paper.height() - HEAD_ROOM + 12, paper.width(), HEAD_ROOM - 12)
    left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
    right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
    if page:
        painter.drawText(head, left, report.title)
    painter.drawText(foot, left, report.footer)
    painter.drawText(foot, right, f"{page + 1} / {pages}")
    painter.restore()
