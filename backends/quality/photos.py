"""Folders of photos as people have them, and their decoding.

PNG and JPEG are decoded by Pillow, imported only when a folder is opened: the standard library has no JPEG,
Qt may not be imported here, and a decoder of our own would be wrong in some corner of the format.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.domain.errors import BadInput, FrameworkUnavailable

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
_DECODERS = ("PNG", "JPEG", "BMP", "WEBP")  # whatever the suffix: of PostScript, Pillow would run a program
_OF_A_SYSTEM = ("__MACOSX",)  # what unpacking leaves beside hidden names
_GREY = ("1", "L", "LA")

Image = NDArray[np.uint8]  # (height, width, channels), 1 or 3 channels


def folders(folder: Path) -> list[str]:
    """Names of the classes: what notebooks, editors and archives put beside them would shift all labels."""
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and _is_meant(entry))


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and _is_meant(path))


def _is_meant(path: Path) -> bool:
    return not path.name.startswith(".") and path.name not in _OF_A_SYSTEM


def decoder() -> Callable[[Path], Image]:
    """Of PNG, JPEG, BMP and WebP only; an image beyond Pillow's limit of pixels is refused, not warned of."""
    try:
        from PIL import Image as Pillow  # type: ignore[import-not-found,unused-ignore]
        from PIL import ImageOps
    except ImportError as error:
        raise FrameworkUnavailable(
            "Reading PNG and JPEG files needs Pillow, which is not installed.",
            "Install it (pip install pillow), or give the images as .npz.",
        ) from error

    bombs = (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning)
    warnings.simplefilter("error", Pillow.DecompressionBombWarning)

    def decode(path: Path) -> Image:
        try:
            with Pillow.open(path, formats=_DECODERS) as image:
                pixels = _pixels(ImageOps.exif_transpose(image))
        except bombs as error:
            raise BadInput(
                f"The image {path} is too large: {error}", "Make it smaller, or remove it."
            ) from error
        except (OSError, ValueError, SyntaxError, MemoryError) as error:
            raise BadInput(
                f"The image {path} cannot be decoded ({error}).", "Remove or replace it."
            ) from error
        return pixels

    return decode


def _pixels(image: Any) -> Image:
    """Bytes of any of Pillow's modes. Transparency is left out, as torchvision's loader does."""
    if image.mode.startswith("I"):  # 16 bits of grey, of which Pillow would cut off all above 255
        shades = np.clip(np.asarray(image).astype(np.int64), 0, 0xFFFF) >> 8
        return shades.astype(np.uint8)[..., np.newaxis]
    if image.mode in _GREY:
        return np.asarray(image.convert("L"), dtype=np.uint8)[..., np.newaxis]
    whole = image.convert("RGBA") if image.mode in ("P", "PA") else image  # a palette may hold transparency
    return np.asarray(whole.convert("RGB"), dtype=np.uint8)
