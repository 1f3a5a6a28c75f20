"""What a table cell shows, as values. The delegate in gui/widgets/cell_delegate.py draws them."""

from __future__ import annotations

from dataclasses import dataclass

from gui.theme.hues import Hue
from gui.theme.tone import Tone


@dataclass(frozen=True)
class TextCell:
    """``hue`` puts a framework's square before the text, ``suffix`` follows it muted on the same line,
    ``second`` is a smaller line below that wraps."""

    text: str
    suffix: str = ""
    second: str = ""
    hue: Hue | None = None
    bold: bool = False
    muted: bool = False
    tip: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.text, self.suffix, self.second)))


@dataclass(frozen=True)
class ChipCell:
    text: str
    tone: Tone = Tone.NEUTRAL
    tip: str = ""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class BarCell:
    """A thin bar with its words below; ``color`` is a token's name, ``hue`` goes before it."""

    fraction: float
    text: str
    color: str = "accent"
    hue: Hue | None = None
    tip: str = ""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class LinkCell:
    """``before`` is plain, ``text`` is the link. Activating it emits ``Table.link_activated(row, key)``."""

    text: str
    key: str
    before: str = ""
    tip: str = ""

    def __str__(self) -> str:
        return f"{self.before} {self.text}".strip()


Cell = TextCell | ChipCell | BarCell | LinkCell


def figure(value: str, second: str = "", tip: str = "", *, bold: bool = True) -> TextCell:
    """A number with its interval or unit below; for columns aligned to the right."""
    return TextCell(value, second=second, bold=bold, tip=tip)
