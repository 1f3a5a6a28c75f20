"""Looking at a Python: whether it starts, its version, and whether a framework's packages can be imported."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from backends.domain.errors import FrameworkUnavailable
from backends.frameworks.base import JobContext, Manifest
from backends.frameworks.children import run

WORKER_NEEDS = ("cattrs", "numpy", "psutil")  # what a worker imports beside the framework itself
OLDEST, NEWEST = (3, 11), (3, 13)
_CLAUSE = re.compile(r"(==|>=|<=|<|>)\s*([\w.]+)")
_COMPARE: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    "==": lambda a, b: a == b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
}

_PROBE = """
import importlib, json, sys
from importlib import metadata

found, owners = {}, metadata.packages_distributions()
for name in sys.argv[1:]:
    try:
        module = importlib.import_module(name)
        version = getattr(module, "__version__", "")
        found[name] = [str(version or metadata.version(owners[name][0])), ""]
    except Exception as error:
        found[name] = ["", f"{type(error).__name__}: {error}"]
print("\\n" + json.dumps({"python": sys.version_info[:2], "found": found}))
"""


@dataclass(frozen=True)
class Answer:
    """``found``: import name → version, and why it cannot be imported."""

    python: tuple[int, int]
    found: Mapping[str, tuple[str, str]]


def ask(interpreter: Path, names: Sequence[str], job: JobContext) -> Answer | None:
    """``None`` where it is no Python that starts."""
    lines: list[str] = []
    try:
        run([str(interpreter), "-c", _PROBE, *names], job, lines.append)
    except OSError:
        return None
    for line in reversed(lines):
        with suppress(ValueError, KeyError, TypeError):
            answer = json.loads(line)
            major, minor = answer["python"]
            return Answer((major, minor), {name: (v, why) for name, (v, why) in answer["found"].items()})
    return None


def problems(interpreter: Path, manifest: Manifest, job: JobContext) -> list[str]:
    """What keeps a framework from running on this Python: clauses, none where all is well."""
    answer = ask(interpreter, (*WORKER_NEEDS, *manifest.packages), job)
    if answer is None:
        return ["it is no Python that starts"]
    if not OLDEST <= answer.python <= NEWEST:
        return [f"it is Python {'.'.join(map(str, answer.python))}, and 3.11 to 3.13 are known to work"]
    broken = [f"{name} cannot be imported ({why})" for name, (_, why) in answer.found.items() if why]
    versions = {name: answer.found[name][0] for name in manifest.packages}
    wrong = [
        f"{name} is {versions[name]}, not {wanted}"
        for name, wanted in manifest.packages.items()
        if not fits(versions[name], wanted)
    ]
    return broken or wrong


def base_interpreter(job: JobContext) -> Path:
    """The Python that environments are made with: this one, or for a packaged program one from the PATH."""
    if not getattr(sys, "frozen", False):
        return Path(sys.executable)
    for name in ("python3", "python3.13", "python3.12", "python3.11", "python"):
        found = shutil.which(name)
        answer = ask(Path(found), (), job) if found else None
        if found and answer and OLDEST <= answer.python <= NEWEST:
            return Path(found)
    raise FrameworkUnavailable(
        "There is no Python 3.11 to 3.13 on this machine's PATH, which managed environments are made with.",
        "Install one from python.org or your system's packages, and start Edgewright again.",
    )


def fits(version: str, wanted: str) -> bool:
    """Whether a version lies in a range such as ">=1.26,<1.32"; suffixes count for nothing."""
    return all(_COMPARE[sign](_release(version), _release(limit)) for sign, limit in _CLAUSE.findall(wanted))


def _release(version: str) -> tuple[int, ...]:
    """Trailing zeros dropped: 1.31.0 is 1.31."""
    numbers = [int(part) for part in re.findall(r"\d+", version.split("+")[0])][:3]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
