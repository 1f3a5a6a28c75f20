"""Seeded inputs for a model of named tensors that nobody gave data for. Pure.

They time a model and hold two engines against each other; they say nothing of how good it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from backends.domain.errors import BadInput
from backends.domain.model import TensorSpec

SEED = 20261121
SAMPLES = 32
# Sizes for what a model leaves open, as such models are used.
TOKENS = 128
SIDE_PIXELS = 224
CHANNELS = 3
FRAMES = 128
VALUES = 1024
IDS = 10  # drawn below this: every vocabulary, and nearly every list of classes, has so many rows
NUMBERS = "biuf"  # kinds of NumPy's types: boolean, signed, unsigned, floating point
UNNAMED = ("", "?")


def draw(inputs: Sequence[TensorSpec], samples: int = SAMPLES) -> dict[str, NDArray[np.generic]]:
    """An array for each input; ``samples`` of them where all leave their first size open, else one batch.

    Floats are uniform in 0..1. Whole numbers are ids below ten, masks are ones, kinds of token zeros and
    positions count up, because what they index must be there. Raises BadInput for a type NumPy lacks.
    """
    generator = np.random.default_rng(SEED)
    count = samples if all(is_open(spec.shape[:1]) for spec in inputs) else 1
    leading = {str(spec.shape[0]): count for spec in inputs if is_open(spec.shape[:1])}
    sizes = {**open_sizes(inputs), **{name: size for name, size in leading.items() if name not in UNNAMED}}
    arrays = {}
    for spec in inputs:
        inner = [_size(spec, axis, sizes) for axis in range(1, len(spec.shape))]
        first = [count if is_open(spec.shape[:1]) else int(spec.shape[0])] if spec.shape else []
        arrays[spec.name] = _values(spec, (*first, *inner), generator)
    return arrays


def _type(spec: TensorSpec) -> np.dtype[np.generic]:
    try:
        kind: np.dtype[np.generic] | None = np.dtype(spec.dtype or "float32")
    except TypeError:
        kind = None
    if kind is None or kind.kind not in NUMBERS:
        raise BadInput(
            f"The model's input {spec.name} takes {spec.dtype}, which NumPy has no numbers of.",
            "Choose a form of the model with inputs of another type, such as float32.",
        )
    return kind


def open_sizes(inputs: Sequence[TensorSpec]) -> dict[str, int]:
    """What is taken for each named size that a model leaves open, its batch apart: {"seq": 128}."""
    batch = {str(spec.shape[0]) for spec in inputs if spec.shape}
    found: dict[str, int] = {}
    for spec in inputs:
        for axis, size in enumerate(spec.shape[1:], start=1):
            if is_open((size,)) and str(size) not in batch:
                found.setdefault(str(size), _usual(spec, axis))
    return found


def no_longer(inputs: Sequence[TensorSpec], tokens: int) -> tuple[TensorSpec, ...]:
    """The same for a model that takes so many tokens at most: as many where that is less than usual."""
    return tuple(
        replace(spec, shape=(spec.shape[0], tokens)) if tokens < TOKENS and _is_open_text(spec) else spec
        for spec in inputs
    )


def _is_open_text(spec: TensorSpec) -> bool:
    return len(spec.shape) == 2 and is_open(spec.shape[1:]) and np.issubdtype(_type(spec), np.integer)


def is_open(sizes: Sequence[int | str]) -> bool:
    """Whether the first of ``sizes`` is there and left open."""
    return bool(sizes) and not (isinstance(sizes[0], int) and sizes[0] > 0)


def _size(spec: TensorSpec, axis: int, known: Mapping[str, int]) -> int:
    size = spec.shape[axis]
    if isinstance(size, int) and size > 0:
        return size
    return _usual(spec, axis) if size in UNNAMED or isinstance(size, int) else known[size]


def _usual(spec: TensorSpec, axis: int) -> int:
    rank = len(spec.shape)
    if np.issubdtype(_type(spec), np.integer) and rank == 2:
        return TOKENS
    if rank == 4:
        last_are_channels = spec.shape[3] in (1, 3, 4)
        return CHANNELS if axis == (3 if last_are_channels else 1) else SIDE_PIXELS
    if rank == 3 and axis == 1:
        return FRAMES
    return VALUES if rank in (2, 3) else 1


def _values(spec: TensorSpec, shape: tuple[int, ...], generator: np.random.Generator) -> NDArray[np.generic]:
    kind = _type(spec)
    if kind == np.bool_:
        return generator.random(shape) < 0.5
    if kind == np.uint8:
        return generator.integers(0, 256, shape).astype(kind)  # bytes of an image
    if np.issubdtype(kind, np.integer):
        return _whole(spec.name.lower(), shape, generator).astype(kind)
    return generator.random(shape).astype(kind)


def _whole(name: str, shape: tuple[int, ...], generator: np.random.Generator) -> NDArray[np.int64]:
    if "mask" in name:
        return np.ones(shape, dtype=np.int64)
    if "type" in name or "segment" in name:
        return np.zeros(shape, dtype=np.int64)
    if "position" in name and shape:
        return np.broadcast_to(np.arange(shape[-1]), shape)
    return generator.integers(0, IDS, shape)
