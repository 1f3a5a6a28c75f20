"""How an image becomes a model's input. Kept with the artifact, so that whoever runs it does the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LAYOUTS = ("NCHW", "NHWC", "NHW", "NF")  # "NF": one flat row
CHANNEL_ORDERS = ("RGB", "BGR")
PROCESSOR = "preprocessor_config.json"  # beside a Hugging Face model: what its image processor does
PIXELS = "pixel_values"  # what such a model's input is called
_USUAL_SIDE_PIXELS = 224
_USUAL_CHANNELS = 3
_WHOLE_FROM_PIXELS = 384  # from this size on, processors with a "crop_pct" cut nothing off


@dataclass(frozen=True)
class Preprocessing:
    """Resize, order the channels, ``(value · scale − mean) ÷ std`` per channel, lay out.

    ``mean`` and ``std`` hold one figure for all channels, or one for each in the order of ``channel_order``.
    """

    height: int
    width: int
    channels: int
    layout: str = "NCHW"  # one of LAYOUTS
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    dtype: str = "float32"
    channel_order: str = "RGB"  # one of CHANNEL_ORDERS; of no effect where there is one channel
    shorter_side: int = 0  # pixels it is resized to before the middle is cut out; 0: all of it is resized

    @property
    def problem(self) -> str:
        """What is wrong with it, as a sentence; empty where it can be used."""
        if min(self.height, self.width) < 1 or self.channels not in (1, 3):
            return "An image has a height and a width of 1 or more, and 1 or 3 channels."
        if self.layout not in LAYOUTS:
            return f"There is no layout “{self.layout}”: it is one of {', '.join(LAYOUTS)}."
        if self.channel_order not in CHANNEL_ORDERS:
            return f"There is no channel order “{self.channel_order}”: it is RGB or BGR."
        if self.shorter_side and self.shorter_side < max(self.height, self.width):
            return f"No {self.height}×{self.width} can be cut out of a side of {self.shorter_side}."
        if not {len(self.mean), len(self.std)} <= {1, self.channels}:
            return f"Mean and standard deviation hold one figure, or {self.channels}, one for each channel."
        if not all(value > 0 for value in self.std):
            return "A standard deviation is above zero."
        return ""


def usual_scale(dtype: str) -> float:
    """Of an input of this type: whole numbers take the bytes themselves, all others values of 0 to 1."""
    return 1.0 if "int" in dtype else 1 / 255


def told_by(processor: Mapping[str, Any]) -> Preprocessing | None:
    """What a Hugging Face image processor's configuration says; ``None`` where that is no fixed size.

    https://huggingface.co/docs/transformers/main_classes/image_processor names the keys. Of the ways to
    resize only the bilinear one is done here.
    """
    try:
        size = _size(processor)
        if size is None:
            return None
        height, width, shorter_side = size
        mean, std = _figures(processor, "image_mean", 0.0), _figures(processor, "image_std", 1.0)
        scale = float(processor.get("rescale_factor", 1 / 255)) if processor.get("do_rescale", True) else 1.0
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        return None
    channels = max(len(mean), len(std))
    found = Preprocessing(height, width, channels, "NCHW", scale, mean, std, shorter_side=shorter_side)
    return None if found.problem else found


def image_shape(config: Mapping[str, Any], processor: Mapping[str, Any] | None) -> tuple[int, int, int]:
    """(channels, height, width) that a Hugging Face model is made for, as far as its files tell."""
    channels = config.get("num_channels")
    try:
        size = _pair(config.get("image_size"))
    except (TypeError, ValueError, OverflowError):
        size = None
    told = told_by(processor) if processor and size is None else None
    height, width = size or ((told.height, told.width) if told else (_USUAL_SIDE_PIXELS,) * 2)
    return channels if isinstance(channels, int) and channels > 0 else _USUAL_CHANNELS, height, width


def _size(processor: Mapping[str, Any]) -> tuple[int, int, int] | None:
    """Height and width of the input, and what the shorter side is resized to first, or 0."""
    size = processor.get("size")
    edge = size.get("shortest_edge") if isinstance(size, Mapping) else size
    if processor.get("do_center_crop"):
        cut = _pair(processor.get("crop_size"))
        return (*cut, int(edge or max(cut))) if cut else None
    share = processor.get("crop_pct")
    if edge is not None and share is not None and int(edge) < _WHOLE_FROM_PIXELS:
        return int(edge), int(edge), int(int(edge) / float(share))
    whole = _pair(size if edge is None else edge)
    return (*whole, 0) if whole else None


def _pair(size: Any) -> tuple[int, int] | None:
    if isinstance(size, Mapping):
        return (int(size["height"]), int(size["width"])) if {"height", "width"} <= size.keys() else None
    if isinstance(size, list):
        height, width = map(int, size)
        return height, width
    return None if size is None else (int(size), int(size))


def _figures(processor: Mapping[str, Any], key: str, without: float) -> tuple[float, ...]:
    told = processor.get(key) if processor.get("do_normalize", True) else None
    if told is None:
        return (without,) * 3
    return tuple(map(float, told)) if isinstance(told, list) else (float(told),) * 3
