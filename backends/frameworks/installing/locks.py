"""One installation of an environment at a time. The system takes the lock back from whoever dies."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from backends.domain.errors import BadInput, JobFailed
from backends.frameworks.base import JobContext

LOOK_S = 0.1
LOOKS = 50  # how long the end of a killed installation's children is waited for


@contextmanager
def locked(path: Path, job: JobContext, other: str = "installation") -> Iterator[int]:
    """Yields the lock's descriptor: children that inherit it keep the lock for as long as they live."""
    handle = _acquire(path, job, other)
    try:
        yield handle
    finally:
        with suppress(OSError):  # Windows keeps what is open
            path.unlink()
        os.close(handle)


def _acquire(path: Path, job: JobContext, other: str) -> int:
    for _ in range(LOOKS):
        job.check_cancelled()
        handle = _open(path)
        if _try(handle) and _is_still(path, handle):
            return handle
        os.close(handle)
        time.sleep(LOOK_S)
    raise JobFailed(f"Another {other} holds “{path}”.", "Wait for its end, then start again.")


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise BadInput(
            f"Nothing can be written to “{path.parent}”: {error.strerror}.", "Choose a folder of your own."
        ) from error


def _is_still(path: Path, handle: int) -> bool:
    """Whoever held the lock before has removed its file on leaving: a lock on that one keeps nobody out."""
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def _try(handle: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
