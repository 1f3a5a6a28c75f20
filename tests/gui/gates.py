"""Actions that wait for the test, and let go when they are cancelled."""

from __future__ import annotations

import threading

from backends.jobs.context import Context


class Gate:
    """``reached`` is set by the action's thread, ``open`` by the test."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._open = threading.Event()

    def open(self) -> None:
        self._open.set()

    def wait(self, job: Context) -> None:
        """Returns when opened; raises JobCancelled when cancelled."""
        undo = job.token.on_cancel(self._open.set)
        self.reached.set()
        assert self._open.wait(30)
        undo()
        job.check_cancelled()
