"""Olive's own list of passes, from its olive_config.json: data, read without importing Olive's passes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.domain.errors import BadInput

FILE = "olive_config.json"
ANY = "*"


@dataclass(frozen=True)
class Pass:
    """``precisions`` and ``accelerators``: "*" is any. ``extras``: packages it needs beyond Olive's own."""

    name: str
    accelerators: tuple[str, ...]
    precisions: tuple[str, ...]
    needs_data: bool
    extras: tuple[str, ...]

    def suits(self, device: str, precision: str = ANY) -> bool:
        on_device = ANY in self.accelerators or device in self.accelerators
        return on_device and (precision == ANY or ANY in self.precisions or precision in self.precisions)


def read(olive: Path) -> tuple[Pass, ...]:
    """From the folder of the installed package. Raises BadInput where it is not as expected."""
    try:
        data = json.loads((olive / FILE).read_text(encoding="utf-8"))
        passes: Mapping[str, Any] = data["passes"]
        return tuple(_pass(name, entry) for name, entry in passes.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"Olive's list of passes in “{olive}” cannot be read: {error}.") from error


def suitable(passes: Sequence[Pass], device: str, precision: str) -> tuple[str, ...]:
    """Names of the passes that give this precision on this device with nothing further installed."""
    return tuple(one.name for one in passes if not one.extras and one.suits(device, precision))


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
        if found.extras:
            raise BadInput(
                f"Olive's pass {found.name} needs more packages: {', '.join(found.extras)}.",
                "Name a Python that has them: edgewright frameworks install olive --python PATH.",
            )


def _pass(name: str, entry: Mapping[str, Any]) -> Pass:
    return Pass(
        name,
        tuple(entry.get("supported_accelerators", ())),
        tuple(entry.get("supported_precisions", ())),
        entry.get("dataset") == "dataset_required",
        tuple(entry.get("extra_dependencies", ())),
    )
