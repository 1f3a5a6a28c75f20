"""What adapters share about files: room on the disk, sizes, and the sentence for a disk that is full."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backends.domain.errors import BadInput, NoRoom

FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


@contextmanager
def writing(folder: Path, needed_bytes: int = 0) -> Iterator[None]:
    """For the block that writes a model: a full disk becomes a sentence, before it is full where possible."""
    if shutil.disk_usage(folder).free < needed_bytes:
        raise _no_room(folder, needed_bytes)
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise _no_room(folder, needed_bytes) from error
        raise
    except RuntimeError as error:  # native libraries lose the error number
        if "no space left" in str(error).lower() or shutil.disk_usage(folder).free < 1_000_000:
            raise _no_room(folder, needed_bytes) from error
        raise


@contextmanager
def scratch_in(output: Path) -> Iterator[Path]:
    """A hidden folder of the job's own beside what it makes, gone afterwards."""
    folder = Path(tempfile.mkdtemp(dir=output, prefix=".work-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def require_file(path: Path, what: str) -> Path:
    """The file itself, or the only one of its kind in a folder. Raises BadInput with its name."""
    if path.is_dir():
        suffix = ".xml" if what == "OpenVINO" else f".{what.lower()}"
        candidates = sorted(path.glob(f"*{suffix}"))
        if len(candidates) != 1:
            raise BadInput(f"The folder “{path}” does not hold one {what} model.", f"Name the {suffix} file.")
        return candidates[0]
    if not path.is_file():
        raise BadInput(f"The {what} model “{path}” is not there.", "Check the path.")
    if path.stat().st_size == 0:
        raise BadInput(f"The {what} model “{path}” is empty.", "Copy or download it again.")
    return path


def _no_room(folder: Path, needed_bytes: int) -> NoRoom:
    need = f" About {max(1, needed_bytes // 1_000_000)} MB are needed." if needed_bytes else ""
    return NoRoom(f"The disk that holds “{folder}” is full.{need}", "Free some space and start again.")
