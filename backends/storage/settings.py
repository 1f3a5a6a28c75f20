"""The user's settings: a small JSON file; what is unknown or damaged in it counts as not said."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from backends.storage.files import write_text


@dataclass(frozen=True)
class Settings:
    theme: str = "system"  # "system", "light" or "dark"
    weight_speed: float = 0.5
    weight_quality: float = 0.8
    weight_memory: float = 0.4
    weight_energy: float = 0.2
    window_width: int = 1280
    window_height: int = 800
    benchmark_depth: str = "quick"  # "quick", "standard" or "thorough"
    benchmark_stress: bool = True  # a stress run of each configuration; without one its gate stays open
    gate_thresholds: dict[str, float] = field(default_factory=dict)  # of the gates the user has changed
    energy: str = "counters"  # "counters", "battery" or "off"
    grid: str = "world"  # code of the grid the electricity comes from


def read_settings(path: Path) -> Settings:
    """Defaults for everything the file does not say, or says in the wrong type."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Settings()
    if not isinstance(stored, dict):
        return Settings()
    defaults = Settings()
    known = {
        field.name: stored[field.name]
        for field in fields(Settings)
        if type(stored.get(field.name)) is type(getattr(defaults, field.name))
    }
    return Settings(**known)


def weights_of(settings: Settings) -> dict[str, float]:
    """What matters to the user, by the names of the figures it weighs."""
    return {
        "speed": settings.weight_speed,
        "quality": settings.weight_quality,
        "memory": settings.weight_memory,
        "energy": settings.weight_energy,
    }


def write_settings(path: Path, settings: Settings) -> None:
    write_text(path, json.dumps(asdict(settings), indent=1) + "\n")
