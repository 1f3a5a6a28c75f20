"""Small pictures of samples: as they are in the file, and below as a model gets them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from gui.widgets.flow import Flow
from gui.widgets.text import ElidedLabel, Role

SIDE_PX = 72


@dataclass(frozen=True)
class Thumbnail:
    """Pictures are (height, width, 1 or 3) bytes; ``None`` where there is nothing to show."""

    label: str
    tip: str
    raw: Any
    prepared: Any = None


class Thumbnails(QWidget):
    """In rows that wrap."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._flow = Flow(self, gap=12)
        self.shown: tuple[Thumbnail, ...] = ()

    def set_thumbnails(self, thumbnails: Sequence[Thumbnail]) -> None:
        self._flow.clear()
        self.shown = tuple(thumbnails)
        for thumbnail in thumbnails:
            self._flow.addWidget(_tile(thumbnail))
        self.updateGeometry()


def _tile(thumbnail: Thumbnail) -> QWidget:
    tile = QWidget()
    tile.setFixedWidth(SIDE_PX)
    tile.setToolTip(thumbnail.tip)
    column = QVBoxLayout(tile)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(4)
    for array in (thumbnail.raw, thumbnail.prepared):
        if array is not None:
            column.addWidget(_picture(array), 0, Qt.AlignmentFlag.AlignHCenter)
    name = ElidedLabel(thumbnail.label, Role.NOTE)
    name.setAlignment(Qt.AlignmentFlag.AlignHCenter)
    column.addWidget(name)
    return tile


def _picture(array: Any) -> QLabel:
    """Whole, as large as fits; small images keep their pixels."""
    label = QLabel()
    pixmap = QPixmap.fromImage(image_of(array))
    enlarged = max(pixmap.width(), pixmap.height()) < SIDE_PX
    how = Qt.TransformationMode.FastTransformation if enlarged else Qt.TransformationMode.SmoothTransformation
    label.setPixmap(pixmap.scaled(SIDE_PX, SIDE_PX, Qt.AspectRatioMode.KeepAspectRatio, how))
    label.setFixedSize(SIDE_PX, SIDE_PX)
    label.setAlignment(Qt.AlignmentFlag.AlignCenter)
    return label


def image_of(array: Any) -> QImage:
    """A copy, for the array may go before the picture does."""
    pixels = np.ascontiguousarray(array)
    height, width, channels = pixels.shape
    form = QImage.Format.Format_Grayscale8 if channels == 1 else QImage.Format.Format_RGB888
    return QImage(pixels.data, width, height, channels * width, form).copy()
