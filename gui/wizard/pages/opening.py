"""How what is measured is opened: what can be set, what is set otherwise than usual, and where to set it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from backends.benchmarking.protocol import QUICK
from backends.domain.artifact import CPU, Artifact, Configuration, Option
from backends.domain.hardware import HardwareProfile
from backends.domain.model import ModelKind
from backends.frameworks import registry
from backends.frameworks.options import CHOICE, WHOLE, OptionSpec
from backends.workflow.wizard import Choice, Opening, WizardState
from gui.widgets.chip import Legend
from gui.widgets.text import Role, label
from gui.wizard.pages import option_fields
from gui.wizard.pages.opening_dialog import OpeningDialog, Part
from gui.wizard.pages.opening_words import CONTEXT, DEVICE, THREADS, USUAL, shared_load, shared_values
from gui.wizard.store import WizardStore

translate = QCoreApplication.translate
Values = Mapping[str, Option]
BESIDE_BUTTON = 7  # pixels above the legend, so that its first line stands at the button's height


class OpeningBar(QWidget):
    """The legend of the page, and below it a line for each that is opened otherwise than usual."""

    changed = Signal()  # the wizard's state has another opening

    def __init__(self, store: WizardStore, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self.legend, self.note = Legend(), label("", Role.MUTED, wrap=True)
        self.button = QPushButton(self.tr("How they are opened…"))
        self.button.setToolTip(
            self.tr("Device, threads, context, and what each framework offers: cache types, hints and so on.")
        )
        self.button.clicked.connect(self.open_dialog)
        self._lay_out()
        store.changed.connect(self._refresh)
        self._refresh()

    def open_dialog(self) -> None:
        state = self._store.state
        keys: tuple[Choice | None, ...] = (None, *state.to_measure)
        dialog = OpeningDialog(parts_of(state), self)
        dialog.accepted_values.connect(
            lambda given: self.use(given[0], dict(zip(keys, given[1:], strict=True)))
        )
        dialog.open()

    def use(self, shared: Values, own: Mapping[Choice | None, Values]) -> None:
        """What differs from the usual: of all alike, and of each; the original's key is ``None``."""
        state = self._store.state
        every = {key: values for key, values in {**state.opening.own, **own}.items() if values}
        opening = Opening(shared_load(shared), every)
        if opening != state.opening:
            self._store.update(state.with_opening(opening))
            self.changed.emit()

    def _refresh(self) -> None:
        state = self._store.state
        self.button.setVisible(state.original is not None and bool(state.made))
        lines = [f"{title}: {option_fields.words(values)}" for title, values in _set(state) if values]
        self.note.setText("\n".join(lines))
        self.note.setVisible(bool(lines))

    def _lay_out(self) -> None:
        told = QVBoxLayout()
        told.setContentsMargins(0, BESIDE_BUTTON, 0, 0)
        told.setSpacing(8)
        told.addWidget(self.legend)
        told.addWidget(self.note)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addLayout(told, 1)
        row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)


def parts_of(state: WizardState) -> list[Part]:
    """What can be set: of all alike, of the original, and of each that was made, in this order."""
    specs = [shared_specs(state), *(_own_specs(one) for one in _artifacts(state))]
    return [Part(title, found, values) for (title, values), found in zip(_set(state), specs, strict=True)]


def _set(state: WizardState) -> list[tuple[str, Values]]:
    """Each part's title, and what is set in it otherwise than usual."""
    shared = (translate("Opening", "All of them"), shared_values(state.opening.shared))
    own = [state.opening.own.get(key, {}) for key in (None, *state.to_measure)]
    titles = [Configuration(one).label for one in _artifacts(state)]
    return [shared, *zip(titles, own, strict=True)] if titles else []


def _artifacts(state: WizardState) -> tuple[Artifact, ...]:
    return () if state.original is None else (state.original, *state.made)


def _own_specs(artifact: Artifact) -> list[OptionSpec]:
    specs = registry.manifest(artifact.framework).load_options
    return [spec for spec in specs if spec.concerns(artifact.kind)]


def shared_specs(state: WizardState) -> list[OptionSpec]:
    """The context of language models only: the others have none."""
    frameworks = [one.framework for one in _artifacts(state)]
    specs = [*device_specs(devices_of(frameworks, state)), threads_spec(state.hardware)]
    if state.source is not None and state.source.profile.kind is ModelKind.LANGUAGE:
        specs.append(_context_spec(state.source.profile.context_length))
    return specs


def devices_of(frameworks: Iterable[str], state: WizardState) -> list[Sequence[str]]:
    """What each of them sees here."""
    known = state.availability
    return [known[name].devices if name in known else () for name in frameworks]


def device_specs(seen: Iterable[Sequence[str]]) -> list[OptionSpec]:
    """None where the processor is all that everyone sees."""
    from backends.actions.devices import common_devices

    names = common_devices(seen)
    note = translate(
        "Opening", "One that all of them have here: a ratio of two devices says little of models."
    )
    return [OptionSpec(DEVICE, CHOICE, note, default=CPU, choices=names)] if len(names) > 1 else []


def threads_spec(hardware: HardwareProfile | None) -> OptionSpec:
    cores = hardware.processor.physical_cores.value if hardware else None
    note = translate("Opening", "Of the processor; without it as many as there are physical cores.")
    return OptionSpec(THREADS, WHOLE, note, default=cores, least=1)


def _context_spec(longest: int | None) -> OptionSpec:
    """It has to have room for the tokens of one reading."""
    note = translate("Opening", "Tokens that the key/value cache has room for; prompts are cut to fit.")
    usual = min(USUAL.context, longest or USUAL.context)
    return OptionSpec(CONTEXT, WHOLE, note, default=usual, least=QUICK.new_tokens + 1, most=longest)
