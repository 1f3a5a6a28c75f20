"""Work that can be paused wherever it can be cancelled."""

from __future__ import annotations

from collections.abc import Callable

from backends.frameworks.base import JobContext
from backends.jobs.context import Context


class Pausable(Context):
    """``job`` for work whose steps do not depend on when the next one begins.

    ``gate`` blocks while the user has paused; it returns, or raises JobCancelled when he cancels meanwhile.
    """

    def __init__(self, job: JobContext, gate: Callable[[], None]) -> None:
        super().__init__(job.emit, job.token if isinstance(job, Context) else None)
        self._job, self._gate = job, gate

    def check_cancelled(self) -> None:
        self._gate()
        self._job.check_cancelled()
