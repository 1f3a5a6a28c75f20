"""The converters there are, and where there is none, read from ``resources/rules/converters.toml``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from backends.conversion.graph import Closed, Converter
from backends.domain.model import ModelFormat, ModelKind


def read_converters(path: Path) -> tuple[Converter, ...]:
    with path.open("rb") as file:
        return tuple(_converter(entry) for entry in tomllib.load(file)["converters"])


def read_closed(path: Path) -> tuple[Closed, ...]:
    with path.open("rb") as file:
        return tuple(_closed(entry) for entry in tomllib.load(file)["closed"])


def _converter(entry: dict[str, Any]) -> Converter:
    return Converter(
        **{
            **entry,
            "takes": ModelFormat(entry["takes"]),
            "makes": ModelFormat(entry["makes"]),
            "kinds": tuple(ModelKind(kind) for kind in entry["kinds"]),
        }
    )


def _closed(entry: dict[str, Any]) -> Closed:
    return Closed(
        ModelFormat(entry["takes"]),
        tuple(ModelFormat(form) for form in entry["makes"]),
        tuple(ModelKind(kind) for kind in entry["kinds"]),
        entry["why"],
    )
