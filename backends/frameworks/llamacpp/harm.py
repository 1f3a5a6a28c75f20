"""What each type would cost each matrix: ggml itself quantizes some rows, which are then compared."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf.quants import dequantize
from numpy.typing import NDArray

from backends.frameworks.llamacpp.budget import Candidate, Matrix
from backends.frameworks.llamacpp.imatrix import Importance

# None of these needs an importance matrix. The first are for rows of whole blocks of 256.
K_TYPES = ("Q2_K", "Q3_K", "IQ4_XS", "Q4_K", "Q5_K", "Q6_K", "Q8_0", "F16")
PLAIN_TYPES = ("Q4_0", "IQ4_NL", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "F16")
BLOCKS = {kind.name: block for kind, (block, _) in gguf.GGML_QUANT_SIZES.items()}
# Matrices count by their size. The embedding and the last layer act on each token undiluted: where they
# counted five times, the bundled model lost half as much (KL divergence) at the same size.
EDGES, EDGES_COUNT = ("token_embd.weight", "output.weight"), 5
ROWS = 64  # of a matrix, evenly spread, that its error is estimated from

Floats = NDArray[np.float32]


def matrices(
    ggml_base: Any,
    path: Path,
    names: Mapping[str, object],
    importance: Importance,
    step: Callable[[float], None],
) -> list[Matrix]:
    """The named matrices of a GGUF file with their candidates. ``step`` hears the fraction done."""
    quantize = _quantizer(ggml_base)
    tensors = [tensor for tensor in gguf.GGUFReader(path).tensors if tensor.name in names]
    found = []
    for done, tensor in enumerate(tensors):
        step(done / len(tensors))
        rows, elements = _some_rows(tensor), int(tensor.n_elements)
        weights = _of_columns(importance.get(tensor.name), rows.shape[1])
        matters = elements * (EDGES_COUNT if tensor.name in EDGES else 1)
        candidates = (
            Candidate(name, stored_bytes(name, elements), matters * _error(quantize, name, rows, weights))
            for name in _types_for(rows.shape[1])
        )
        found.append(Matrix(tensor.name, tuple(candidates)))
    return found


def weight_bytes(path: Path) -> tuple[int, int]:
    """Bytes of all tensors of a GGUF file, and how many weights they hold."""
    tensors = gguf.GGUFReader(path).tensors
    return sum(int(one.n_bytes) for one in tensors), sum(int(one.n_elements) for one in tensors)


def types_in(path: Path) -> dict[str, str]:
    """Tensor name → type, as it stands in a file."""
    return {tensor.name: tensor.tensor_type.name for tensor in gguf.GGUFReader(path).tensors}


def _of_columns(importance: Floats | None, columns: int) -> Floats | None:
    """Experts share their matrix's type, so their columns count as they do on average."""
    return None if importance is None else importance.reshape(-1, columns).mean(0, dtype=np.float32)


def _types_for(length: int) -> tuple[str, ...]:
    """Those whose blocks fill a row of this length."""
    types = K_TYPES if length % BLOCKS["Q4_K"] == 0 else PLAIN_TYPES
    return tuple(name for name in types if length % BLOCKS[name] == 0)


def _some_rows(tensor: Any) -> Floats:
    data = tensor.data.reshape(-1, tensor.data.shape[-1])
    chosen = np.unique(np.linspace(0, len(data) - 1, min(ROWS, len(data))).astype(np.int64))
    rows: Floats = dequantize(np.ascontiguousarray(data[chosen]), tensor.tensor_type)
    return np.ascontiguousarray(rows, np.float32)


def stored_bytes(name: str, elements: int) -> int:
    """Of so many weights of a type, however that is spelled."""
    spelled = {kind.name.lower(): kind for kind in gguf.GGMLQuantizationType}
    block, size = gguf.GGML_QUANT_SIZES[spelled[name.lower()]]
    return int(elements // block * size)


def _error(quantize: Any, name: str, rows: Floats, weights: Floats | None) -> float:
    """Mean square of what is lost over that of what was there, columns weighed by their importance."""
    kind = gguf.GGMLQuantizationType[name]
    block, size = gguf.GGML_QUANT_SIZES[kind]
    length = rows.shape[1]
    packed = np.empty((len(rows), length // block * size), np.uint8)
    quantize(int(kind), _floats(rows), packed.ctypes.data, 0, len(rows), length, _floats(weights))
    view = packed.view(np.float16) if name == "F16" else packed
    lost = (dequantize(view, kind).astype(np.float64) - rows) ** 2
    columns = np.ones(length) if weights is None else weights.astype(np.float64)
    return float((lost * columns).sum() / max((rows.astype(np.float64) ** 2 * columns).sum(), 1e-30))


def _floats(array: Floats | None) -> Any:
    return None if array is None else array.ctypes.data_as(ctypes.POINTER(ctypes.c_float))


def _quantizer(ggml_base: Any) -> Any:
    """``ggml_quantize_chunk(type, from, to, first, rows, row length, importance)``."""
    call = ggml_base.ggml_quantize_chunk
    floats = ctypes.POINTER(ctypes.c_float)
    call.argtypes = [ctypes.c_int, floats, ctypes.c_void_p, *[ctypes.c_int64] * 3, floats]
    call.restype = ctypes.c_size_t
    return call
