"""Running pip and other programs: output line by line, cancel at any moment, nothing outlives us."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from backends.frameworks.base import JobContext

LOOK_S = 0.1  # how often a running child is looked at, and so how soon a cancel is heard
END_S = 3.0

# Runs a module and ends with its parent, and all it has started: its stdin is a pipe that nobody writes to.
_GUARD = """
import os, runpy, signal, sys, threading

def watch():
    os.read(0, 1)
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)

threading.Thread(target=watch, daemon=True).start()
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def run_module(
    python: Path,
    module: str,
    arguments: Sequence[str],
    job: JobContext,
    on_line: Callable[[str], None],
    inherit: tuple[int, ...] = (),
    variables: Mapping[str, str] | None = None,
) -> int:
    """``python -m module arguments`` under the guard. Returns the exit code; raises JobCancelled."""
    return run([str(python), "-c", _GUARD, module, *arguments], job, on_line, inherit, variables)


def run(
    command: Sequence[str],
    job: JobContext,
    on_line: Callable[[str], None],
    inherit: tuple[int, ...] = (),
    variables: Mapping[str, str] | None = None,
) -> int:
    """Run to the end and return the exit code. A cancel, or any other exception, ends the child.

    ``inherit``: descriptors the child keeps open. ``variables``: what is added to its environment.

    Output goes through a file: no amount of it can block the child, and no thread is needed to read it.
    """
    with tempfile.TemporaryDirectory(prefix="edgewright-", ignore_cleanup_errors=True) as folder:
        log = Path(folder) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**_variables(), **(variables or {})},
                start_new_session=True,
                pass_fds=inherit if os.name == "posix" else (),
            )
        with log.open("rb") as lines:
            try:
                while not _ended(process):
                    _hear(lines, on_line)
                    job.check_cancelled()
            finally:
                _end(process)
            _hear(lines, on_line, whole=False)
    return process.returncode


def _hear(file: IO[bytes], on_line: Callable[[str], None], whole: bool = True) -> None:
    """Hand on what was written since the last time; half a line waits for its other half."""
    while line := file.readline():
        if whole and not line.endswith(b"\n"):
            file.seek(-len(line), os.SEEK_CUR)
            return
        on_line(line.decode(errors="replace").rstrip())


def _ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(LOOK_S)
    except subprocess.TimeoutExpired:
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """Closing the pipe is enough for what runs under the guard."""
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(END_S)
    if process.poll() is None:
        process.kill()
        process.wait()


def _variables() -> dict[str, str]:
    """The user's own settings for pip count (index, proxy, certificates); foreign packages do not."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    return {**kept, "PYTHONNOUSERSITE": "1", "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
