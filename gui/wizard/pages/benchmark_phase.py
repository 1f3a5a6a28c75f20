"""How far a benchmark has come, and how the page says it."""

from __future__ import annotations

from enum import Enum, auto

from PySide6.QtCore import QCoreApplication

from gui.widgets.units import time_left
from gui.wizard.pages.live import LiveRun

translate = QCoreApplication.translate


class Phase(Enum):
    WAITING = auto()  # nothing was measured of what is there
    RUNNING = auto()
    PAUSED = auto()  # as the user wants it; what is in hand is finished first
    STOPPING = auto()
    ENDED = auto()


def status_of(phase: Phase, live: LiveRun | None, paused: str, *, whole: bool) -> str:
    """``paused``: how far pausing is, in words. ``whole``: what has ended was measured to its end."""
    if phase is Phase.STOPPING:
        return translate("BenchmarkPhase", "Stopping; what was measured is kept")
    if live is None or phase is Phase.WAITING:
        return ""
    if phase is Phase.RUNNING:
        now = live.what or translate("BenchmarkPhase", "Preparing")
        return " · ".join(filter(None, (now, time_left(live.remaining_s))))
    if phase is Phase.PAUSED:
        return paused
    if whole:
        return translate("BenchmarkPhase", "Measured; stored in History")
    return translate("BenchmarkPhase", "Stopped; what was measured is in History")
