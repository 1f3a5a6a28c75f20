"""Pausing what is being measured: what is in hand is finished first, and until then the page says so."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from gui.wizard.pages.measuring import PauseGate


class Pausing(QObject):
    """``begin`` once a run; its gate is passed by the worker's thread."""

    changed = Signal()
    _reached = Signal()  # from the worker's thread

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._gate = PauseGate()
        self._held = False
        self._reached.connect(self._hold)

    @property
    def paused(self) -> bool:
        """The user has asked for it; whether work stands still is in :attr:`words`."""
        return self._gate.paused

    @property
    def words(self) -> str:
        if not self.paused:
            return ""
        return self.tr("Paused") if self._held else self.tr("Pausing; what is in hand is finished first")

    def begin(self) -> PauseGate:
        """The gate of a new run, open."""
        self._gate, self._held = PauseGate(self._reached.emit), False
        return self._gate

    def pause(self) -> None:
        self._gate.pause()
        self.changed.emit()

    def resume(self) -> None:
        self._held = False
        self._gate.resume()
        self.changed.emit()

    def _hold(self) -> None:
        self._held = self.paused
        self.changed.emit()
