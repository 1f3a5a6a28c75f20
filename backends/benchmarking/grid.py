"""The grid the electricity comes from, for carbon beside measured energy. The table is data with its year."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from backends.domain.energy import GridIntensity
from backends.domain.errors import BadInput

WORLD = "world"


@cache
def grids() -> Mapping[str, GridIntensity]:
    """By code, the world's first."""
    table = tomllib.loads((files("resources") / "rules" / "grids.toml").read_text(encoding="utf-8"))
    return {
        code: GridIntensity(code, row["name"], float(row["grams"]), table["year"], table["source"])
        for code, row in table["grams_per_kwh"].items()
    }


def grid_of(code: str = WORLD) -> GridIntensity:
    """Raises BadInput for a code that is not in the table."""
    found = {name.lower(): grid for name, grid in grids().items()}.get(code.strip().lower())
    if found is None:
        raise BadInput(f"There is no figure for a grid “{code}”.", f"Choose one of: {', '.join(grids())}.")
    return found
