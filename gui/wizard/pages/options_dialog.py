"""The options that a manifest describes, as a form: only those that concern the model and the precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from backends.domain.artifact import Option
from backends.domain.errors import BadInput
from backends.frameworks.options import OptionSpec
from gui.widgets.banner import ErrorBanner
from gui.widgets.text import Role, label
from gui.wizard.pages.option_fields import OptionField, field_of, name_words

WIDTH, FIELD, NOTE, HEAD, ROW, MOST = 880, 240, 400, 180, 50, 680  # pixels; HEAD: what is around the rows
Check = Callable[[Mapping[str, Option]], Any]


class OptionsDialog(QDialog):
    """``accepted_values`` carries what differs from the defaults, after ``check`` had nothing against it.

    ``check`` raises BadInput, which is said in the dialog; what is stored is always good.
    """

    accepted_values = Signal(object)  # a dict, in the order of the form

    def __init__(
        self,
        title: str,
        specs: Sequence[OptionSpec],
        values: Mapping[str, Option],
        check: Check,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self._check = check
        self.fields: dict[str, OptionField] = {spec.name: field_of(spec, values) for spec in specs}
        self.banner = ErrorBanner()
        self._lay_out(title)
        self.resize(WIDTH, min(MOST, HEAD + ROW * len(self.fields)))

    def take(self) -> None:
        """Hand over what is written, or say what is wrong with it."""
        try:
            values = {name: value for field in self.fields.values() for name, value in field.given().items()}
            self._check(values)
        except BadInput as error:
            self.banner.show_error(error.message, error.remedy, "")
            return
        self.accepted_values.emit(values)
        self.accept()

    def reset(self) -> None:
        """Back to the defaults; nothing is handed over yet."""
        self.banner.clear()
        for field in self.fields.values():
            field.reset()

    def _lay_out(self, title: str) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 24)
        column.setSpacing(16)
        column.addWidget(label(title, Role.HEADING))
        column.addWidget(self.banner)
        area = QScrollArea()
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidgetResizable(True)
        area.setWidget(self._form())
        column.addWidget(area, 1)
        column.addLayout(self._buttons())

    def _form(self) -> QWidget:
        form = QWidget()
        grid = QGridLayout(form)
        grid.setContentsMargins(0, 0, 12, 0)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(12)
        grid.setColumnStretch(2, 1)
        for number, field in enumerate(self.fields.values()):
            spec = field.spec
            name = label(name_words(spec.name), tip=spec.note)
            name.setBuddy(field.widget)
            field.widget.setToolTip(spec.note)
            field.widget.setAccessibleName(name_words(spec.name))
            field.widget.setAccessibleDescription(spec.note)
            field.widget.setFixedWidth(FIELD)
            grid.addWidget(name, number, 0)
            grid.addWidget(field.widget, number, 1)
            note = label(self._note(spec), Role.NOTE, wrap=True)
            note.setMinimumWidth(NOTE)
            grid.addWidget(note, number, 2)
        grid.setRowStretch(len(self.fields), 1)
        return form

    def _note(self, spec: OptionSpec) -> str:
        return f"{spec.note} {self.tr('Needs calibration data.')}" if spec.calibrates else spec.note

    def _buttons(self) -> QHBoxLayout:
        self.defaults, self.cancel = QPushButton(self.tr("Defaults")), QPushButton(self.tr("Cancel"))
        self.use = QPushButton(self.tr("Use"))
        self.use.setProperty("role", "primary")
        self.use.setDefault(True)
        self.defaults.setAutoDefault(False)
        self.cancel.setAutoDefault(False)
        self.defaults.clicked.connect(self.reset)
        self.cancel.clicked.connect(self.reject)
        self.use.clicked.connect(self.take)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self.defaults)
        row.addStretch(1)
        row.addWidget(self.cancel)
        row.addWidget(self.use)
        return row
