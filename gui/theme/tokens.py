"""The facts of the look, read from resources/theme/tokens.json: two palettes and a colour per framework."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources

RESOURCES = resources.files("resources") / "theme"


@dataclass(frozen=True)
class Colors:
    """One palette, every colour as ``#RRGGBB``. The field names are those of tokens.json."""

    bg: str
    surface: str
    sunk: str
    line: str
    text: str
    muted: str
    accent: str
    accentText: str
    ok: str
    warn: str
    bad: str
    okbg: str
    warnbg: str
    badbg: str
    soft: str

    def named(self) -> dict[str, str]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True)
class Tokens:
    themes: Mapping[str, Colors]  # "light" and "dark"
    frameworks: Mapping[str, str]  # framework title -> colour


@cache
def load_tokens() -> Tokens:
    data = json.loads((RESOURCES / "tokens.json").read_text(encoding="utf-8"))
    themes = {name: Colors(**colors) for name, colors in data["themes"].items()}
    return Tokens(themes, data["frameworks"])


@cache
def load_style_template() -> str:
    """The style sheet with ``$name`` where a colour of the palette goes."""
    return (RESOURCES / "edgewright.qss").read_text(encoding="utf-8")
