"""A machine made of recorded answers.

A machine is a folder of text files. Each holds answers under headers as ``head -v`` prints them,
``==> /proc/cpuinfo <==``; a command has the header ``==> $ nvidia-smi -L <==`` (only its first words are
needed) and a native question ``==> native memory <==``. ``platform.json`` holds what Python knows.
"""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path

from backends.hardware.system import COMMAND_TIMEOUT_S, Answer, Platform

MACHINES = Path(__file__).with_name("machines")
HEADER = re.compile(r"^==> (.+) <==$\n?", re.MULTILINE)
DENIED = "(permission denied)"


class RecordedSystem:
    """``answers`` may be changed by a test; ``asked`` holds the commands that were run."""

    def __init__(self, platform: Platform, answers: dict[str, str]) -> None:
        self.platform = platform
        self.answers = answers
        self.asked: list[tuple[str, ...]] = []

    def read(self, path: str) -> Answer:
        text = self.answers.get(path)
        if text is None:
            return Answer(problem="it is not there")
        return Answer(problem="permission denied") if text.strip() == DENIED else Answer(text)

    def glob(self, pattern: str) -> tuple[str, ...]:
        parts = pattern.split("/")
        heads = {"/".join(path.split("/")[: len(parts)]) for path in self.answers if path.startswith("/")}
        return tuple(sorted(head for head in heads if _matches(head.split("/"), parts)))

    def run(self, *command: str, timeout_s: float = COMMAND_TIMEOUT_S) -> Answer:
        self.asked.append(command)
        line = " ".join(command)
        texts = [
            text for key, text in self.answers.items() if key.startswith("$ ") and line.startswith(key[2:])
        ]
        return Answer(texts[0]) if texts else Answer(problem=f"{command[0]} is not installed")

    def native(self, question: str) -> Answer:
        text = self.answers.get(f"native {question.partition(':')[0]}")
        return Answer(problem="it was not recorded") if text is None else Answer(text)


def load(name: str) -> RecordedSystem:
    """The machine of this name under ``machines/``."""
    folder = MACHINES / name
    platform = Platform(**json.loads((folder / "platform.json").read_text(encoding="utf-8")))
    answers: dict[str, str] = {}
    for path in sorted(folder.glob("*.txt")):
        parts = HEADER.split(path.read_text(encoding="utf-8"))
        for header, body in zip(parts[1::2], parts[2::2], strict=True):
            for key in _expanded(header):
                answers[key] = body.strip("\n") + "\n"
    return RecordedSystem(platform, answers)


def _expanded(header: str) -> list[str]:
    """ "/sys/…/cpu{0-3}/…" stands for the same answer of several processors."""
    match = re.search(r"\{([0-9]+)-([0-9]+)\}", header)
    if match is None:
        return [header]
    numbers = range(int(match[1]), int(match[2]) + 1)
    return [header[: match.start()] + str(number) + header[match.end() :] for number in numbers]


def _matches(names: list[str], patterns: list[str]) -> bool:
    return len(names) == len(patterns) and all(map(fnmatchcase, names, patterns))
