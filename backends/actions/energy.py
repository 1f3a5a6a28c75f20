"""What reads the energy of a run, and whose electricity it is, where nobody says so for this run."""

from __future__ import annotations

from backends.benchmarking.grid import WORLD, grids
from backends.storage.paths import app_paths
from backends.storage.settings import Settings, read_settings

COUNTERS, BATTERY, OFF = ENERGY = ("counters", "battery", "off")


def chosen_energy(settings: Settings | None = None) -> str:
    """Of ``settings``, or those of the user; a settings file may hold anything."""
    named = (settings or read_settings(app_paths().settings)).energy
    return named if named in ENERGY else COUNTERS


def chosen_grid(settings: Settings | None = None) -> str:
    """Code of a grid, of ``settings`` or those of the user."""
    named = (settings or read_settings(app_paths().settings)).grid
    return named if named in grids() else WORLD
