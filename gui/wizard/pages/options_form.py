"""What manifests say can be set, as a form: a row an option, with what it does or what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QCoreApplication, Qt, QTimer
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QScrollArea, QWidget

from backends.domain.artifact import Option
from backends.domain.errors import BadInput
from backends.frameworks.options import OptionSpec
from gui.widgets.text import Role, label
from gui.wizard.pages.option_fields import OptionField, field_of, name_words

FIELD, NOTE, ROW = 240, 400, 50  # pixels

translate = QCoreApplication.translate


class OptionsForm(QScrollArea):
    """``troubles``: a line below each field, shown where its value will not do."""

    def __init__(self, specs: Sequence[OptionSpec], values: Mapping[str, Option]) -> None:
        super().__init__()
        self.fields: dict[str, OptionField] = {spec.name: field_of(spec, values) for spec in specs}
        self.troubles: dict[str, QLabel] = {}
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidgetResizable(True)
        self.setWidget(self._rows())

    def given(self) -> dict[str, Option] | None:
        """What differs from the defaults, in the order of the form.

        ``None`` where a value will not do: its field says why, in the engine's words.
        """
        found: dict[str, Option] = {}
        good = [self._read(name, field, found) for name, field in self.fields.items()]
        return found if all(good) else None

    def go_to_trouble(self) -> None:
        """The first field whose value will not do gets the focus, and is scrolled to."""
        first = next((name for name, trouble in self.troubles.items() if trouble.text()), "")
        if not first:
            return
        field, trouble = self.fields[first].widget, self.troubles[first]
        field.setFocus()
        QTimer.singleShot(0, trouble, lambda: self.ensureWidgetVisible(trouble))  # once it has taken room

    def reset(self) -> None:
        """Back to the defaults."""
        for name, field in self.fields.items():
            field.reset()
            self._say(name, "")

    def _read(self, name: str, field: OptionField, found: dict[str, Option]) -> bool:
        try:
            given = field.given()
            for one, value in given.items():
                field.spec.checked(one, value)
        except BadInput as error:
            self._say(name, f"{error.message} {error.remedy}".strip())
            return False
        found |= given
        self._say(name, "")
        return True

    def _say(self, name: str, trouble: str) -> None:
        self.troubles[name].setText(trouble)
        self.troubles[name].setVisible(bool(trouble))

    def _rows(self) -> QWidget:
        rows = QWidget()
        grid = QGridLayout(rows)
        if not self.fields:
            grid.addWidget(label(translate("Options", "There is nothing to set."), Role.MUTED), 0, 0)
        grid.setContentsMargins(0, 0, 12, 0)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(12)
        grid.setColumnStretch(2, 1)
        for number, (option, field) in enumerate(self.fields.items()):
            spec = field.spec
            name = label(name_words(option), tip=spec.note)
            name.setBuddy(field.widget)
            field.widget.setToolTip(spec.note)
            field.widget.setAccessibleName(name_words(option))
            field.widget.setAccessibleDescription(spec.note)
            field.widget.setFixedWidth(FIELD)
            note = label(_note(spec), Role.NOTE, wrap=True)
            note.setMinimumWidth(NOTE)
            trouble = self.troubles[option] = label("", Role.BAD, wrap=True)
            trouble.hide()
            for column, widget in enumerate((name, field.widget, note)):
                grid.addWidget(widget, 2 * number, column)
            grid.addWidget(trouble, 2 * number + 1, 1, 1, 2)
        grid.setRowStretch(2 * len(self.fields) + 1, 1)
        return rows


def _note(spec: OptionSpec) -> str:
    return f"{spec.note} {translate('Options', 'Needs calibration data.')}" if spec.calibrates else spec.note
