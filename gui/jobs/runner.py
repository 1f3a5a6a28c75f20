"""The bridge between blocking work and the window: the only threads of the program.

A worker object is moved to a QThread of its own and runs one action there. What the action emits reaches the
window in batches, at most ten a second, and every job ends with exactly one ``finished``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Qt, QThread, QTimer, Signal, Slot

from backends.domain.errors import BadInput
from backends.domain.events import TERMINAL, Cancelled, Event, Failed, Result
from backends.frameworks.base import JobContext
from backends.jobs.context import CancelToken, Context
from backends.jobs.outcome import as_event

Action = Callable[[JobContext], Any]
Terminal = Result | Failed | Cancelled
BATCH_MS = 100
JOIN_MS = 15_000  # longer than the cancel ladder of backends.jobs


@dataclass(frozen=True)
class Occupation:
    """What has the machine to itself: its name, and the key of the page where it is seen."""

    what: str
    place: str


def run_action(action: Action, context: Context) -> Terminal:
    """Run ``action`` to its end; whatever it raises becomes a value."""
    try:
        context.check_cancelled()
        return Result(action(context))
    except BaseException as error:  # noqa: BLE001 - a thread that dies silently would leave the window waiting
        return as_event(error)


class _Inbox:
    """Events on their way from the worker's thread to the window's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: list[Event] = []

    def put(self, event: Event) -> bool:
        """``True`` where this is the first since the last :meth:`take`."""
        with self._lock:
            self._events.append(event)
            return len(self._events) == 1

    def take(self) -> list[Event]:
        with self._lock:
            events, self._events = self._events, []
        return events


class _Worker(QObject):
    """Lives in the job's thread."""

    arrived = Signal()
    ended = Signal(object)

    def __init__(self, action: Action, token: CancelToken, inbox: _Inbox) -> None:
        super().__init__()
        self._action = action
        self._inbox = inbox
        self._context = Context(self._receive, token)

    @Slot()
    def run(self) -> None:
        self.ended.emit(run_action(self._action, self._context))

    def _receive(self, event: Event) -> None:
        if not isinstance(event, TERMINAL) and self._inbox.put(event):
            self.arrived.emit()


class Job(QObject):
    """One piece of running work. After :meth:`cancel` nothing arrives but ``finished(Cancelled())``."""

    events = Signal(list)
    finished = Signal(object)  # Result, Failed or Cancelled

    def __init__(
        self, action: Action, parent: QObject | None = None, occupies: Occupation | None = None
    ) -> None:
        super().__init__(parent)
        self.occupies = occupies
        self._token = CancelToken()
        self._inbox = _Inbox()
        self._done = False
        self._last_batch = 0.0
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._deliver)
        self._thread = QThread(self)
        self._worker = _Worker(action, self._token, self._inbox)
        self._worker.moveToThread(self._thread)
        self._thread.started.connect(self._worker.run)
        self._worker.arrived.connect(self._schedule, Qt.ConnectionType.QueuedConnection)
        self._worker.ended.connect(self._end, Qt.ConnectionType.QueuedConnection)

    @property
    def running(self) -> bool:
        return not self._done

    @property
    def cancelled(self) -> bool:
        return self._token.cancelled

    def start(self) -> None:
        self._thread.start()

    def cancel(self) -> None:
        """Ask the work to end. Returns at once; what it still says is not shown any more."""
        if self._done or self._token.cancelled:
            return
        self._worker.arrived.disconnect(self._schedule)
        self._timer.stop()
        self._token.cancel()

    def join(self, timeout_ms: int = JOIN_MS) -> bool:
        """Wait for the end and deliver ``finished`` if that is still due. ``False``: it would not end."""
        self._thread.quit()
        if not self._thread.wait(timeout_ms):
            return False
        self._end(Cancelled())
        return True

    @Slot()
    def _schedule(self) -> None:
        since_ms = (time.monotonic() - self._last_batch) * 1000
        self._timer.start(max(0, round(BATCH_MS - since_ms)))

    @Slot()
    def _deliver(self) -> None:
        self._last_batch = time.monotonic()
        if events := self._inbox.take():
            self.events.emit(events)

    @Slot(object)
    def _end(self, terminal: Terminal) -> None:
        if self._done:
            return
        self._done = True
        self._timer.stop()
        if self._token.cancelled:
            terminal = Cancelled()
        else:
            self._deliver()
        self._thread.quit()
        self._thread.wait()
        self.finished.emit(terminal)


class JobRunner(QObject):
    """Starts jobs and outlives them; :meth:`shutdown` cancels and joins whatever still runs.

    Of the jobs that measure, or load the machine for long, one runs at a time: two would disturb each other.
    """

    running_changed = Signal(bool)
    freed = Signal()  # the machine is nobody's again

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: list[Job] = []
        self._closing = False

    @property
    def running(self) -> bool:
        return any(job.running for job in self._jobs)

    @property
    def occupation(self) -> Occupation | None:
        """Whose the machine is; one that was cancelled keeps it until it has ended."""
        return next((job.occupies for job in self._jobs if job.running and job.occupies), None)

    def start(
        self,
        action: Action,
        on_finished: Callable[[Terminal], None],
        on_events: Callable[[list[Event]], None] | None = None,
        occupies: Occupation | None = None,
    ) -> Job:
        """Run ``action`` on a thread. Both callbacks run in the window's thread.

        ``occupies``: it takes the machine for itself. Raises BadInput where another job has it.
        """
        if occupies is not None and (other := self.occupation) is not None:
            raise BadInput(f"“{other.what}” is running: both would disturb each other.", "Wait for its end.")
        job = Job(action, self, occupies)
        if on_events is not None:
            job.events.connect(on_events)
        job.finished.connect(on_finished)
        job.finished.connect(self._forget_ended)
        self._jobs.append(job)
        job.start()
        if len(self._jobs) == 1:
            self.running_changed.emit(True)
        return job

    def cancel_all(self) -> None:
        for job in tuple(self._jobs):
            job.cancel()

    def shutdown(self) -> bool:
        """``True`` when every thread has ended."""
        self._closing = True  # nobody who waits may begin now
        jobs = tuple(self._jobs)
        self.cancel_all()
        ended = [job.join() for job in jobs]  # every one, whatever the first says
        return all(ended)

    @Slot(object)
    def _forget_ended(self, _terminal: Terminal) -> None:
        """No closure: one that held the runner could delete it while a job of it is being destroyed."""
        ended = [job for job in self._jobs if not job.running]
        for job in ended:
            self._jobs.remove(job)
            job.deleteLater()
        if any(job.occupies for job in ended) and self.occupation is None and not self._closing:
            self.freed.emit()
        if not self._jobs:
            self.running_changed.emit(False)
