"""The wizard's state as the window holds it: one value, one signal when it changes, and the shell's flow."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QObject, Signal

from backends.workflow import wizard
from backends.workflow.wizard import Step, WizardState


class WizardStore(QObject):
    """Pages read ``state`` and hand in a new one; they never change it."""

    changed = Signal()

    def __init__(self, state: WizardState | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state = state or WizardState()

    @property
    def state(self) -> WizardState:
        return self._state

    def update(self, state: WizardState) -> None:
        if state is not self._state:
            self._state = state
            self.changed.emit()

    def missing(self, key: str) -> str:
        return QCoreApplication.translate("Wizard", wizard.missing(Step(key), self._state))

    def is_done(self, key: str) -> bool:
        return wizard.done(Step(key), self._state)
