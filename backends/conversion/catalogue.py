"""The converters there are, read from ``resources/rules/converters.toml``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from backends.conversion.graph import Converter
from backends.domain.model import ModelFormat, ModelKind


def read_converters(path: Path) -> tuple[Converter, ...]:
    with path.open("rb") as file:
        return tuple(_converter(entry) for entry in tomllib.load(file)["converters"])


def _converter(entry: dict[str, Any]) -> Converter:
    return Converter(
        **{
            **entry,
            "takes": ModelFormat(entry["takes"]),
            "makes": ModelFormat(entry["makes"]),
            "kinds": tuple(ModelKind(kind) for kind in entry["kinds"]),
        }
    )
