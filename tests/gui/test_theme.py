from __future__ import annotations

import re
import tomllib
from pathlib import Path
from string import Template

import pytest
from PySide6.QtGui import QFont, QFontMetrics, QPalette
from PySide6.QtWidgets import QApplication, QLabel

from gui.theme.fonts import body_font
from gui.theme.hues import ORIGINAL, Hue, framework_color, hues_for
from gui.theme.theme import Scheme, theme
from gui.theme.tokens import RESOURCES, load_style_template, load_tokens

ROOT = Path(__file__).parents[2]


def luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", ["light", "dark"])
def test_every_text_colour_is_readable_on_its_ground(name: str) -> None:
    colors = load_tokens().themes[name]
    pairs = [
        ("text", "surface"),
        ("text", "bg"),
        ("muted", "surface"),
        ("muted", "bg"),
        ("accentText", "accent"),
    ]
    pairs += [("ok", "okbg"), ("warn", "warnbg"), ("bad", "badbg"), ("muted", "sunk"), ("accent", "soft")]
    for text, ground in pairs:
        assert contrast(getattr(colors, text), getattr(colors, ground)) >= 4.4, (text, ground)


@pytest.mark.parametrize("name", ["light", "dark"])
def test_style_sheet_uses_only_known_names_and_icons(name: str) -> None:
    sheet = Template(load_style_template()).substitute(load_tokens().themes[name].named(), theme=name)
    for icon in re.findall(r"url\(theme:([^)]+)\)", sheet):
        assert (RESOURCES / "icons" / icon).is_file()
    assert sheet.count("{") == sheet.count("}")


def test_choosing_a_scheme_changes_colours_and_says_so(qtbot) -> None:
    with qtbot.waitSignal(theme().changed):
        theme().choose(Scheme.DARK)
    assert theme().dark
    assert QApplication.palette().color(QPalette.ColorRole.Window).name().upper() == "#121418"


def test_original_is_grey_and_frameworks_keep_their_colour() -> None:
    hues = hues_for(
        [
            ("original F16", "llama.cpp", True),
            ("llama.cpp Q4_K_M", "llama.cpp", False),
            ("b", "llama.cpp", False),
        ]
    )
    assert hues["original F16"] == ORIGINAL
    assert hues["llama.cpp Q4_K_M"] == Hue("llama.cpp")
    assert hues["b"] == Hue("llama.cpp", variant=1)
    assert theme().hue(Hue("llama.cpp")).name().upper() == "#E69F00"
    assert theme().hue(ORIGINAL).name().upper() == theme().colors.muted


def test_an_unknown_framework_gets_a_colour_of_its_own() -> None:
    assert framework_color("dummy") == framework_color("dummy")
    assert framework_color("dummy") not in load_tokens().frameworks.values()


def test_figures_are_tabular() -> None:
    assert QFont.Tag("tnum") in body_font().featureTags()
    metrics = QFontMetrics(body_font())
    assert metrics.horizontalAdvance("111.1") == metrics.horizontalAdvance("888.8")


def test_the_style_sheet_keeps_figures_tabular(qtbot) -> None:
    label = QLabel("1")
    label.setProperty("role", "title")
    qtbot.addWidget(label)
    label.ensurePolished()
    metrics = label.fontMetrics()
    assert label.font().pixelSize() == 24
    assert metrics.horizontalAdvance("111.1") == metrics.horizontalAdvance("888.8")


def test_no_style_sheets_in_code() -> None:
    for path in (ROOT / "gui").rglob("*.py"):
        if path.name != "theme.py":
            assert "setStyleSheet" not in path.read_text(encoding="utf-8"), path


def test_no_process_events_and_short_modules() -> None:
    for path in (ROOT / "gui").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "processEvents" not in text, path
        assert len(text.splitlines()) < 300, path


def test_charts_are_the_only_pyqtgraph_room() -> None:
    for path in (ROOT / "gui").rglob("*.py"):
        if "charts" not in path.parts:
            assert "pyqtgraph" not in path.read_text(encoding="utf-8"), path


def test_data_files_are_packaged() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = config["tool"]["setuptools"]["package-data"]["*"]
    assert {"*.json", "*.qss", "*.svg"} <= set(patterns)
