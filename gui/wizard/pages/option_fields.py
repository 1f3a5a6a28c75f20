"""One thing that can be set, as a manifest describes it: where its value is written, and how it reads."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QComboBox, QLineEdit, QWidget

from backends.domain.artifact import Option
from backends.domain.errors import BadInput
from backends.frameworks.options import ANY, CHOICE, FLAG, NUMBER, TEXT, OptionSpec

translate = QCoreApplication.translate
DOT = " · "
LEFT_OPEN = None  # data of the entry that leaves the choice to the framework

Values = Mapping[str, Option]


def name_words(name: str) -> str:
    """ "group_size" as people write it."""
    return name.removesuffix(f".{ANY}").replace("_", " ")


def value_words(value: Option) -> str:
    if isinstance(value, bool):
        return translate("Options", "on") if value else translate("Options", "off")
    return f"{value:g}" if isinstance(value, float) else str(value)


def words(values: Values) -> str:
    """ "group size 32 · awq on"."""
    return DOT.join(f"{name_words(name)} {value_words(value)}" for name, value in values.items())


def field_of(spec: OptionSpec, values: Values) -> OptionField:
    if spec.name.endswith(ANY):
        return NamedField(spec, values)
    return ChosenField(spec, values) if spec.kind in (FLAG, CHOICE) else WrittenField(spec, values)


class OptionField:
    """``given`` holds only what differs from the default, as the user wrote it: the engine checks it."""

    widget: QWidget

    def __init__(self, spec: OptionSpec) -> None:
        self.spec = spec

    def given(self) -> dict[str, Option]:
        """Raises BadInput for what cannot even be read."""
        raise NotImplementedError

    def reset(self) -> None:
        raise NotImplementedError


class ChosenField(OptionField):
    """One of a few."""

    def __init__(self, spec: OptionSpec, values: Values) -> None:
        super().__init__(spec)
        self.widget: QComboBox = QComboBox()
        if spec.default is None:
            self.widget.addItem(translate("Options", "as the framework decides"), LEFT_OPEN)
        for choice in (False, True) if spec.kind == FLAG else spec.choices:
            self.widget.addItem(value_words(choice), choice)
        self._show(values.get(spec.name, spec.default))

    def given(self) -> dict[str, Option]:
        value = self.widget.currentData()
        return {} if value is LEFT_OPEN or value == self.spec.default else {self.spec.name: value}

    def reset(self) -> None:
        self._show(self.spec.default)

    def _show(self, value: Option | None) -> None:
        every = [self.widget.itemData(index) for index in range(self.widget.count())]
        self.widget.setCurrentIndex(every.index(value) if value in every else 0)


class WrittenField(OptionField):
    """A number or a text; empty stands for the default."""

    def __init__(self, spec: OptionSpec, values: Values) -> None:
        super().__init__(spec)
        self.widget: QLineEdit = QLineEdit(self._text(values))
        self.widget.setPlaceholderText(self._hint())

    def given(self) -> dict[str, Option]:
        text = self.widget.text().strip()
        value = read(text, self.spec.kind)
        return {} if not text or value == self.spec.default else {self.spec.name: value}

    def reset(self) -> None:
        self.widget.clear()

    def _text(self, values: Values) -> str:
        value = values.get(self.spec.name)
        return "" if value is None else value_words(value)

    def _hint(self) -> str:
        if self.spec.default is not None:
            return value_words(self.spec.default)
        low, high = self.spec.least, self.spec.most
        if low is not None and high is not None:
            return translate("Options", "{0} to {1}").format(f"{low:g}", f"{high:g}")
        return translate("Options", "as the framework decides")


class NamedField(WrittenField):
    """A value for every name of a kind: "batch=1, sequence=128"."""

    def given(self) -> dict[str, Option]:
        return dict(self._pair(text) for text in self.widget.text().split(",") if text.strip())

    def _pair(self, text: str) -> tuple[str, Option]:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals):
            raise BadInput(f"“{text.strip()}” names no size.", "Write NAME=SIZE, such as batch=1.")
        return f"{self._prefix}{name}", read(value, self.spec.kind)

    def _text(self, values: Values) -> str:
        mine = {name: value for name, value in values.items() if self.spec.matches(name)}
        return ", ".join(
            f"{name.removeprefix(self._prefix)}={value_words(value)}" for name, value in mine.items()
        )

    def _hint(self) -> str:
        return translate("Options", "batch=1, sequence=128")

    @property
    def _prefix(self) -> str:
        return self.spec.name.removesuffix(ANY)


def read(text: str, kind: str) -> Option:
    """A number where one is wanted and written, else the text: the engine's check says what is wrong."""
    if kind == TEXT:
        return text
    with suppress(ValueError):
        return int(text)
    if kind == NUMBER:
        with suppress(ValueError):
            return float(text)
    return text
