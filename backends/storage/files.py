"""Writing so that nothing half-written is ever seen: write beside, then rename."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backends.domain.errors import BadInput, JobFailed

PARTIAL = ".edgewright-partial-"


@contextmanager
def folder_in_the_making(target: Path) -> Iterator[Path]:
    """An empty folder beside ``target`` that becomes ``target`` when the block ends well, else disappears.

    Raises BadInput when ``target`` exists already or its parent cannot be written to.
    """
    if target.exists():
        raise BadInput(
            f"The output folder “{target}” exists already.", "Name another one or remove it first."
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=PARTIAL, dir=target.parent))
    except OSError as error:
        raise BadInput(
            f"Nothing can be written to “{target.parent}”: {error.strerror}.", "Choose a folder of your own."
        ) from error
    try:
        yield partial
        partial.chmod(0o755)
        partial.rename(target)
    except OSError as error:
        raise disk_error(error, target) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Replace ``path`` in one step. Raises JobFailed when the disk is full or closed to us."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=PARTIAL, dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise disk_error(error, path) from error


def disk_error(error: OSError, path: Path) -> JobFailed:
    if error.errno == errno.ENOSPC:
        return JobFailed(
            f"The disk is full: “{path}” could not be written.", "Free some space and try again."
        )
    return JobFailed(f"“{path}” could not be written: {error.strerror or error}.", "Choose another folder.")


def remove_leftovers(folder: Path) -> int:
    """Remove what an interrupted run left half-made in ``folder``; returns how many things that were."""
    leftovers = list(folder.glob(f"{PARTIAL}*")) if folder.is_dir() else []
    for leftover in leftovers:
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                leftover.unlink()
    return len(leftovers)
