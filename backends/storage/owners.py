"""Whose something is: the process that makes or uses it, told by a text that fits into a file name."""

from __future__ import annotations

import atexit
import re
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil

_OWNER = re.compile(r"(\d+)-(\d+)")


def this_process() -> str:
    """Process ids are used again; with the time of their start, in hundredths of a second, they are not."""
    return _name(psutil.Process())


def lives(owner: str) -> bool:
    """Whether the process still runs. A text that names none belongs to nobody."""
    found = _OWNER.match(owner)
    if found is None:
        return False
    try:
        return _name(psutil.Process(int(found[1]))) == found[0]
    except (psutil.Error, ValueError, OverflowError):
        return False


@cache
def announce(folder: Path) -> None:
    """Say in ``folder`` that this process runs, until it ends; where nothing can be written, to nobody."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        mark = folder / this_process()
        mark.touch()
        atexit.register(mark.unlink, missing_ok=True)


def running_since(folder: Path) -> float | None:
    """Since when another process runs that has announced itself: seconds since 1970, the earliest of them."""
    marks = list(folder.iterdir()) if folder.is_dir() else []
    alive = [mark for mark in marks if lives(mark.name) and mark.name != this_process()]
    for mark in set(marks) - set(alive):
        if mark.name != this_process():
            mark.unlink(missing_ok=True)
    return min((float(mark.name.partition("-")[2]) / 100 for mark in alive), default=None)


def _name(process: psutil.Process) -> str:
    return f"{process.pid}-{round(process.create_time() * 100)}"
