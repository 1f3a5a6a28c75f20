"""The one boundary between the probes and the machine.

A probe asks a :class:`System` and nothing else, so it can be shown another machine's recorded answers. Three
kinds of question cover all of it: text files, commands, and *native* questions (what only a system call
tells, answered as JSON).
"""

from __future__ import annotations

import os
import platform as python_platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from glob import glob
from typing import Protocol

from backends.hardware import native

COMMAND_TIMEOUT_S = 3.0
LARGEST_TEXT_BYTES = 4 << 20
READ_SIZE_BYTES = 1 << 16
# Where tools live that are not on every user's PATH: administration tools, WSL's NVIDIA tools, PowerShell.
MORE_PLACES = (
    "/usr/sbin",
    "/sbin",
    "/usr/lib/wsl/lib",
    r"C:\Windows\System32",
    r"C:\Windows\System32\WindowsPowerShell\v1.0",
)


@dataclass(frozen=True)
class Answer:
    """What came back. ``problem`` is a clause ("permission denied") when the question was not answered."""

    text: str = ""
    problem: str = ""

    @property
    def ok(self) -> bool:
        return not self.problem


@dataclass(frozen=True)
class Platform:
    """What Python itself knows. ``family``: "linux", "macos", "windows" or Python's own word."""

    family: str
    machine: str
    kernel: str
    name: str = ""
    version: str = ""


class System(Protocol):
    """A machine that can be asked. No method raises."""

    @property
    def platform(self) -> Platform: ...

    def read(self, path: str) -> Answer:
        """The text of a file."""

    def glob(self, pattern: str) -> tuple[str, ...]:
        """The paths that match, sorted."""

    def run(self, *command: str, timeout_s: float = COMMAND_TIMEOUT_S) -> Answer:
        """Standard output of a command, run without a shell; its text is kept even when it failed."""

    def native(self, question: str) -> Answer:
        """JSON text; the questions are the names in :mod:`backends.hardware.native`."""


class RealSystem:
    """The machine this process runs on."""

    @cached_property
    def platform(self) -> Platform:
        return _this_platform()

    def read(self, path: str) -> Answer:
        try:
            return Answer(_bytes_of(path).decode(errors="replace"))
        except FileNotFoundError:
            return Answer(problem="it is not there")
        except PermissionError:
            return Answer(problem="permission denied")
        except (OSError, ValueError) as error:
            return Answer(problem=_reason(error))

    def glob(self, pattern: str) -> tuple[str, ...]:
        return tuple(sorted(glob(pattern)))  # noqa: PTH207 - the patterns are absolute

    def run(self, *command: str, timeout_s: float = COMMAND_TIMEOUT_S) -> Answer:
        program = _find(command[0])
        if program is None:
            return Answer(problem=f"{command[0]} is not installed")
        try:
            done = subprocess.run(
                [program, *command[1:]],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout_s,
                check=False,
                env={**os.environ, "LC_ALL": "C"},
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except subprocess.TimeoutExpired:
            return Answer(problem=f"{command[0]} did not answer within {timeout_s:g} s")
        except (OSError, ValueError) as error:
            return Answer(problem=f"{command[0]} could not be started ({_reason(error)})")
        text = done.stdout[:LARGEST_TEXT_BYTES].decode(errors="replace")
        return Answer(text, "" if done.returncode == 0 else f"{command[0]} ended with {done.returncode}")

    def native(self, question: str) -> Answer:
        try:
            return Answer(native.answer(question))
        except Exception as error:  # noqa: BLE001 - psutil and ctypes raise whatever the system makes of it
            return Answer(problem=_reason(error))


class Remembering:
    """Asks each command and native question once, so that probes may share the dear ones."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._answers: dict[tuple[str, ...], Answer] = {}

    @property
    def platform(self) -> Platform:
        return self._system.platform

    def read(self, path: str) -> Answer:
        return self._system.read(path)

    def glob(self, pattern: str) -> tuple[str, ...]:
        return self._system.glob(pattern)

    def run(self, *command: str, timeout_s: float = COMMAND_TIMEOUT_S) -> Answer:
        if command not in self._answers:
            self._answers[command] = self._system.run(*command, timeout_s=timeout_s)
        return self._answers[command]

    def native(self, question: str) -> Answer:
        key = ("", question)
        if key not in self._answers:
            self._answers[key] = self._system.native(question)
        return self._answers[key]


def _bytes_of(path: str) -> bytes:
    """Bare system calls: the sampler of a running benchmark reads hundreds of tiny files through here."""
    file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        content = b""
        while len(content) < LARGEST_TEXT_BYTES and (part := os.read(file, READ_SIZE_BYTES)):
            content += part
        return content
    finally:
        os.close(file)


def _reason(error: BaseException) -> str:
    strerror = getattr(error, "strerror", None)
    return str(strerror or error or type(error).__name__)


def _find(program: str) -> str | None:
    return shutil.which(program) or shutil.which(program, path=os.pathsep.join(MORE_PLACES))


def _this_platform() -> Platform:
    family = {"linux": "linux", "darwin": "macos", "win32": "windows"}.get(sys.platform, sys.platform)
    name, version = "", ""
    if family == "macos":
        name, version = "macOS", python_platform.mac_ver()[0]
    elif family == "windows":
        name, version = f"Windows {python_platform.release()}", python_platform.version()
    return Platform(family, python_platform.machine(), python_platform.release(), name, version)
