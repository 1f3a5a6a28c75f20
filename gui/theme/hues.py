"""The colour of a configuration: its framework's, the same on every page; the original is always grey."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtGui import QColor

from gui.theme.tokens import Colors, load_tokens

# For frameworks that tokens.json does not know (a folder added later).
SPARE_COLORS = ("#8C6D31", "#CC79A7", "#5B7F95", "#B5A200", "#7F4F24")
LIGHTNESS_OF_VARIANT = (100, 140, 72, 165, 58)


@dataclass(frozen=True)
class Hue:
    """What decides a colour. ``variant`` tells precisions of one framework apart by shade (and by dashes)."""

    framework: str = ""
    original: bool = False
    variant: int = 0

    def color(self, colors: Colors) -> QColor:
        if self.original:
            return QColor(colors.muted)
        shade = LIGHTNESS_OF_VARIANT[self.variant % len(LIGHTNESS_OF_VARIANT)]
        return QColor(framework_color(self.framework)).lighter(shade)


ORIGINAL = Hue(original=True)


def framework_color(title: str) -> str:
    """``title`` as in the manifest: "llama.cpp"."""
    spare = SPARE_COLORS[zlib.crc32(title.encode()) % len(SPARE_COLORS)]
    return load_tokens().frameworks.get(title, spare)


def hues_for(configurations: Iterable[tuple[str, str, bool]]) -> dict[str, Hue]:
    """A hue for every ``(label, framework title, original)``; pass the same list on every page."""
    seen: Counter[str] = Counter()
    hues: dict[str, Hue] = {}
    for label, framework, original in configurations:
        hues[label] = ORIGINAL if original else Hue(framework, variant=seen[framework])
        seen[framework] += not original
    return hues
