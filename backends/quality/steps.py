"""Progress of work that consists of equal steps."""

from __future__ import annotations

import time
from collections.abc import Callable

from backends.domain.events import Progress
from backends.frameworks.base import JobContext


class Steps:
    """Counts steps, says how long the rest will take, and stops between two of them when asked to."""

    def __init__(
        self, job: JobContext, total: int, what: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._job = job
        self._total = total
        self._what = what
        self._clock = clock
        self._done = 0
        job.check_cancelled()
        self._began = clock()
        job.emit(Progress(0.0, what))

    def advance(self, steps: int = 1) -> None:
        """Raises JobCancelled once the user has asked for the end. Waits while he has paused, where he can;
        that is none of the time that the steps take."""
        self._done += steps
        fraction = self._done / self._total
        left_s = (self._clock() - self._began) * (1 / fraction - 1)
        self._job.emit(Progress(fraction, self._what, left_s))
        before = self._clock()
        self._job.check_cancelled()
        self._began += self._clock() - before
