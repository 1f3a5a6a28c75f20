"""The form of a preprocessing: every change is told at once, and shown in the preview beside it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QGridLayout, QPushButton, QSpinBox, QWidget

from backends.domain.preprocessing import CHANNEL_ORDERS, LAYOUTS, Preprocessing
from gui.widgets.card import Card
from gui.widgets.text import Role, label

LARGEST = 8192  # pixels
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BYTE = 1 / 255
CHANNELS = 3
DECIMALS = 4


class PreprocessingForm(Card):
    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.set_title(self.tr("Preprocessing"))
        self._channels, self._dtype, self._shorter_side = CHANNELS, "float32", 0
        self.height_box, self.width_box = self._size(self.tr("Height")), self._size(self.tr("Width"))
        self.layout_box = self._choice(LAYOUTS, self.tr("Layout"))
        self.order_box = self._choice(CHANNEL_ORDERS, self.tr("Channel order"))
        self.scale_box = self._choice((self.tr("0 to 1"), self.tr("0 to 255")), self.tr("Values"))
        self.mean = [self._figure(self.tr("Mean of channel {0}").format(n + 1)) for n in range(CHANNELS)]
        self.std = [
            self._figure(self.tr("Standard deviation of channel {0}").format(n + 1), least=0.0001)
            for n in range(CHANNELS)
        ]
        self._lay_out()

    def show_value(self, value: Preprocessing) -> None:
        """Without telling of a change."""
        self.blockSignals(True)
        self._channels, self._dtype, self._shorter_side = value.channels, value.dtype, value.shorter_side
        self.height_box.setValue(value.height)
        self.width_box.setValue(value.width)
        self.layout_box.setCurrentText(value.layout)
        self.order_box.setCurrentText(value.channel_order)
        self.scale_box.setCurrentIndex(0 if value.scale < 1 else 1)
        self._show_figures(value.mean, value.std)
        self.blockSignals(False)

    def value(self) -> Preprocessing:
        """Whether the middle is cut out stays as it was, as long as the size leaves room for that."""
        height, width = self.height_box.value(), self.width_box.value()
        return Preprocessing(
            height,
            width,
            self._channels,
            self.layout_box.currentText(),
            BYTE if self.scale_box.currentIndex() == 0 else 1.0,
            self._values(self.mean),
            self._values(self.std),
            self._dtype,
            self.order_box.currentText(),
            self._shorter_side if self._shorter_side >= max(height, width) else 0,
        )

    def _values(self, boxes: Sequence[QDoubleSpinBox]) -> tuple[float, ...]:
        """One figure where all channels have the same."""
        values = tuple(round(box.value(), DECIMALS) for box in boxes[: self._channels])
        return values[:1] if len(set(values)) == 1 else values

    def use_imagenet(self) -> None:
        self.blockSignals(True)
        self.scale_box.setCurrentIndex(0)
        self._show_figures(IMAGENET_MEAN, IMAGENET_STD)
        self.blockSignals(False)
        self.changed.emit()

    def _show_figures(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        """One figure stands for all channels."""
        for boxes, values in ((self.mean, mean), (self.std, std)):
            for number, box in enumerate(boxes):
                box.setValue(values[number] if number < len(values) else values[0])
                box.setVisible(number < self._channels)
        self.order_box.setEnabled(self._channels > 1)

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(8)
        rows = (
            (self.tr("Height, width"), (self.height_box, self.width_box)),
            (self.tr("Layout, channels"), (self.layout_box, self.order_box)),
            (self.tr("Values"), (self.scale_box,)),
            (self.tr("Mean"), tuple(self.mean)),
            (self.tr("Std"), tuple(self.std)),
        )
        for row, (name, boxes) in enumerate(rows):
            grid.addWidget(label(name, Role.MUTED), row, 0)
            for column, box in enumerate(boxes, start=1):
                grid.addWidget(box, row, column)
        grid.setColumnStretch(4, 1)
        self.add(grid)
        link = QPushButton(self.tr("Use ImageNet's mean and std"))
        link.setProperty("role", "link")
        link.clicked.connect(self.use_imagenet)
        self.add(link)
        note = self.tr("(value − mean) ÷ std in each channel. Kept with every artifact that is made with it.")
        self.add(label(note, Role.NOTE, wrap=True)).end()

    def _size(self, name: str) -> QSpinBox:
        box = QSpinBox()
        box.setRange(1, LARGEST)
        box.setKeyboardTracking(False)
        box.setAlignment(Qt.AlignmentFlag.AlignRight)
        box.setAccessibleName(name)
        box.valueChanged.connect(lambda _value: self.changed.emit())
        return box

    def _choice(self, items: tuple[str, ...], name: str) -> QComboBox:
        box = QComboBox()
        box.addItems(list(items))
        box.setAccessibleName(name)
        box.currentIndexChanged.connect(lambda _index: self.changed.emit())
        return box

    def _figure(self, name: str, least: float = -10_000.0) -> QDoubleSpinBox:
        box = QDoubleSpinBox()
        box.setRange(least, 10_000.0)
        box.setDecimals(DECIMALS)
        box.setSingleStep(0.01)
        box.setKeyboardTracking(False)
        box.setAlignment(Qt.AlignmentFlag.AlignRight)
        box.setAccessibleName(name)
        box.valueChanged.connect(lambda _value: self.changed.emit())
        return box
