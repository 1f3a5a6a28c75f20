"""What fine-tuning is asked for: the user's lines, and the figures of the training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFileDialog,
    QGridLayout,
    QPushButton,
    QSpinBox,
    QWidget,
)

from backends.domain.finetuning import FinetuneSettings
from gui.widgets import units
from gui.widgets.card import Card
from gui.widgets.facts import FactGrid, FactRow
from gui.widgets.text import Role, label

if TYPE_CHECKING:
    from backends.actions.finetune import Lines

DEFAULTS = FinetuneSettings()


class LinesCard(Card):
    """The file of lines, and what is in it."""

    chosen = Signal(Path)

    def __init__(self, parent: QWidget | None = None) -> None:
        self._button = QPushButton()
        super().__init__("", self._button, parent=parent)
        self.set_title(self.tr("Your lines"))
        self._button.setText(self.tr("Choose…"))
        self._button.setAccessibleName(self.tr("Choose a file of lines"))
        self._button.clicked.connect(self._ask)
        self._name = label("", Role.STRONG, wrap=True)
        self.facts = FactGrid()
        self._first = label("", Role.NOTE, wrap=True)
        self._first.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        help_text = self.tr(
            "One JSON object a line: “text”, or “prompt” and “completion”, or “messages”. The last two need "
            "a model with a chat template."
        )
        self.add(self._name).add(self.facts).add(self._first).add(label(help_text, Role.NOTE, wrap=True))
        self.end()
        self.show_lines(None, None)

    def show_lines(self, path: Path | None, lines: Lines | None) -> None:
        self._name.setText(path.name if path else self.tr("No file chosen yet"))
        self._name.setToolTip(str(path or ""))
        self.facts.setVisible(lines is not None)
        self._first.setVisible(lines is not None)
        if lines is None:
            return
        rows = [
            FactRow(self.tr("Layout"), lines.layout),
            FactRow(self.tr("Learned from"), self.tr("{0} lines").format(f"{lines.training:,}")),
            FactRow(
                self.tr("Held out"),
                self.tr("{0} lines").format(f"{lines.held_out:,}"),
                term=self.tr("Never trained on: before and after are judged by them."),
            ),
        ]
        if lines.repeated:
            rows.append(FactRow(self.tr("Left out"), self.tr("{0} repeated").format(f"{lines.repeated:,}")))
        self.facts.set_rows(rows)
        self._first.setText(lines.first)

    def _ask(self) -> None:
        kinds = self.tr("Lines (*.jsonl *.json);;All files (*)")
        chosen, _ = QFileDialog.getOpenFileName(self, self.tr("Choose a file of lines"), "", kinds)
        if chosen:
            self.chosen.emit(Path(chosen))


@dataclass(frozen=True)
class _Field:
    name: str
    text: str
    tip: str
    least: float
    most: float
    decimals: int = 0
    step: float = 1
    factor: float = 1


class SettingsCard(Card):
    """The figures of the training; each explained in its tooltip."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", parent=parent)
        self.set_title(self.tr("Training"))
        self.boxes: dict[str, QSpinBox | QDoubleSpinBox] = {}
        self._fields = {field.name: field for field in self._all()}
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(6)
        for number, field in enumerate(self._fields.values()):
            row, column = divmod(number, 2)
            name, box = label(field.text, tip=field.tip), self._box(field)
            name.setBuddy(box)
            name.setMinimumWidth(name.sizeHint().width())
            grid.addWidget(name, row, 2 * column)
            grid.addWidget(box, row, 2 * column + 1)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(2, 1)
        self.answers_only = QCheckBox(self.tr("Learn the answers only"))
        self.answers_only.setToolTip(self.tr("The prompt is read, and not learned to be written."))
        self.answers_only.toggled.connect(lambda _on: self.changed.emit())
        self.add(grid).add(self.answers_only).end()

    def value(self) -> FinetuneSettings:
        found = {name: box.value() / self._fields[name].factor for name, box in self.boxes.items()}
        whole = {name for name, field in self._fields.items() if not field.decimals and field.factor == 1}
        plain = {name: int(value) if name in whole else value for name, value in found.items()}
        return FinetuneSettings(**plain, mask_prompt=self.answers_only.isChecked())  # type: ignore[arg-type]

    def _box(self, field: _Field) -> QSpinBox | QDoubleSpinBox:
        box: QSpinBox | QDoubleSpinBox
        start = getattr(DEFAULTS, field.name) * field.factor
        if field.decimals:
            box = QDoubleSpinBox()
            box.setDecimals(field.decimals)
            box.setRange(field.least, field.most)
            box.setSingleStep(field.step)
            box.setValue(start)
            box.valueChanged.connect(lambda _value: self.changed.emit())
        else:
            box = QSpinBox()
            box.setRange(int(field.least), int(field.most))
            box.setSingleStep(int(field.step))
            box.setValue(round(start))
            box.valueChanged.connect(lambda _value: self.changed.emit())
        if field.factor != 1:
            box.setSuffix(f"{units.NBSP}%")
        if field.name == "layers":
            box.setSpecialValueText(self.tr("all"))
        box.setAlignment(Qt.AlignmentFlag.AlignRight)
        box.setAccessibleName(field.text)
        box.setToolTip(field.tip)
        box.setKeyboardTracking(False)
        self.boxes[field.name] = box
        return box

    def _all(self) -> tuple[_Field, ...]:
        return (
            _Field(
                "iterations",
                self.tr("Iterations"),
                self.tr("Training steps; each takes one batch of lines."),
                *(1, 1_000_000),
                step=50,
            ),
            _Field(
                "learning_rate",
                self.tr("Learning rate"),
                self.tr("How far each step goes; too much and the loss runs away."),
                *(0.000001, 0.1),
                decimals=6,
                step=0.00005,
            ),
            _Field(
                "batch_size",
                self.tr("Batch"),
                self.tr("Lines in a step; more take more memory."),
                *(1, 256),
            ),
            _Field(
                "sequence_tokens",
                self.tr("Tokens a line"),
                self.tr("Longer lines are cut; more take more memory."),
                *(8, 131_072),
                step=64,
            ),
            _Field(
                "rank",
                self.tr("Rank"),
                self.tr("Columns of an adapter (LoRA): how much can be learned, and its size."),
                *(1, 512),
            ),
            _Field(
                "layers",
                self.tr("Layers"),
                self.tr("How many of the model's last layers get adapters."),
                *(0, 512),
            ),
            _Field(
                "held_out",
                self.tr("Held out"),
                self.tr("Share of the lines that is never trained on, to judge by."),
                *(1, 90),
                factor=100,
            ),
            _Field(
                "seed", self.tr("Seed"), self.tr("The same seed splits the lines alike."), *(0, 2**31 - 1)
            ),
        )
