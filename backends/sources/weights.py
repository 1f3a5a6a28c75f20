"""Random weights in a safetensors file, piece by piece: memory does not grow with the model.

Layout: https://huggingface.co/docs/safetensors#format
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from backends.sources.architectures import Filling, TensorShape

ELEMENT_BYTES = 2
PIECE_ELEMENTS = 2**22
DTYPES = ("F16", "BF16")

Report = Callable[[int], None]  # called with the bytes written since the last time; may raise to stop


def header(tensors: Sequence[TensorShape], dtype: str, metadata: dict[str, str]) -> bytes:
    """Length and JSON of the header, padded to eight bytes as the format's own writers do."""
    ends = list(accumulate(tensor.elements * ELEMENT_BYTES for tensor in tensors))
    entries: dict[str, object] = {"__metadata__": metadata}
    for tensor, begin, end in zip(tensors, [0, *ends], ends, strict=False):
        entries[tensor.name] = {"dtype": dtype, "shape": tensor.shape, "data_offsets": (begin, end)}
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def write_weights(
    file: BinaryIO, tensors: Iterable[TensorShape], dtype: str, spread: float, layers: int, report: Report
) -> None:
    """The data of ``tensors``, the same every time.

    ``spread``: standard deviation of the weights (a configuration's ``initializer_range``). Matrices that add
    to the residual stream get less of it the more ``layers`` there are, so that activations stay finite.
    """
    generator = np.random.Generator(np.random.PCG64(tensors_seed(spread, layers)))
    scales = {Filling.RANDOM: spread, Filling.RESIDUAL: spread / math.sqrt(2 * layers)}
    for tensor in tensors:
        left = tensor.elements
        while left:
            count = min(left, PIECE_ELEMENTS)
            if tensor.filling in scales:
                values = generator.standard_normal(count, dtype=np.float32) * np.float32(
                    scales[tensor.filling]
                )
            else:
                values = np.full(count, tensor.filling is Filling.ONES, dtype=np.float32)
            report(file.write(_encoded(values, dtype)))
            left -= count


def tensors_seed(spread: float, layers: int) -> int:
    """One seed a kind of model: equal shapes give equal files."""
    return 20261121 + layers + round(spread * 1e6)


def _encoded(values: NDArray[np.float32], dtype: str) -> memoryview:
    if dtype == "F16":
        return values.astype("<f2").data
    bits = values.view(np.uint32)  # BF16 is the upper half of a float32, rounded to even
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2").data
