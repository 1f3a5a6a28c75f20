"""A seat: one configuration of a benchmark and the worker that holds it now, if any."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from backends.domain.artifact import Configuration
from backends.domain.errors import EdgewrightError, WorkerDied
from backends.domain.hardware import Conditions
from backends.domain.metric import LoadedEngine
from backends.frameworks.base import EngineHandle

OpenEngine = Callable[[Configuration], EngineHandle]


class PairVoid(Exception):
    """A worker died or a command failed: the pair is void, the seat knows why."""


class Seat:
    """Opens its worker when it is needed and counts how often it was lost."""

    def __init__(
        self, label: str, configuration: Configuration, open_engine: OpenEngine, deaths_allowed: int
    ):
        self.label = label
        self.configuration = configuration
        self.engine: LoadedEngine | None = None
        self.failure = ""  # the sentence, once this configuration is given up
        self.warm: Conditions | None = None  # at the end of the warm-up; None: cold
        self.has_settled = False  # went through the whole warm-up once
        self._open_engine = open_engine
        self._deaths_left = deaths_allowed
        self._handle: EngineHandle | None = None

    def open(self) -> EngineHandle:
        """The worker's handle; a fresh worker where there is none."""
        if self._handle is None:
            self._handle = self._open_engine(self.configuration)
            self.engine = self._handle.engine
        return self._handle

    def close(self) -> None:
        """End the worker. One that is already gone is not an error."""
        handle, self._handle, self.warm = self._handle, None, None
        if handle is not None:
            handle.close()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Turn what goes wrong with this worker into :class:`PairVoid` and remember it.

        A death may be bad luck and is tried again; a command that failed in a living worker will fail again.
        """
        try:
            yield
        except WorkerDied as death:
            self._deaths_left -= 1
            self._lose("" if self._deaths_left > 0 else str(death))
            raise PairVoid(f"{self.label}: {death}") from death
        except EdgewrightError as error:
            self._lose(str(error))
            raise PairVoid(f"{self.label}: {error}") from error

    def _lose(self, failure: str) -> None:
        self.failure = failure
        self.close()
