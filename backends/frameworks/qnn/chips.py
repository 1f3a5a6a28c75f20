"""The Snapdragon chips that a model can be compiled for here, from resources/rules/snapdragon.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from backends.domain.errors import BadInput

TABLE = Path(__file__).resolve().parents[3] / "resources" / "rules" / "snapdragon.toml"


@dataclass(frozen=True)
class Chip:
    id: str  # "sm8650"
    name: str
    soc_model: int
    htp_arch: int
    source: str


@cache
def chips() -> tuple[Chip, ...]:
    with TABLE.open("rb") as file:
        return tuple(Chip(**entry) for entry in tomllib.load(file)["chip"])


def chip(name: str) -> Chip:
    """By id or marketing name, letter case ignored. Raises BadInput with those there are."""
    for candidate in chips():
        if name.lower() in (candidate.id, candidate.name.lower()):
            return candidate
    known = ", ".join(f"{candidate.id} ({candidate.name})" for candidate in chips())
    raise BadInput(f"There is no target “{name}”.", f"Choose one of: {known}.")
