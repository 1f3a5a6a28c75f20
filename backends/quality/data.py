"""Labelled images: reading them, and turning them into what a model takes.

Three forms: a folder with one subfolder a class (class index = alphabetical order), an .npz with ``images``
and ``labels``, and an IDX pair as MNIST comes. Without subfolders or ``labels`` the images have no labels,
and only fidelity can be measured. Nothing is ever unpickled.
"""

from __future__ import annotations

import gzip
import math
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from backends.domain.errors import BadInput
from backends.domain.model import TensorSpec
from backends.domain.preprocessing import Preprocessing, usual_scale
from backends.quality import photos

_IDX_IMAGES, _IDX_LABELS = 0x0803, 0x0801  # unsigned bytes in three dimensions, in one
SIGNED_OFFSET = 128.0  # between a byte and the signed byte that stands for the same brightness
_LUMA = np.array([[0.299], [0.587], [0.114]])  # ITU-R BT.601, as Pillow's "L"
_FORMS = "Give a folder with one subfolder a class, an .npz with images and labels, or an IDX pair."

Image = photos.Image


@dataclass(frozen=True)
class ImageSet:
    """Images that are loaded a few at a time.

    ``load`` gives (height, width, channels) bytes, or, where ``ready``, arrays that already are what the
    model takes, without the batch axis.
    """

    size: int
    load: Callable[[slice], list[NDArray[Any]]]
    labels: tuple[int, ...] | None
    classes: tuple[str, ...] = ()
    ready: bool = False
    names: tuple[str, ...] = ()  # of files, where each image is one


def read_images(path: Path) -> ImageSet:
    """Open a folder, an .npz or an IDX file. Raises BadInput that names the file and the remedy."""
    if path.is_dir():
        return read_folder(path)
    if not path.is_file():
        raise BadInput(f"There is no file or folder {path}.", _FORMS)
    if path.suffix == ".npz":
        return read_npz(path)
    if "idx" in path.name:
        return read_idx(path)
    raise BadInput(f"{path} is no labelled image data.", _FORMS)


def read_folder(folder: Path) -> ImageSet:
    """One subfolder a class; or images right in the folder, then without labels."""
    classes = photos.folders(folder)
    files = [photos.files(folder / name) for name in classes] if classes else [photos.files(folder)]
    paths = [path for group in files for path in group]
    if not paths:
        raise BadInput(f"The folder {folder} holds no images ({', '.join(photos.SUFFIXES)}).", _FORMS)
    labels = tuple(index for index, group in enumerate(files) for _ in group) if classes else None
    decode = photos.decoder()
    return ImageSet(
        len(paths),
        lambda part: [decode(path) for path in paths[part]],
        labels,
        tuple(classes),
        names=tuple(path.relative_to(folder).as_posix() for path in paths),
    )


def read_npz(path: Path) -> ImageSet:
    """``images`` with ``labels`` (n,) or without.

    Bytes are (n, height, width), (n, height, width, 1 or 3) or (n, 1 or 3, height, width). Floats are taken
    as the model's own input, whatever their shape.
    """
    damage = (OSError, ValueError, TypeError, EOFError, MemoryError, NotImplementedError, RuntimeError)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in ("images", "labels") if name in archive.files}
    except (*damage, zipfile.BadZipFile, zlib.error) as error:
        raise BadInput(f"{path} is damaged or holds more than plain arrays.", _FORMS) from error
    if "images" not in arrays or arrays["images"].ndim < 2 or not len(arrays["images"]):
        raise BadInput(f'{path} has no array "images" of at least two dimensions.', _FORMS)
    images = arrays["images"]
    labels = _labels(arrays["labels"], len(images), path) if "labels" in arrays else None
    if np.issubdtype(images.dtype, np.floating):
        return ImageSet(len(images), lambda part: list(images[part]), labels, ready=True)
    pixels = _as_pixels(images, path)
    return ImageSet(len(pixels), lambda part: list(pixels[part]), labels)


def _labels(array: NDArray[Any], images: int, path: Path) -> tuple[int, ...]:
    if array.shape != (images,):
        raise BadInput(f"{path} has {images:,} images but labels of shape {array.shape}.", _FORMS)
    if not np.issubdtype(array.dtype, np.integer) or array.min() < 0:
        raise BadInput(f"{path}: labels are class numbers from 0, not {array.dtype}.", _FORMS)
    return tuple(array.tolist())


def _as_pixels(images: NDArray[Any], path: Path) -> NDArray[np.uint8]:
    """(n, height, width, channels) from any of the layouts of :func:`read_npz`."""
    if images.dtype != np.uint8:
        raise BadInput(f"{path}: images are bytes or floats, not {images.dtype}.", _FORMS)
    if images.ndim == 3:
        return images[:, :, :, np.newaxis]
    if images.ndim == 4 and images.shape[3] in (1, 3):
        return images
    if images.ndim == 4 and images.shape[1] in (1, 3):
        return images.transpose(0, 2, 3, 1)
    raise BadInput(f"{path}: images of shape {images.shape} are neither grey nor RGB.", _FORMS)


def read_idx(path: Path) -> ImageSet:
    """``…images-idx3-ubyte`` with the labels beside it, ``.gz`` or plain (yann.lecun.com/exdb/mnist)."""
    images = _idx_array(path, _IDX_IMAGES)
    name = path.name.replace("images", "labels").replace("idx3", "idx1")
    beside = next((path.with_name(n) for n in (name, name.removesuffix(".gz")) if n != path.name), path)
    labels = None
    if beside != path and beside.is_file():
        labels = _labels(_idx_array(beside, _IDX_LABELS), len(images), beside)
    return ImageSet(len(images), lambda part: list(images[part, :, :, np.newaxis]), labels)


def _idx_array(path: Path, magic: int) -> NDArray[np.uint8]:
    dimensions = magic & 0xFF
    try:
        with _plain(path) as file:
            found, *shape = struct.unpack(f">{1 + dimensions}I", file.read(4 + 4 * dimensions))
            if found != magic:
                raise ValueError(f"magic {found:#x}")
            # One byte more than promised, so that a longer file is noticed without reading all of it.
            content = file.read(math.prod(shape) + 1)
        return np.frombuffer(content, np.uint8).reshape(shape)
    except (OSError, ValueError, EOFError, MemoryError, OverflowError, struct.error, zlib.error) as error:
        raise BadInput(f"{path} is no complete IDX file of bytes ({error}).", _FORMS) from error


def _plain(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def prepare(preprocessing: Preprocessing, images: Sequence[Image]) -> NDArray[Any]:
    """(height, width, channels) bytes of any size → one batch of the model's input. Raises BadInput."""
    wanted = preprocessing
    if wanted.problem:
        raise BadInput(wanted.problem, "Set the preprocessing again.")
    sized = np.stack([_sized(_channels(image, wanted.channels), wanted) for image in images])
    ordered = sized[..., ::-1] if wanted.channel_order == "BGR" else sized
    values = (ordered * wanted.scale - np.array(wanted.mean)) / np.array(wanted.std)
    if wanted.layout == "NCHW":
        values = values.transpose(0, 3, 1, 2)
    elif wanted.layout == "NHW":
        values = values[..., 0]
    elif wanted.layout == "NF":
        values = values.reshape(len(values), -1)
    return np.ascontiguousarray(_in_range(values, np.dtype(wanted.dtype)), dtype=wanted.dtype)


def _in_range(values: NDArray[np.float64], kind: np.dtype[Any]) -> NDArray[np.float64]:
    """Rounded, and held to what a whole number can be: a cast alone cuts off and wraps around."""
    if not np.issubdtype(kind, np.integer):
        return values
    limits = np.iinfo(kind)
    return np.clip(np.rint(values), limits.min, limits.max)


def preprocessing_for(
    spec: TensorSpec,
    first: Image,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
) -> Preprocessing:
    """The preprocessing an input's shape and type ask for; open sizes follow the first image.

    Mean and standard deviation of pixels in 0..1 are in no model file: the user knows them. An input of whole
    numbers takes the bytes themselves, one of signed bytes with 128 taken off; figures for it are of bytes.
    """
    own_height, own_width, own_channels = first.shape
    sizes = [size if isinstance(size, int) and size > 0 else None for size in spec.shape[1:]]
    layout, height, width, channels = _layout(sizes, own_channels)
    if layout == "":
        raise BadInput(
            f"The model's input {spec.name} has the shape {spec.shape}, which is no image.",
            "Give its inputs as floats in an .npz.",
        )
    if layout == "NF":
        height, width, channels = first.shape
        if sizes[0] not in (None, first.size):
            raise BadInput(f"The model takes {sizes[0]:,} values, an image has {first.size:,}.", _FORMS)
    dtype = spec.dtype if spec.dtype else "float32"
    scale = usual_scale(dtype)
    centre = SIGNED_OFFSET if dtype == "int8" else 0.0
    return Preprocessing(
        height or own_height,
        width or own_width,
        channels or own_channels,
        layout,
        scale,
        mean or (centre,),
        std or (1.0,),
        dtype,
    )


def _layout(sizes: list[int | None], own_channels: int) -> tuple[str, int | None, int | None, int | None]:
    """Layout, height, width, channels of an input's shape without the batch axis; "" where it is no image."""
    match sizes:
        case [1 | 3 as channels, height, width]:
            return "NCHW", height, width, channels
        case [height, width, 1 | 3 as channels]:
            return "NHWC", height, width, channels
        case [None, height, width]:
            return "NCHW", height, width, own_channels
        case [height, width]:
            return "NHW", height, width, 1
        case [_]:
            return "NF", None, None, None
    return "", None, None, None


def _channels(image: Image, channels: int) -> NDArray[np.float64]:
    pixels = image.astype(np.float64)
    if pixels.shape[2] == channels:
        return pixels
    if channels == 1:
        return np.asarray(pixels @ _LUMA)
    return np.repeat(pixels, channels, axis=2)


def _sized(image: NDArray[np.float64], wanted: Preprocessing) -> NDArray[np.float64]:
    """All of it, or the middle of what has the wanted shorter side."""
    if not wanted.shorter_side:
        return resize(image, wanted.height, wanted.width)
    height, width = image.shape[:2]
    share = wanted.shorter_side / min(height, width)
    whole = resize(image, max(wanted.height, round(height * share)), max(wanted.width, round(width * share)))
    top, left = (whole.shape[0] - wanted.height) // 2, (whole.shape[1] - wanted.width) // 2
    return whole[top : top + wanted.height, left : left + wanted.width]


def resize(image: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """Bilinear with antialiasing, as Pillow's BILINEAR and torchvision's ``antialias=True``."""
    if image.shape[:2] == (height, width):
        return image
    rows = _resampling(image.shape[0], height)
    columns = _resampling(image.shape[1], width)
    return np.asarray(np.einsum("hi,ijc,wj->hwc", rows, image, columns, optimize=True))


def _resampling(size: int, wanted: int) -> NDArray[np.float64]:
    """(wanted, size) weights: a triangle as wide as one output pixel, at least one input pixel."""
    step = size / wanted
    centres = (np.arange(wanted)[:, np.newaxis] + 0.5) * step - 0.5
    weights = np.maximum(0.0, 1 - np.abs(np.arange(size) - centres) / max(step, 1.0))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
