"""Running a converter's own program: its words as they come, and its end on cancel.

It stays in the worker's process group: whoever kills the worker kills it as well.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from backends.frameworks.base import JobContext

LOOK_S = 0.1  # how soon a cancel is heard
KEPT_CHARACTERS = 20_000
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "PYTHONIOENCODING": "utf-8"}
_LINES = re.compile(r"[\r\n]+")  # progress bars go back to the start of their line


def run(command: Sequence[str], job: JobContext, hear: Callable[[str], None]) -> tuple[int, str]:
    """The exit code and the last words. ``hear`` gets every line. Raises JobCancelled."""
    with tempfile.TemporaryDirectory(prefix="edgewright-") as folder:
        log = Path(folder) / "log"
        with log.open("wb") as output, log.open("rb") as lines:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **OFFLINE},
            )
            try:
                while not _ended(process):
                    _hear(lines, hear)
                    job.check_cancelled()
                _hear(lines, hear)
            finally:
                process.kill()
                process.wait()
        return process.returncode, log.read_text("utf-8", errors="replace")[-KEPT_CHARACTERS:]


def _hear(file: IO[bytes], hear: Callable[[str], None]) -> None:
    """A line that is cut in two between two looks is heard as two; it only tells how far the work is."""
    for line in _LINES.split(file.read().decode(errors="replace")):
        if line.strip():
            hear(line.strip())


def _ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(LOOK_S)
    except subprocess.TimeoutExpired:
        return False
    return True
