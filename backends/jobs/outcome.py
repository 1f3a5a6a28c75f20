"""How a job's end is put into words: exceptions, terminal events and exit codes, each into the other."""

from __future__ import annotations

import signal
import traceback

from backends.domain import errors
from backends.domain.errors import EdgewrightError, JobCancelled, JobFailed, NoRoom
from backends.domain.events import Cancelled, Failed

KILLED = (-9, 137)  # by SIGKILL, as the out-of-memory killer does; a shell adds 128


def as_error(failed: Failed) -> EdgewrightError:
    """The exception a :class:`Failed` event stands for."""
    kind = getattr(errors, failed.kind, JobFailed)
    if issubclass(kind, JobFailed):
        return kind(failed.message, failed.remedy, failed.details)
    if issubclass(kind, EdgewrightError):
        return kind(failed.message, failed.remedy)
    return JobFailed(failed.message, failed.remedy, failed.details)


def as_event(error: BaseException) -> Failed | Cancelled:
    """The terminal event an exception stands for; what is not ours to explain is a bug with its traceback."""
    if isinstance(error, JobCancelled):
        return Cancelled()
    if isinstance(error, EdgewrightError):
        details = getattr(error, "details", "")
        return Failed(error.message, error.remedy, details, kind=type(error).__name__)
    if isinstance(error, MemoryError):
        return Failed(
            "Memory ran out.",
            "Close other programs, choose a smaller model, precision or context.",
            kind=NoRoom.__name__,
        )
    return Failed(
        f"Something unexpected happened: {type(error).__name__}: {error}",
        "",
        "".join(traceback.format_exception(error)),
        kind="Bug",
    )


def describe_exit(code: int, task: str) -> tuple[str, str]:
    """A sentence and a remedy for a worker that ended without an answer. Negative codes are signals."""
    if code == -signal.SIGTERM or code == 143:
        return f"The {task} worker was terminated from outside.", "Start it again."
    if code in KILLED:
        return (
            f"The {task} worker was killed, most likely because memory ran out.",
            "Close other programs, choose a smaller precision or a shorter context.",
        )
    if code in (-6, 134):
        return (
            f"The framework aborted during {task}.",
            "The details show its last words; another precision or framework may take this model.",
        )
    if code in (-4, 132, 0xC000001D):
        return (
            f"The framework used an instruction during {task} that this processor does not have.",
            "It was built for another processor: install it again on this machine.",
        )
    if code in (-11, -7, 139, 0xC0000005):
        return (
            f"The framework crashed during {task} (invalid memory access).",
            "Try another precision or framework; the details help its authors to find the cause.",
        )
    return f"The {task} worker ended with exit code {code} before it had a result.", "See the details."
