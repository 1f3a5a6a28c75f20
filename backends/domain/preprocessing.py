"""How an image becomes a model's input. Kept with the artifact, so that whoever runs it does the same."""

from __future__ import annotations

from dataclasses import dataclass

LAYOUTS = ("NCHW", "NHWC", "NHW", "NF")  # "NF": one flat row
CHANNEL_ORDERS = ("RGB", "BGR")


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

    @property
    def problem(self) -> str:
        """What is wrong with it, as a sentence; empty where it can be used."""
        if min(self.height, self.width) < 1 or self.channels not in (1, 3):
            return "An image has a height and a width of 1 or more, and 1 or 3 channels."
        if self.layout not in LAYOUTS:
            return f"There is no layout “{self.layout}”: it is one of {', '.join(LAYOUTS)}."
        if self.channel_order not in CHANNEL_ORDERS:
            return f"There is no channel order “{self.channel_order}”: it is RGB or BGR."
        if not {len(self.mean), len(self.std)} <= {1, self.channels}:
            return f"Mean and standard deviation hold one figure, or {self.channels}, one for each channel."
        if not all(value > 0 for value in self.std):
            return "A standard deviation is above zero."
        return ""


def usual_scale(dtype: str) -> float:
    """Of an input of this type: whole numbers take the bytes themselves, all others values of 0 to 1."""
    return 1.0 if "int" in dtype else 1 / 255
