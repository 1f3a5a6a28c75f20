"""How far a benchmark is, in units of about one pair each."""

from __future__ import annotations

from backends.benchmarking.clock import Clock
from backends.domain.events import Progress


class Meter:
    """Counts units done. Repeats are no units, so the fraction never goes back; they show in the time left.

    Used from one thread.
    """

    def __init__(self, total: int, clock: Clock) -> None:
        self._clock = clock
        self._start_s = clock.now_s()
        self._total = total
        self._done = 0
        self._paused_s = 0.0

    @property
    def now_s(self) -> float:
        """Seconds since the benchmark started."""
        return self._clock.now_s() - self._start_s

    def done(self, units: int = 1) -> None:
        self._done += units

    def expect(self, units: int) -> None:
        """So many are still to come, where work was decided early, given up, or done in an earlier run."""
        self._total = self._done + units

    def paused(self, duration_s: float) -> None:
        self._paused_s += duration_s

    def progress(self, what: str) -> Progress:
        """Time left: the mean cost of a unit so far, times the units to go if nothing is decided early."""
        if self._done == 0 or self._total == 0:
            return Progress(0.0, what)
        spent_s = self.now_s - self._paused_s
        return Progress(self._done / self._total, what, spent_s / self._done * (self._total - self._done))
