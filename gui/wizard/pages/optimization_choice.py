"""What is to be made in stages, and by which rules: as in Settings where they are not set otherwise here."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from backends.domain.artifact import CPU, Option
from backends.domain.errors import BadInput
from backends.frameworks import registry
from backends.frameworks.options import CHOICE, FLAG, WHOLE, OptionSpec
from backends.workflow.wizard import Choice, WizardState
from gui.widgets.text import Role, label
from gui.wizard.pages import option_fields
from gui.wizard.pages.opening import device_specs, devices_of, threads_spec
from gui.wizard.pages.opening_words import DEVICE, THREADS
from gui.wizard.pages.optimization_work import Wish
from gui.wizard.pages.options_dialog import OptionsDialog

if TYPE_CHECKING:
    from gui.app import Services

translate = QCoreApplication.translate
DEPTHS = ("quick", "standard", "thorough")
DEPTH, CANDIDATES, STRESS = "depth", "candidates", "stress_run"  # names of options
ALL = "all"  # data of the entry that stands for everything the wizard has chosen


class WhatToMake(QComboBox):
    """The data of an entry is a :class:`Choice`, ``ALL``, or ``None`` for what is recommended then."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(self.tr("Framework and precision"))
        self._chosen: tuple[Choice, ...] = ()

    def offer(self, state: WizardState) -> None:
        """What the wizard has chosen, below the recommendation of the moment; the entry taken stays taken."""
        wanted: Choice | str | None = self.currentData()
        self._chosen = state.chosen
        self.clear()
        self.addItem(self.tr("What is recommended for this machine"), None)
        ranked = state.recommendation.offered if state.recommendation else ()
        names = {Choice.of(one): f"{one.title} {one.precision}" for one in ranked}
        for choice in state.chosen:
            self.addItem(names.get(choice, f"{choice.framework} {choice.precision}"), choice)
        if len(state.chosen) > 1:
            self.addItem(self.tr("All {0} that were chosen").format(len(state.chosen)), ALL)
        self.setCurrentIndex(max(0, self.findData(wanted) if wanted else 0))

    @property
    def choices(self) -> tuple[Choice, ...]:
        """None: what is recommended."""
        data: Choice | str | None = self.currentData()
        if isinstance(data, Choice):
            return (data,)
        return self._chosen if data == ALL else ()


class StageWishes(QWidget):
    """``choice`` with the way to the rules, and below them those that are not the usual."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self._rules: Mapping[str, Option] = {}
        self.choice, self.note = WhatToMake(), label("", Role.MUTED, wrap=True)
        self.options = QPushButton(self.tr("Options…"))
        self.options.setToolTip(self.tr("Depth, device, threads, and how many of the recommended are tried."))
        self.options.clicked.connect(self.open_options)
        self.choice.currentIndexChanged.connect(self._say)
        self._lay_out()
        self._say()

    def offer(self) -> None:
        self.choice.offer(self._services.store.state)
        self._say()

    def wish(self) -> Wish | None:
        """``None`` without a model."""
        state = self._services.store.state
        if state.source is None:
            return None
        rules = {spec.name: spec.default for spec in self._specs()} | self._in_force()
        return Wish(
            state.source,
            self.choice.choices,
            state.target,
            str(rules[DEPTH]),
            candidates=int(rules.get(CANDIDATES) or 1),
            device=str(rules.get(DEVICE, CPU)),
            threads=int(self._in_force().get(THREADS, 0)),
            stress=bool(rules[STRESS]),
            weights=state.weights,
        )

    def open_options(self) -> None:
        dialog = OptionsDialog(
            self.tr("Options of the stages"), self._specs(), self._in_force(), lambda given: None, self
        )
        dialog.accepted_values.connect(self.use)
        dialog.open()

    def use(self, rules: Mapping[str, Option]) -> None:
        self._rules = rules
        self._say()

    def _in_force(self) -> dict[str, Option]:
        """What was set otherwise than usual, of what can be set with the present choice."""
        found: dict[str, Option] = {}
        for spec in self._specs():
            if spec.name in self._rules:
                with suppress(BadInput):  # a device that the frameworks of before had
                    found[spec.name] = spec.checked(spec.name, self._rules[spec.name])
        return found

    def _specs(self) -> list[OptionSpec]:
        state, choices = self._services.store.state, self.choice.choices
        settings = self._services.settings.value
        depth = settings.benchmark_depth if settings.benchmark_depth in DEPTHS else DEPTHS[0]
        return [
            OptionSpec(DEPTH, CHOICE, _note(DEPTH), default=depth, choices=DEPTHS),
            *([] if choices else [_candidates()]),
            *device_specs(devices_of(_frameworks(state, choices), state)),
            threads_spec(state.hardware),
            OptionSpec(STRESS, FLAG, _note(STRESS), default=settings.benchmark_stress),
        ]

    def _say(self) -> None:
        words = option_fields.words(self._in_force())
        self.note.setText(self.tr("With {0}").format(words) if words else "")
        self.note.setVisible(bool(words))

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(label(self.tr("Make"), Role.MUTED))
        for widget in (self.choice, self.options):
            row.addWidget(widget)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(row)
        column.addWidget(self.note)


def _frameworks(state: WizardState, choices: tuple[Choice, ...]) -> list[str]:
    """That will run something: the original's, once it is known, and those of the choice."""
    first = [state.original.framework] if state.original else []
    return [*first, *(choice.framework for choice in choices)]


def _candidates() -> OptionSpec:
    most = len(registry.manifests())
    return OptionSpec(CANDIDATES, WHOLE, _note(CANDIDATES), default=1, least=1, most=most)


def _note(name: str) -> str:
    return {
        DEPTH: translate("Stages", "How many pairs are measured, and how long the acceleration is searched."),
        CANDIDATES: translate("Stages", "How many of the recommended frameworks are tried, the best first."),
        STRESS: translate("Stages", "Loaded again and again, in sessions at once, at a long context."),
    }[name]
