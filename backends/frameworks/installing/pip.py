"""What pip is told, and what its words mean: a fraction while it works, a sentence where it fails."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from backends.domain.errors import JobFailed
from backends.domain.events import Progress
from backends.frameworks.base import JobContext

TAIL_LINES = 40
_OFFLINE = re.compile(
    r"NewConnectionError|ConnectTimeout|ReadTimeout|Temporary failure in name|ProxyError|SSLError"
)
_NO_ENSUREPIP = re.compile(r"ensurepip is not\s+available|No module named '?ensurepip")
_NONE_FOUND = re.compile(r"No matching distribution found for (\S+)")


def arguments(requirements: Path, wheels: Path | None, alone: bool = False) -> list[str]:
    """Wheels only: building a package from source would run whatever its author wrote.

    ``alone``: without what the packages ask for beside them.
    """
    offline = ["--no-index", "--find-links", str(wheels)] if wheels else []
    plain = ["--only-binary", ":all:", "--progress-bar", "off", "--no-input", "--disable-pip-version-check"]
    deps = ["--no-deps"] if alone else []
    return ["install", *plain, *offline, *deps, "--requirement", str(requirements)]


class PipProgress:
    """Turns pip's lines into a fraction: packages gathered of those pinned, then unpacked."""

    def __init__(self, pins: int, job: JobContext) -> None:
        self._pins = max(1, pins)
        self._gathered = 0
        self._job = job

    def __call__(self, line: str) -> None:
        words = line.split()
        if line.startswith(("Collecting ", "Processing ")):
            self._gathered += 1
            self._say(f"Gathering {_package(words[1])}")
        elif words[:1] == ["Downloading"]:
            self._say(f"Downloading {' '.join([_package(words[1]), *words[2:]])}")
        elif line.startswith("Installing collected packages"):
            self._job.emit(Progress(0.8, f"Unpacking {line.count(',') + 1} packages"))

    def _say(self, what: str) -> None:
        self._job.emit(Progress(0.05 + 0.7 * min(1.0, self._gathered / self._pins), what))


def _package(requirement: str) -> str:
    """ "numpy" of "numpy==2.4.6", of "/wheels/numpy-2.4.6-cp311-….whl" and of its address."""
    return re.split(r"==|-\d", Path(requirement).name)[0]


def explain(title: str, module: str, lines: Sequence[str], full: bool = False) -> JobFailed:
    """The end of pip or venv in a sentence; the last lines are the details. ``full``: the disk was."""
    text = "\n".join(lines)
    details = "\n".join(lines[-TAIL_LINES:])
    wanted = _NONE_FOUND.search(text)
    if full or "No space left on device" in text:
        return JobFailed(f"The disk is full: {title} could not be installed.", "Free some space.", details)
    if _OFFLINE.search(text):
        return JobFailed(
            f"{title} could not be downloaded: the package index cannot be reached.",
            "Check the connection, or install from a folder of wheels.",
            details,
        )
    if wanted:
        return JobFailed(
            f"{title} could not be installed: “{wanted[1]}” is not to be had for this Python and system.",
            "A folder of wheels must hold every package of the requirements.",
            details,
        )
    if _NO_ENSUREPIP.search(text):
        return JobFailed(
            "This Python makes no environments: its module ensurepip is missing.",
            "On Debian and Ubuntu install the package python3-venv.",
            details,
        )
    return JobFailed(f"{title} could not be installed: {module} failed.", "See the details.", details)
