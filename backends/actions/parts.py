"""One progress bar over several pieces of work, each of which counts from 0 to 1 by itself."""

from __future__ import annotations

import time
from dataclasses import replace

from backends.domain.events import Event, Progress
from backends.frameworks.base import JobContext
from backends.jobs.context import Context

SURE_FROM = 0.05  # of the whole; before that nobody can say how long it takes


class Parts:
    """``context`` is what the pieces are given; :meth:`begin` says which of them runs now.

    ``aside``: for what a piece has done for it, whose own fractions say nothing about the piece.
    """

    def __init__(self, job: JobContext) -> None:
        self._job = job
        self._name, self._done, self._share = "", 0.0, 0.0
        self._at = 0.0
        self._began_s = time.monotonic()
        token = job.token if isinstance(job, Context) else None
        self.context = Context(self._emit, token)
        self.aside = Context(lambda event: self._emit(_without_fraction(event)), token)

    def begin(self, name: str, share: float) -> None:
        self._done += self._share
        self._name, self._share, self._at = name, share, 0.0
        self._emit(Progress(0.0, "begins"))

    def _emit(self, event: Event) -> None:
        if isinstance(event, Progress):
            self._at = max(self._at, event.fraction or 0.0)
            whole = self._done + self._share * self._at
            what = f"{self._name}: {event.what}" if event.what else self._name
            event = replace(event, fraction=whole, what=what, remaining_s=self._remaining_s(whole))
        self._job.emit(event)

    def _remaining_s(self, whole: float) -> float | None:
        if whole < SURE_FROM:
            return None
        return (time.monotonic() - self._began_s) * (1 - whole) / whole


def _without_fraction(event: Event) -> Event:
    return replace(event, fraction=None) if isinstance(event, Progress) else event
