"""How running work in this process talks to whoever started it, and how it is asked to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable

from backends.domain.errors import JobCancelled
from backends.domain.events import Event


class CancelToken:
    """A one-way switch that any thread may throw. Callbacks run in the thread that throws it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._cancelled = False
        self._callbacks: list[Callable[[], None]] = []

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def cancel(self) -> None:
        with self._lock:
            if self._cancelled:
                return
            self._cancelled = True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def on_cancel(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` once on cancellation, at once if that has already come. Returns the undo."""
        with self._lock:
            if not self._cancelled:
                self._callbacks.append(callback)
                return lambda: self._forget(callback)
        callback()
        return lambda: None

    def _forget(self, callback: Callable[[], None]) -> None:
        with self._lock:
            if callback in self._callbacks:
                self._callbacks.remove(callback)


class Context:
    """A :class:`~backends.frameworks.base.JobContext` for work on a thread of this process."""

    def __init__(self, emit: Callable[[Event], None], token: CancelToken | None = None) -> None:
        self.token = token or CancelToken()
        self._emit = emit

    def emit(self, event: Event) -> None:
        self._emit(event)

    def check_cancelled(self) -> None:
        if self.token.cancelled:
            raise JobCancelled
