"""The type: Inter where it is installed, else the system's face; tabular figures everywhere."""

from __future__ import annotations

import sys

from PySide6.QtGui import QFont, QFontDatabase

NOTE_PX = 12
SMALL_PX = 13
BODY_PX = 14
TITLE_PX = 24
FIGURE_PX = 26


def body_font() -> QFont:
    font = QFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont))
    if sys.platform.startswith("linux") and QFontDatabase.hasFamily("Inter"):
        font.setFamily("Inter")
    font.setPixelSize(BODY_PX)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


def sized(font: QFont, pixels: int, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """A copy of ``font`` in another size and weight."""
    copy = QFont(font)
    copy.setPixelSize(pixels)
    copy.setWeight(weight)
    return copy


def fixed_font() -> QFont:
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    font.setPixelSize(NOTE_PX)
    return font
