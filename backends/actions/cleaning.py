"""What has piled up in the user's folders, and clearing away what nobody needs any more.

Never without being asked: what a stored run measured, and what a running Edgewright may use.
"""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from backends.actions.artifacts import DESCRIPTION
from backends.domain.errors import BadInput
from backends.frameworks.files import folder_bytes
from backends.storage.files import PARTIAL, is_abandoned, partial_prefix
from backends.storage.history import History
from backends.storage.owners import running_since
from backends.storage.paths import AppPaths

DAY_S = 86_400.0


@dataclass(frozen=True)
class Kept:
    """One thing on the disk. ``runs``: stored runs that need it; ``in_use``: perhaps, by another program."""

    kind: str  # "artifact", "conversion", "download", "reference", "half-made"
    name: str  # what it is: "stories260k, llama.cpp Q8_0"; of what does not tell, the folder's
    path: Path
    size_bytes: int
    last_used_s: float  # since 1970
    runs: tuple[str, ...] = ()
    in_use: bool = False
    removed: bool = False
    problem: str = ""  # why it could not be removed

    @property
    def needed(self) -> bool:
        return self.in_use or bool(self.runs)


def kept(paths: AppPaths, history: History) -> tuple[Kept, ...]:
    """Everything that was made or downloaded, by kind, the largest first. Environments are no part of it."""
    runs = history.files() if paths.history.is_file() else {}
    since = running_since(paths.running)
    found = [_whose(one, runs, since) for one in _everything(paths)]
    return tuple(sorted(found, key=lambda one: (one.kind, -one.size_bytes)))


def clear(things: Iterable[Kept], older_than_days: float = 0.0, needed_too: bool = False) -> tuple[Kept, ...]:
    """The same things, those removed that were not used for so long and that nobody needs.

    ``needed_too``: those as well that stored runs need; their figures stay, but cannot be certified or
    repeated. What may be in use stays all the same. Raises BadInput for a time that is none.
    """
    if older_than_days < 0:
        raise BadInput("That is no number of days.", "Give 0 or more.")
    oldest = time.time() - older_than_days * DAY_S
    return tuple(_removed(one) if _may_go(one, oldest, needed_too) else one for one in things)


def _may_go(one: Kept, oldest: float, needed_too: bool) -> bool:
    if one.in_use or one.last_used_s > oldest:
        return False
    return needed_too or not one.runs


def _everything(paths: AppPaths) -> Iterator[Kept]:
    for kind, root in (
        ("artifact", paths.artifacts),
        ("conversion", paths.conversions),
        ("download", paths.data / "hub"),
        ("reference", paths.references),
    ):
        for path in sorted(root.iterdir()) if root.is_dir() else ():
            half = path.name.startswith(PARTIAL)
            with suppress(FileNotFoundError):  # another process was quicker
                size = folder_bytes(path) if path.is_dir() else path.stat().st_size
                used = path.stat().st_mtime
                alive = half and not is_abandoned(path)
                yield Kept("half-made" if half else kind, _name(path), path, size, used, in_use=alive)


def _name(path: Path) -> str:
    try:
        said = json.loads((path / DESCRIPTION).read_text(encoding="utf-8"))
        return f"{said['name']}, {said['framework_title']} {said['precision']}"
    except (OSError, ValueError, KeyError, TypeError):
        return path.name


def _whose(one: Kept, runs: Mapping[str, tuple[Path, ...]], since: float | None) -> Kept:
    needing = tuple(
        run for run, files in runs.items() if any(file.is_relative_to(one.path) for file in files)
    )
    used = since is not None and one.last_used_s >= since
    return replace(one, runs=needing, in_use=one.in_use or used)


def _removed(one: Kept) -> Kept:
    """Renamed first: nothing half-removed is ever found again."""
    going = one.path.with_name(f"{partial_prefix()}{secrets.token_hex(8)}")
    try:
        one.path.rename(going)
        if going.is_dir():
            shutil.rmtree(going)
        else:
            going.unlink()
    except OSError as error:
        return replace(one, problem=f"It could not be removed: {error.strerror or error}.")
    return replace(one, removed=True)
