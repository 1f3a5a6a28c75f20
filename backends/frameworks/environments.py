"""Where each framework's libraries live: the base install, a managed environment, or the user's own Python.

A managed environment is a folder under ``root`` that :mod:`backends.frameworks.installing` makes. Virtual
environments cannot be moved, so it is made in place, and its marker is written last: without it the folder
counts for nothing and is cleared away by the next install.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from backends.domain.errors import FrameworkUnavailable
from backends.domain.runtime import Runtime
from backends.frameworks.base import Availability, Manifest
from backends.frameworks.registry import folders

READY = "ready.json"  # written last: an environment without it is not used
OWN = "interpreter.json"  # in the same folder instead of an environment: the Python the user has named
REQUIREMENTS = Path(__file__).resolve().parents[2] / "resources" / "requirements"
SYSTEMS = {"linux": "linux", "darwin": "macos", "win32": "windows"}
_SIZE = re.compile(r"^#\s*(download|disk)-bytes:\s*(\d+)\s*$", re.MULTILINE)
_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?==", re.MULTILINE)


class State(StrEnum):
    BASE = "base"  # part of the base install
    READY = "ready"
    ABSENT = "absent"
    BROKEN = "broken"


@dataclass(frozen=True)
class EnvironmentStatus:
    """``why``: a clause for the user where it cannot be used. Sizes are those of a fresh install."""

    name: str
    state: State
    why: str = ""
    folder: Path | None = None
    interpreter: Path | None = None
    own: bool = False  # the user's own interpreter, which is never changed
    download_bytes: int = 0
    disk_bytes: int = 0


@dataclass(frozen=True)
class Requirements:
    """A file of exact pins, with the sizes its header names.

    ``alone``: a second file, of packages that are installed after it and without what they ask for.
    """

    path: Path
    alone: Path | None
    digest: str
    pins: int
    download_bytes: int
    disk_bytes: int


@dataclass(frozen=True)
class Environments:
    """The managed environments under one folder."""

    root: Path

    def missing(self, manifest: Manifest) -> Availability | None:
        """Why the framework cannot even be asked, or ``None`` when it can."""
        if SYSTEMS.get(sys.platform, sys.platform) not in manifest.systems:
            return Availability(
                manifest.name,
                False,
                reason="not made for this system",
                remedy=f"It runs on {' and '.join(manifest.systems)}.",
            )
        status = self.status(manifest)
        if status.state in (State.BASE, State.READY):
            return None
        verb = "repair" if status.state is State.BROKEN else "install"
        remedy = f"Run “edgewright frameworks {verb} {manifest.name}”{_sizes(status)}."
        return Availability(manifest.name, False, reason=status.why, remedy=remedy)

    def runtime(self, manifest: Manifest) -> Runtime:
        """How a worker of this framework is started. For one that is not :meth:`missing`."""
        return Runtime(self.status(manifest).interpreter)

    def status(self, manifest: Manifest) -> EnvironmentStatus:
        """What is there, judged by files alone; costs about a millisecond."""
        name = manifest.environment
        if not name:
            return EnvironmentStatus("", State.BASE)
        folder = self.root / name
        required = requirements(manifest)
        sizes = (required.download_bytes, required.disk_bytes)
        own = read_json(folder / OWN)
        if own is not None:
            interpreter = Path(str(own.get("interpreter", "")))
            why = "" if interpreter.is_file() else f"not working: the Python “{interpreter}” is gone"
            return EnvironmentStatus(name, _state(why), why, folder, interpreter, True, *sizes)
        if not (folder / READY).is_file():
            broke_off = folder.is_dir() and any(folder.iterdir())
            why = "not installed: an installation broke off" if broke_off else "not installed"
            return EnvironmentStatus(name, State.ABSENT, why, folder, None, False, *sizes)
        why = _fault(folder, manifest, required)
        return EnvironmentStatus(name, _state(why), why, folder, interpreter_in(folder), False, *sizes)


def requirements(manifest: Manifest) -> Requirements:
    """The pins of a framework's environment: the program's own, or those beside a framework from elsewhere.

    Raises FrameworkUnavailable where there is none.
    """
    own, added = REQUIREMENTS / f"{manifest.environment}.txt", folders().get(manifest.name)
    places = (own, added / "requirements.txt") if added else (own,)
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise FrameworkUnavailable(
            f"{manifest.title} says nothing of what its environment needs.", f"Add “{places[-1]}”."
        )
    alone = path.with_suffix(".no-deps.txt")
    files = (path, alone) if alone.is_file() else (path,)
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    sizes = {kind: int(number) for kind, number in _SIZE.findall(text)}
    return Requirements(
        path,
        alone if alone in files else None,
        hashlib.sha256(text.encode()).hexdigest(),
        len(_PIN.findall(text)),
        sizes.get("download", 0),
        sizes.get("disk", 0),
    )


def interpreter_in(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def site_packages(environment: Path) -> Path | None:
    pattern = "Lib/site-packages" if sys.platform == "win32" else "lib/python3.*/site-packages"
    return next(iter(sorted(environment.glob(pattern))), None)


def read_json(path: Path) -> Mapping[str, Any] | None:
    """``None`` where the file is missing; an empty mapping where it is damaged."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _state(why: str) -> State:
    return State.BROKEN if why else State.READY


def _fault(folder: Path, manifest: Manifest, required: Requirements) -> str:
    """What is wrong with a finished environment, or ""."""
    marker = read_json(folder / READY) or {}
    site = site_packages(folder)
    if not interpreter_in(folder).is_file():
        return "in need of repair: the Python it was made with is gone"
    if marker.get("requirements") != required.digest:
        return "in need of repair: this version of Edgewright asks for other packages"
    gone = next(_gone(site, marker.get("packages", []), manifest), None) if site else "everything"
    return f"in need of repair: of its packages “{gone}” is missing" if gone else ""


def _gone(site: Path, recorded: list[str], manifest: Manifest) -> Iterator[str]:
    present = {entry.name for entry in site.iterdir()}
    yield from (name.removesuffix(".dist-info") for name in recorded if name not in present)
    stems = {name.partition(".")[0] for name in present}
    yield from (name for name in manifest.packages if name not in stems)


def _sizes(status: EnvironmentStatus) -> str:
    if not status.disk_bytes:
        return ""
    return f" ({readable(status.download_bytes)} to download, {readable(status.disk_bytes)} on disk)"


def readable(size_bytes: int) -> str:
    """ "540 MB", "1.4 GB"."""
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.0f} MB"
