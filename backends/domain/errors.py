"""The one exception family for what a user can do something about.

Everything that is not an :class:`EdgewrightError` is a bug and goes to the error dialog with details.
"""

from __future__ import annotations


class EdgewrightError(Exception):
    """A problem with a sentence for the user and a remedy.

    ``exit_code`` is what the command line ends with.
    """

    exit_code = 4

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class BadInput(EdgewrightError):
    """What the user named cannot be used: a damaged file, a folder without a model, an unknown precision."""

    exit_code = 2


class FrameworkUnavailable(EdgewrightError):
    """The framework is not installed here, or not for this system."""

    exit_code = 3


class JobFailed(EdgewrightError):
    """A job ended without a result. ``details`` holds what helps to find out why (log lines, traceback)."""

    def __init__(self, message: str, remedy: str = "", details: str = "") -> None:
        super().__init__(message, remedy)
        self.details = details


class NoRoom(JobFailed):
    """The disk is full or memory ran out: no fault of the model, and no other way around it would help."""


class WorkerDied(JobFailed):
    """The child process ended before it answered: a crash, an abort, or the out-of-memory killer."""


class WorkerKilled(WorkerDied):
    """It was killed from outside, most likely because memory ran out."""


class JobCancelled(Exception):
    """Raised inside a job when the user has asked for its end. Not an error."""
