"""The user's settings while the program runs: read once, written whenever one changes."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from backends.domain.errors import EdgewrightError
from backends.storage.settings import Settings, read_settings, write_settings

log = logging.getLogger("edgewright")


class SettingsStore(QObject):
    """``value`` is what is in force; :meth:`change` keeps it, on disk too where that can be written."""

    changed = Signal()

    def __init__(self, path: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._path = path
        self._value = read_settings(path)

    @property
    def value(self) -> Settings:
        return self._value

    def change(self, **changes: Any) -> None:
        """Set fields of :class:`Settings`. A full or closed disk costs the memory of it, not the change."""
        value = replace(self._value, **changes)
        if value == self._value:
            return
        self._value = value
        try:
            write_settings(self._path, value)
        except EdgewrightError as error:
            log.warning("settings not kept: %s", error)
        self.changed.emit()
