"""The theme in force: follows the system's light or dark scheme unless the user has chosen one."""

from __future__ import annotations

from enum import StrEnum
from string import Template

from PySide6.QtCore import QDir, QObject, Qt, Signal
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory

from gui.theme.fonts import body_font
from gui.theme.hues import Hue
from gui.theme.tokens import RESOURCES, Colors, load_style_template, load_tokens

ICONS = "theme"  # the search path under which the style sheet finds its icons


class Scheme(StrEnum):
    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class Theme(QObject):
    """One per application; ``changed`` says that colours have to be read again."""

    changed = Signal()

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self._app = app
        self._scheme = Scheme.SYSTEM
        self._colors = load_tokens().themes["light"]
        app.styleHints().colorSchemeChanged.connect(self._follow_system)

    @property
    def scheme(self) -> Scheme:
        return self._scheme

    @property
    def colors(self) -> Colors:
        return self._colors

    @property
    def dark(self) -> bool:
        return self._colors is load_tokens().themes["dark"]

    def install(self, scheme: Scheme = Scheme.SYSTEM) -> None:
        """Once, before the first window: style, font, icons, then the colours of ``scheme``."""
        QDir.setSearchPaths(ICONS, [str(RESOURCES / "icons")])
        self._app.setStyle(QStyleFactory.create("Fusion"))
        self._app.setFont(body_font())
        self._scheme = scheme
        self._apply()

    def choose(self, scheme: Scheme) -> None:
        if scheme != self._scheme:
            self._scheme = scheme
            self._apply()

    def color(self, name: str) -> QColor:
        """A colour by its token's name: ``color("okbg")``."""
        return QColor(getattr(self._colors, name))

    def hue(self, hue: Hue) -> QColor:
        return hue.color(self._colors)

    def _follow_system(self) -> None:
        if self._scheme is Scheme.SYSTEM:
            self._apply()

    def _apply(self) -> None:
        name = self._effective_name()
        self._colors = load_tokens().themes[name]
        self._app.setPalette(palette(self._colors))
        self._app.setStyleSheet(Template(load_style_template()).substitute(self._colors.named(), theme=name))
        self.changed.emit()

    def _effective_name(self) -> str:
        if self._scheme is not Scheme.SYSTEM:
            return self._scheme.value
        return "dark" if self._app.styleHints().colorScheme() == Qt.ColorScheme.Dark else "light"


def theme() -> Theme:
    """The application's theme. There must be a QApplication."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    found = app.findChild(Theme, options=Qt.FindChildOption.FindDirectChildrenOnly)
    return found or Theme(app)


def palette(colors: Colors) -> QPalette:
    role = QPalette.ColorRole
    made = QPalette()
    for target, color in (
        (role.Window, colors.bg),
        (role.WindowText, colors.text),
        (role.Base, colors.surface),
        (role.AlternateBase, colors.sunk),
        (role.Text, colors.text),
        (role.Button, colors.surface),
        (role.ButtonText, colors.text),
        (role.BrightText, colors.bad),
        (role.ToolTipBase, colors.surface),
        (role.ToolTipText, colors.text),
        (role.PlaceholderText, colors.muted),
        (role.Highlight, colors.accent),
        (role.HighlightedText, colors.accentText),
        (role.Link, colors.accent),
        (role.LinkVisited, colors.accent),
        (role.Accent, colors.accent),
        (role.Light, colors.surface),
        (role.Midlight, colors.sunk),
        (role.Mid, colors.line),
        (role.Dark, colors.line),
    ):
        made.setColor(target, QColor(color))
    for target in (role.WindowText, role.Text, role.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, target, QColor(colors.muted))
    return made
