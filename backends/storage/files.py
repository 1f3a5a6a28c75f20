"""Writing so that nothing half-written is ever seen: write beside, then rename."""

from __future__ import annotations

import contextlib
import errno
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backends.domain.errors import BadInput, JobFailed, NoRoom
from backends.storage.owners import lives, this_process

PARTIAL = ".edgewright-partial-"


def partial_prefix() -> str:
    """How the names of what this process has half-made begin."""
    return f"{PARTIAL}{this_process()}-"


def is_abandoned(leftover: Path) -> bool:
    """Whether whoever was making it has ended."""
    return not lives(leftover.name.removeprefix(PARTIAL))


@contextmanager
def folder_in_the_making(target: Path) -> Iterator[Path]:
    """An empty folder beside ``target`` that becomes ``target`` when the block ends well, else disappears.

    What a killed process left there half-made is cleared away first. Raises BadInput when ``target`` exists
    already or its parent cannot be written to.
    """
    if target.exists():
        raise BadInput(
            f"The output folder “{target}” exists already.", "Name another one or remove it first."
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(target.parent)
        partial = Path(tempfile.mkdtemp(prefix=partial_prefix(), dir=target.parent))
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
    """Replace ``path`` in one step, readable by whom the umask says: reports are there to be passed on.

    Raises JobFailed when the disk is full or closed to us.
    """
    partial = path.with_name(f"{partial_prefix()}{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise disk_error(error, path) from error


def disk_error(error: OSError, path: Path) -> JobFailed:
    if error.errno == errno.ENOSPC:
        return NoRoom(f"The disk is full: “{path}” could not be written.", "Free some space and try again.")
    return JobFailed(f"“{path}” could not be written: {error.strerror or error}.", "Choose another folder.")


def remove_leftovers(folder: Path) -> int:
    """Remove what interrupted runs left half-made in ``folder``; returns how many things that were.

    What a living process is still making stays.
    """
    found = folder.glob(f"{PARTIAL}*") if folder.is_dir() else ()
    leftovers = [leftover for leftover in found if is_abandoned(leftover)]
    for leftover in leftovers:
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                leftover.unlink()
    return len(leftovers)
