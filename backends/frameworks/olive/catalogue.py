"""Olive's own list of passes, from its olive_config.json: data, read without importing Olive's passes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from backends.domain.errors import BadInput

FILE = "olive_config.json"
ANY = "*"
_PACKAGE = re.compile(r"[\w.-]+")


@dataclass(frozen=True)
class Pass:
    """``precisions`` and ``accelerators``: "*" is any. ``lacking``: packages it needs that are not there."""

    name: str
    accelerators: tuple[str, ...]
    precisions: tuple[str, ...]
    needs_data: bool
    lacking: tuple[str, ...] = ()

    def suits(self, device: str, precision: str = ANY) -> bool:
        on_device = device == ANY or ANY in self.accelerators or device in self.accelerators
        return on_device and (precision == ANY or ANY in self.precisions or precision in self.precisions)


def installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def read(olive: Path, has: Callable[[str], bool] = installed) -> tuple[Pass, ...]:
    """From the folder of the installed package. Raises BadInput where it is not as expected."""
    try:
        data = json.loads((olive / FILE).read_text(encoding="utf-8"))
        groups: Mapping[str, Any] = data.get("extra_dependencies", {})
        passes: Mapping[str, Any] = data["passes"]
        return tuple(_pass(name, entry, groups, has) for name, entry in passes.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"Olive's list of passes in “{olive}” cannot be read: {error}.") from error


def suitable(passes: Sequence[Pass], device: str, precision: str) -> tuple[Pass, ...]:
    """Those that can work on this device and give, or leave alone, this precision."""
    return tuple(one for one in passes if one.suits(device.lower(), precision.lower()))


def check(passes: Sequence[Pass], wanted: Sequence[str], device: str) -> None:
    """Raises BadInput for a pass that Olive does not have, that needs more packages, or another device."""
    known = {one.name.lower(): one for one in passes}
    for name in wanted:
        found = known.get(name.lower())
        if found is None:
            raise BadInput(
                f"Olive has no pass “{name}”.", f"It has: {', '.join(sorted(p.name for p in passes))}."
            )
        if not found.suits(device):
            where = ", ".join(found.accelerators)
            raise BadInput(f"Olive's pass {found.name} is for {where}, not for {device}.", "Choose another.")
        if found.lacking:
            raise BadInput(
                f"Olive's pass {found.name} needs more packages: {', '.join(found.lacking)}.",
                "Let a Python run Olive that has them (edgewright frameworks install olive --python PATH).",
            )


def _pass(name: str, entry: Mapping[str, Any], groups: Mapping[str, Any], has: Callable[[str], bool]) -> Pass:
    """Extras are groups of packages, or a package's own name."""
    wanted = [
        package for extra in entry.get("extra_dependencies", ()) for package in groups.get(extra, (extra,))
    ]
    wanted += entry.get("module_dependencies", ())
    names = [found[0] for found in map(_PACKAGE.match, wanted) if found]
    return Pass(
        name,
        tuple(entry.get("supported_accelerators", ())),
        tuple(entry.get("supported_precisions", ())),
        entry.get("dataset") == "dataset_required",
        tuple(package for package in names if not has(package)),
    )
