"""Showing a folder in the system's own file manager."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices


def open_folder(place: Path) -> None:
    """The nearest folder that is there: some are made only when something is first kept in them."""
    while not place.is_dir() and place != place.parent:
        place = place.parent
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(place)))
