"""Files out of the system's page cache, so that the next reading of them comes from the disk."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

SAMPLES = 64  # places of a file that are looked at


def dropped(files: Iterable[Path]) -> bool:
    """Ask the kernel to forget these files; whether it did.

    It keeps what a process has mapped, and what lies on a file system in memory. Other systems than Linux
    offer no way that an ordinary user may take.
    """
    if sys.platform != "linux":
        return False
    kept = [file for file in files if not _dropped(file)]  # every one is tried
    return not kept


def _dropped(file: Path) -> bool:
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except OSError:
        return False
    try:
        os.fsync(descriptor)  # pages that are not yet written stay
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        return not _is_cached(descriptor, os.fstat(descriptor).st_size)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _is_cached(descriptor: int, size: int) -> bool:
    """Whether any of the places looked at can be read without waiting for the disk.

    Raises OSError where the file system does not tell.
    """
    step = max(1, size // SAMPLES)
    return any(_is_there(descriptor, offset) for offset in range(0, size, step))


def _is_there(descriptor: int, offset: int) -> bool:
    try:
        return os.preadv(descriptor, [bytearray(1)], offset, os.RWF_NOWAIT) > 0
    except BlockingIOError:
        return False
