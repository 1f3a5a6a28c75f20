"""How what is measured is opened, as a dialog: a tab for what is alike for all, and one for each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QStackedWidget, QWidget

from backends.domain.artifact import Option
from backends.frameworks.options import OptionSpec
from gui.widgets.text import Role, label
from gui.widgets.topics import TopicTabs
from gui.wizard.pages.options_dialog import HEAD, FormDialog
from gui.wizard.pages.options_form import OptionsForm

ABOVE = 90  # pixels: the note and the tabs


@dataclass(frozen=True)
class Part:
    """One tab. ``values``: what differs from the defaults of ``specs``."""

    title: str
    specs: Sequence[OptionSpec]
    values: Mapping[str, Option]


class OpeningDialog(FormDialog):
    """``accepted_values`` carries a dict for each part, in their order."""

    def __init__(self, parts: Sequence[Part], parent: QWidget | None = None) -> None:
        super().__init__(QCoreApplication.translate("Opening", "How they are opened"), parent)
        note = self.tr("Opened otherwise, all is measured anew; what was measured so far stays in History.")
        self.tabs, self.stack = TopicTabs(), QStackedWidget()
        self.forms = [OptionsForm(part.specs, part.values) for part in parts]
        for form in self.forms:
            self.stack.addWidget(form)
        self.tabs.topic_chosen.connect(lambda number: self.stack.setCurrentIndex(int(number)))
        self.tabs.set_topics({str(number): part.title for number, part in enumerate(parts)})
        self.column.addWidget(label(note, Role.MUTED, wrap=True))
        self.column.addWidget(self.tabs)
        self.column.addWidget(self.stack, 1)
        self.end(max(len(form.fields) for form in self.forms), HEAD + ABOVE)
        self.defaults.setToolTip(self.tr("Of the tab that is shown."))

    def take(self) -> None:
        """Hand over what is written, or go to the first value that will not do."""
        given = [form.given() for form in self.forms]
        if None in given:
            number = given.index(None)
            self.tabs.choose(str(number))
            self.forms[number].go_to_trouble()
            return
        self.accepted_values.emit(given)
        self.accept()

    def reset(self) -> None:
        """The shown tab back to its defaults; nothing is handed over yet."""
        self.forms[self.stack.currentIndex()].reset()
