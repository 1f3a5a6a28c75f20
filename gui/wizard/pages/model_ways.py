"""The other ways to a model: from the Hugging Face Hub, and only its shape. Parts of the model page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from backends.domain.hub import HubFile, HubPlan
from gui.models.cells import BarCell, LinkCell, TextCell
from gui.models.table import Column, TableModel
from gui.widgets import units
from gui.widgets.card import Card
from gui.widgets.facts import FactGrid, FactRow
from gui.widgets.flow import GAP
from gui.widgets.table import Table
from gui.widgets.terms import explain
from gui.widgets.text import Role, label
from gui.wizard.pages.hardware_words import parameters

if TYPE_CHECKING:
    from backends.actions.shapes import ShapeOffer

FITTING = 0.9  # share of free memory beyond which a model will not run, as the ranking has it
MOST_NAMES = 8


class Field(QLineEdit):
    """One line of text with a name for those who do not see it."""

    def __init__(self, name: str, example: str, *, secret: bool = False) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setPlaceholderText(example)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        if secret:
            self.setEchoMode(QLineEdit.EchoMode.Password)

    def sizeHint(self) -> QSize:
        return QSize(220, super().sizeHint().height())


class HubCard(Card):
    """A name, then what it would bring, then the download. The token stays in its field."""

    asked = Signal(str, str, str)  # the name as it was typed, the file that was chosen or "", and the token
    wanted = Signal(object, str)  # the HubPlan that was shown, and the token

    def __init__(self) -> None:
        super().__init__(self.tr("From Hugging Face"))
        self.plan: HubPlan | None = None
        self.name = Field(self.tr("Model on the Hub"), self.tr("owner/name, or owner/name@revision"))
        self.token = Field(self.tr("Token"), self.tr("token, for gated models"), secret=True)
        self.look, self.download = QPushButton(self.tr("Look")), QPushButton(self.tr("Download"))
        self.download.setProperty("role", "primary")
        self.facts = FactGrid()
        self.choices: TableModel[HubFile] = TableModel(self._columns())
        self.several = label("", wrap=True)
        self.table = Table(self.choices, max_rows=8)
        self.table.setAccessibleName(self.tr("Models in this repository"))
        self.table.link_activated.connect(lambda row, _: self._ask(self.choices.rows[row].name))
        text = self.tr(
            "Only the name is sent, and a token where there is one, which is not stored. Weights come as "
            "safetensors, GGUF or ONNX; pickles and Python code are refused."
        )
        self.add(label(text, Role.NOTE, wrap=True)).add(self._line()).add(self.facts)
        self.add(self.several).add(self.table).end()
        self.name.textChanged.connect(lambda: self.show_plan(None))
        self.name.returnPressed.connect(lambda: self._ask())
        self.look.clicked.connect(lambda: self._ask())
        self.download.clicked.connect(lambda: self.wanted.emit(self.plan, self.token.text().strip()))
        self.show_plan(None)

    def show_plan(self, plan: HubPlan | None) -> None:
        """``None``: nothing is known yet, or another name was typed."""
        choices = plan.choices if plan is not None else ()
        self.plan = None if choices else plan
        self.look.setEnabled(bool(self.name.text().strip()))
        self.facts.setVisible(self.plan is not None)
        self.download.setVisible(self.plan is not None)
        self.several.setVisible(bool(choices))
        self.table.setVisible(bool(choices))
        self.choices.set_rows(choices)
        self.several.setText(self.tr("This repository holds {0} models. Choose one.").format(len(choices)))
        if self.plan is not None:
            self.facts.set_rows(self._rows(self.plan))

    def _columns(self) -> list[Column[HubFile]]:
        tip = self.tr("Of all files that belong to it, as the server tells it.")
        return [
            Column(self.tr("File"), lambda file: TextCell(file.name, tip=file.name), stretch=True),
            Column(self.tr("Size"), lambda file: TextCell(units.size(file.size_bytes), tip=tip), right=True),
            Column("", lambda file: LinkCell(self.tr("Choose"), "choose"), width=88),
        ]

    def _rows(self, plan: HubPlan) -> tuple[FactRow, ...]:
        files = self.tr("{0} files").format(len(plan.files))
        names = [file.name for file in plan.files]
        shown = ", ".join(names[:MOST_NAMES]) + (" …" if len(names) > MOST_NAMES else "")
        tip = self.tr("As the server tells it.")
        return (
            FactRow(self.tr("Model"), plan.model.name, tip, plan.model.revision),
            FactRow(self.tr("Download"), units.size(plan.size_bytes), tip, files),
            FactRow(self.tr("Files"), "", "\n".join(names), shown),
            FactRow(self.tr("Commit"), "", tip, plan.commit[:12]),
        )

    def _ask(self, file: str = "") -> None:
        if name := self.name.text().strip():
            self.asked.emit(name, file, self.token.text().strip())

    def _line(self) -> QHBoxLayout:
        line = QHBoxLayout()
        line.setSpacing(12)
        line.addWidget(self.name, 3)
        line.addWidget(self.token, 2)
        line.addWidget(self.look)
        line.addWidget(self.download)
        return line


class ShapeCard(Card):
    """The catalogue of shapes with what each would take here; or the user's own configuration."""

    wanted = Signal(str)  # the name of a shape, or the path of a config.json

    def __init__(self) -> None:
        super().__init__(self.tr("Only the shape"))
        self.model: TableModel[ShapeOffer] = TableModel(self._columns())
        table = Table(self.model, max_rows=9)
        table.setAccessibleName(self.tr("Shapes of known models"))
        table.link_activated.connect(lambda row, _: self.wanted.emit(self.model.rows[row].name))
        self.own = QPushButton(self.tr("From a config.json…"))
        self.own.clicked.connect(self._ask_file)
        text = self.tr(
            "Random weights in the shape of a model: its speed and memory are measured here before anything "
            "is downloaded. Such a model has learned nothing, and its quality is never scored."
        )
        line = QHBoxLayout()
        line.addWidget(self.own)
        line.addStretch(1)
        self.add(label(text, Role.NOTE, wrap=True)).add(table).add(line).end()

    def set_offers(self, offers: Sequence[ShapeOffer]) -> None:
        self.model.set_rows(offers)

    def _columns(self) -> list[Column[ShapeOffer]]:
        return [
            Column(self.tr("Shape"), lambda offer: TextCell(offer.name, bold=True, tip=offer.source)),
            Column(
                self.tr("Parameters"),
                lambda offer: parameters(offer.parameters),
                right=True,
                term=explain("parameters"),
            ),
            Column(self.tr("As F16"), lambda offer: units.size(offer.size_bytes), right=True),
            Column(self.tr("Memory here"), self._fit, stretch=True),
            Column("", lambda offer: LinkCell(self.tr("Make it"), "make"), width=88),
        ]

    def _fit(self, offer: ShapeOffer) -> BarCell:
        size, share = units.size(offer.fit.total_bytes), offer.fit.share_of_free
        tip = self.tr("Expected while it runs as F16, with a context of 1,024 tokens, against what is free.")
        if share is None:
            return BarCell(0.0, size, tip=tip)
        if share > FITTING:
            words = self.tr("{0} · more than is free; smaller precisions may fit").format(size)
        else:
            words = self.tr("{0} · {1} of free").format(size, units.percent(share))
        return BarCell(min(1.0, share), words, "warn" if share > FITTING else "accent", tip=tip)

    def _ask_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, self.tr("Choose a config.json"), "", self.tr("Configuration (*.json)")
        )
        if name:
            self.wanted.emit(name)


class WaysIn(QWidget):
    """Two buttons that each open a card; one is open at a time, or none."""

    shapes_opened = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.hub, self.shapes = HubCard(), ShapeCard()
        self.open_hub = QPushButton(self.tr("From Hugging Face…"))
        self.open_shapes = QPushButton(self.tr("Only the shape…"))
        line = QHBoxLayout()
        line.setSpacing(12)
        for button in (self.open_hub, self.open_shapes):
            button.setCheckable(True)
            button.toggled.connect(self._follow)
            line.addWidget(button)
        line.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        column.addLayout(line)
        column.addWidget(self.hub)
        column.addWidget(self.shapes)
        self._follow()

    def close_all(self) -> None:
        """Once a model is there, its assessment is what counts."""
        for button in (self.open_hub, self.open_shapes):
            button.setChecked(False)

    def _follow(self, opened: bool = False) -> None:
        other = self.open_shapes if self.sender() is self.open_hub else self.open_hub
        if opened:
            other.setChecked(False)
        self.hub.setVisible(self.open_hub.isChecked())
        self.shapes.setVisible(self.open_shapes.isChecked())
        if opened and self.open_shapes.isChecked():
            self.shapes_opened.emit()
        if opened and self.open_hub.isChecked():
            self.hub.name.setFocus()
