"""The options that a manifest describes, in a dialog: only those that concern the model and the precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from backends.domain.artifact import Option
from backends.domain.errors import BadInput
from backends.frameworks.options import OptionSpec
from gui.widgets.banner import ErrorBanner
from gui.widgets.text import Role, label
from gui.wizard.pages.options_form import ROW, OptionsForm

WIDTH, HEAD, MOST = 880, 180, 680  # pixels; HEAD: what is around the rows
Check = Callable[[Mapping[str, Option]], Any]


class FormDialog(QDialog):
    """A title, a body, and below it "Defaults" (``reset``), "Cancel" and "Use" (``take``)."""

    accepted_values = Signal(object)

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(24, 24, 24, 24)
        self.column.setSpacing(16)
        self.column.addWidget(label(title, Role.HEADING))

    def take(self) -> None:
        raise NotImplementedError

    def reset(self) -> None:
        raise NotImplementedError

    def end(self, rows: int, head: int = HEAD) -> None:
        """The buttons below what was added, and a height for so many rows of options."""
        self.column.addLayout(self._buttons())
        self.resize(WIDTH, min(MOST, head + ROW * rows))

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


class OptionsDialog(FormDialog):
    """``accepted_values`` carries what differs from the defaults, after nobody had anything against it.

    A value that will not do is said at its field; what ``check`` raises as BadInput above them all. What is
    stored is always good.
    """

    def __init__(
        self,
        title: str,
        specs: Sequence[OptionSpec],
        values: Mapping[str, Option],
        check: Check,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(title, parent)
        self._check = check
        self.banner, self.form = ErrorBanner(), OptionsForm(specs, values)
        self.fields = self.form.fields
        self.column.addWidget(self.banner)
        self.column.addWidget(self.form, 1)
        self.end(len(self.fields))

    def take(self) -> None:
        """Hand over what is written, or say what is wrong with it."""
        self.banner.clear()
        values = self.form.given()
        if values is None:
            self.form.go_to_trouble()
            return
        try:
            self._check(values)
        except BadInput as error:
            self.banner.show_error(error.message, error.remedy, "")
            return
        self.accepted_values.emit(values)
        self.accept()

    def reset(self) -> None:
        """Back to the defaults; nothing is handed over yet."""
        self.banner.clear()
        self.form.reset()
