"""The one redraw timer of all charts: each at most ten times a second, and still while nothing is new.

Charts are drawn one after the other rather than all at once, so that none of them holds up the window.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol
from weakref import WeakKeyDictionary

from PySide6.QtCore import QCoreApplication, QObject, Qt, QTimer
from shiboken6 import isValid

PERIOD_S = 0.1
TICK_MS = 25


class Redrawable(Protocol):
    def redraw(self) -> None: ...

    def isVisible(self) -> bool: ...


class RedrawClock(QObject):
    """Charts ask for a redraw as often as they like; hidden ones ask again when they are shown."""

    def __init__(self, parent: QObject | None = None, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__(parent)
        self.now = now
        self._waiting: WeakKeyDictionary[Redrawable, None] = WeakKeyDictionary()  # in order of asking
        self._drawn_at: WeakKeyDictionary[Redrawable, float] = WeakKeyDictionary()
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self.tick)

    @property
    def running(self) -> bool:
        return self._timer.isActive()

    def request(self, chart: Redrawable) -> None:
        self._waiting[chart] = None
        if not self._timer.isActive():
            self._timer.start()

    def tick(self) -> None:
        """Draw the chart that has waited longest and is due; stop when none waits."""
        waiting = [chart for chart in self._waiting if isValid(chart) and chart.isVisible()]
        if not waiting:
            self._waiting.clear()
            self._timer.stop()
            return
        now = self.now()
        due = (chart for chart in waiting if now - self._drawn_at.get(chart, 0.0) >= PERIOD_S)
        chart = next(due, None)
        if chart is not None:
            del self._waiting[chart]
            self._drawn_at[chart] = now
            chart.redraw()


def redraw_clock() -> RedrawClock:
    """The application's clock."""
    app = QCoreApplication.instance()
    assert app is not None
    found = app.findChild(RedrawClock, options=Qt.FindChildOption.FindDirectChildrenOnly)
    return found or RedrawClock(app)
