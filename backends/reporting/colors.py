"""The report's colours: the light palette of the window, and the window's colour for every configuration."""

from __future__ import annotations

import colorsys
import json
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from backends.domain.artifact import Artifact
from backends.domain.result import ConfigurationResult
from backends.reporting.account import label_of
from backends.storage.paths import resources

# As in gui/theme/hues.py; a test holds the two together.
SPARE_COLORS = ("#8C6D31", "#CC79A7", "#5B7F95", "#B5A200", "#7F4F24")
LIGHTNESS_OF_VARIANT = (100, 140, 72, 165, 58)


@cache
def _tokens() -> Mapping[str, Any]:
    tokens: Mapping[str, Any] = json.loads(
        (resources() / "theme" / "tokens.json").read_text(encoding="utf-8")
    )
    return tokens


def palette() -> Mapping[str, str]:
    """Paper is light: the same in print and on the screen."""
    light: Mapping[str, str] = _tokens()["themes"]["light"]
    return light


def colors_of(results: Sequence[ConfigurationResult]) -> dict[str, str]:
    """label -> colour: the framework's own, precisions of one framework in shades; the original is grey."""
    seen: Counter[str] = Counter()
    found: dict[str, str] = {}
    for result in results:
        artifact = result.configuration.artifact
        title = artifact.framework_title or artifact.framework
        found[label_of(result)] = _color(artifact, title, seen[title])
        seen[title] += not artifact.original
    return found


def _color(artifact: Artifact, title: str, variant: int) -> str:
    if artifact.original:
        return palette()["muted"]
    spare = SPARE_COLORS[zlib.crc32(title.encode()) % len(SPARE_COLORS)]
    base = _tokens()["frameworks"].get(title, spare)
    return shade(base, LIGHTNESS_OF_VARIANT[variant % len(LIGHTNESS_OF_VARIANT)])


def shade(color: str, lightness: int) -> str:
    """As QColor.lighter: value × lightness %, and what goes beyond white is taken from the saturation."""
    red, green, blue = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
    value *= lightness / 100
    if value > 1:
        saturation, value = max(0.0, saturation - (value - 1)), 1.0
    return "#" + "".join(f"{round(part * 255):02X}" for part in colorsys.hsv_to_rgb(hue, saturation, value))
