"""A model brought into another format, into a folder of the user's: the road first, then the work."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from backends.actions.roads import RoadAhead, destinations
from backends.domain.artifact import Artifact, Option
from backends.domain.events import Event, Failed, Progress, Result
from backends.domain.model import ModelFormat, SourceModel
from backends.frameworks.base import JobContext
from gui.jobs.runner import Job, Occupation, Terminal
from gui.widgets import units
from gui.widgets.banner import ErrorBanner
from gui.widgets.facts import FactGrid
from gui.widgets.progress import ThinBar
from gui.widgets.text import Role, label
from gui.wizard.pages.road_card import road_row

if TYPE_CHECKING:
    from gui.app import Services

WIDTH = 720


def convert_model(
    source: SourceModel, target: ModelFormat, out: Path, options: Mapping[str, Option], job: JobContext
) -> Artifact:
    from backends.actions.convert import convert

    return convert(source, target, out, job, options=options).artifact


class ConvertDialog(QDialog):
    """``navigate`` leads to where what is missing is installed. Closing it ends what runs."""

    navigate = Signal(str)
    convert = staticmethod(convert_model)

    def __init__(self, services: Services, source: SourceModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Convert {0}").format(source.name))
        self._runner, self._source = services.runner, source
        self._job: Job | None = None
        self._make_widgets()
        self._lay_out()
        self.setMinimumWidth(WIDTH)
        for ahead in destinations(source):
            self.target.addItem(ahead.road.formats[-1].label, ahead)
        self._show_road()

    def start(self) -> None:
        """Begin, unless somebody else has the machine: both would disturb each other."""
        other = self._runner.occupation
        if other is not None:
            running = self.tr("“{0}” is running: both would disturb each other.").format(other.what)
            self.banner.show_error(running, self.tr("Start again once that has ended."), "")
            return
        ahead, out = self._ahead, Path(self.folder.text().strip()).expanduser()
        chip = self.chip.text().strip() if self.chip.isEnabled() else ""
        options: dict[str, Option] = {"target": chip} if chip else {}
        source, target = self._source, ahead.road.formats[-1]
        self.banner.clear()
        self._job = self._runner.start(
            lambda job: self.convert(source, target, out, options, job),
            self._ended,
            self._hear,
            Occupation(self.tr("Convert"), "model"),
        )
        self.status.setText(self.tr("Starting"))
        self._show_state()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._end()
        super().closeEvent(event)

    def done(self, result: int) -> None:
        self._end()
        super().done(result)

    def _end(self) -> None:
        job, self._job = self._job, None
        if job is not None:
            job.cancel()

    def _stop(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def _ended(self, terminal: Terminal) -> None:
        if self._job is None:
            return  # closed meanwhile
        self._job = None
        self.status.setText("")
        if isinstance(terminal, Failed):
            self.banner.show_error(terminal.message, terminal.remedy, terminal.details)
        elif isinstance(terminal, Result):
            made: Artifact = terminal.payload
            self.status.setText(self.tr("{0} · {1}").format(made.path, units.size(made.size_bytes)))
        else:
            self.status.setText(self.tr("Stopped; nothing half-made was kept."))
        self._show_state()

    def _hear(self, events: list[Event]) -> None:
        told = [event for event in events if isinstance(event, Progress)]
        if told and self._job is not None:
            self.bar.set_fraction(told[-1].fraction)
            self.status.setText(told[-1].what or self.status.text())

    @property
    def _ahead(self) -> RoadAhead:
        ahead: RoadAhead = self.target.currentData()
        return ahead

    def _show_road(self) -> None:
        if self.target.count():
            self.road.set_rows([road_row(self._ahead, self.tr("Road"))])
            compiled = self._ahead.road.formats[-1] is ModelFormat.QNN_CONTEXT
            self.chip.setEnabled(compiled)
            self.chip_line.setVisible(compiled)
        self._show_state()

    def _show_state(self) -> None:
        running, known = self._job is not None, self.target.count() > 0
        ready = known and not any(step.missing for step in self._ahead.steps)
        self.begin.setEnabled(ready and not running and bool(self.folder.text().strip()))
        self.stop.setVisible(running)
        self.bar.setVisible(running)
        for widget in (self.target, self.folder, self.choose, self.chip_line):
            widget.setEnabled(not running)
        if not known:
            self.status.setText(self.tr("No road leads from this model to another format."))

    def _choose(self) -> None:
        parent = QFileDialog.getExistingDirectory(self, self.tr("Where the new folder is made"))
        if parent:
            form = self._ahead.road.formats[-1].value if self.target.count() else ""
            self.folder.setText(str(Path(parent) / f"{self._source.name}-{form}".strip("-")))

    def _make_widgets(self) -> None:
        self.banner, self.road, self.bar = ErrorBanner(), FactGrid(), ThinBar()
        self.target, self.folder, self.chip = QComboBox(), QLineEdit(), QLineEdit()
        self.target.setAccessibleName(self.tr("Format"))
        self.folder.setAccessibleName(self.tr("New folder"))
        self.folder.setPlaceholderText(self.tr("a new folder"))
        self.chip.setAccessibleName(self.tr("Chip"))
        self.chip.setPlaceholderText(self.tr("such as sm8650; empty: the usual one"))
        self.choose, self.stop = QPushButton(self.tr("Choose…")), QPushButton(self.tr("Stop"))
        self.begin, self.leave = QPushButton(self.tr("Convert")), QPushButton(self.tr("Close"))
        self.begin.setProperty("role", "primary")
        self.stop.setProperty("role", "danger")
        self.status = label("", Role.MUTED, wrap=True)
        self.target.currentIndexChanged.connect(self._show_road)
        self.folder.textChanged.connect(self._show_state)
        self.road.activated.connect(self._go)
        self.choose.clicked.connect(self._choose)
        self.begin.clicked.connect(self.start)
        self.stop.clicked.connect(self._stop)
        self.leave.clicked.connect(self.close)

    def _go(self, place: str) -> None:
        self.navigate.emit(place)
        self.close()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 24)
        column.setSpacing(16)
        column.addWidget(self.banner)
        column.addWidget(self._line(self.tr("Format"), self.target))
        self.chip_line = self._line(self.tr("Chip"), self.chip)
        column.addWidget(self.chip_line)
        column.addWidget(self._line(self.tr("New folder"), self.folder, self.choose))
        column.addWidget(self.road)
        column.addWidget(self.bar)
        column.addWidget(self.status)
        column.addStretch(1)
        column.addWidget(self._line("", self.stop, self.leave, self.begin))

    def _line(self, name: str, *widgets: QWidget) -> QWidget:
        line = QWidget()
        row = QHBoxLayout(line)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        title = label(name)
        title.setFixedWidth(92)
        row.addWidget(title)
        if not name:
            row.addStretch(1)
        for number, widget in enumerate(widgets):
            row.addWidget(widget, int(bool(name) and number == 0))
        return line
