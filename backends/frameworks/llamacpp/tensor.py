"""``struct ggml_tensor`` as ctypes sees it (ggml.h of ggml 0.25, which llama-cpp-python 0.3.36 carries).

Read only in callbacks that ggml hands a tensor to. :func:`verify` asks the loaded library itself whether the
layout is still this one, so that another version yields a sentence and not rubbish.
"""

from __future__ import annotations

import ctypes
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

F32 = 0  # enum ggml_type


class GgmlTensor(ctypes.Structure):
    _fields_: ClassVar = [
        ("type", ctypes.c_int),
        ("buffer", ctypes.c_void_p),
        ("ne", ctypes.c_int64 * 4),  # elements a dimension, innermost first
        ("nb", ctypes.c_size_t * 4),  # strides in bytes
        ("op", ctypes.c_int),
        ("op_params", ctypes.c_int32 * 16),
        ("flags", ctypes.c_int32),
        ("src", ctypes.c_void_p * 10),
        ("view_src", ctypes.c_void_p),
        ("view_offs", ctypes.c_size_t),
        ("data", ctypes.c_void_p),
        ("name", ctypes.c_char * 64),
        ("extra", ctypes.c_void_p),
        ("padding", ctypes.c_char * 8),
    ]


class _InitParams(ctypes.Structure):
    _fields_: ClassVar = [("size", ctypes.c_size_t), ("buffer", ctypes.c_void_p), ("no_alloc", ctypes.c_bool)]


def source(tensor: GgmlTensor, index: int) -> GgmlTensor:
    return GgmlTensor.from_address(tensor.src[index])


def float_rows(tensor: GgmlTensor) -> NDArray[np.float32]:
    """(rows, columns): a host tensor of 32-bit floats, outer dimensions flattened; a view if possible."""
    array: NDArray[np.float32] = values(tensor, np.float32)
    return array.reshape(-1, tensor.ne[0])


def values(tensor: GgmlTensor, dtype: type[np.generic]) -> NDArray[Any]:
    """A host tensor of plain numbers as a view of four dimensions, the innermost last."""
    shape = tuple(reversed(tensor.ne))
    span = sum((tensor.ne[i] - 1) * tensor.nb[i] for i in range(4)) + np.dtype(dtype).itemsize
    memory = (ctypes.c_char * span).from_address(tensor.data)
    return np.ndarray(shape, dtype, memory, strides=tuple(reversed(tensor.nb)))


def expert_matmul_code(ggml_base: Any, matmul: int) -> int:
    """The number of the multiplication by experts' matrices, which follows the plain one; -1 if not."""
    name = ggml_base.ggml_op_name
    name.argtypes, name.restype = [ctypes.c_int], ctypes.c_char_p
    return matmul + 1 if name(matmul + 1) == b"MUL_MAT_ID" else -1


def matmul_code(ggml_base: Any) -> int | None:
    """The number of the matrix-multiplication operation, or ``None`` where the layout is not the known one.

    Builds ``a · b`` from two named tensors in a scratch context and reads everything back through
    :class:`GgmlTensor`.
    """
    init, new, multiply, name = (
        getattr(ggml_base, function)
        for function in ("ggml_init", "ggml_new_tensor_2d", "ggml_mul_mat", "ggml_set_name")
    )
    init.argtypes, init.restype = [_InitParams], ctypes.c_void_p
    new.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    multiply.argtypes = [ctypes.c_void_p] * 3
    name.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    new.restype = multiply.restype = name.restype = ctypes.c_void_p
    ggml_base.ggml_free.argtypes = [ctypes.c_void_p]
    scratch = init(_InitParams(1 << 16, None, False))
    try:
        weight, rows = new(scratch, F32, 8, 3), new(scratch, F32, 8, 5)
        name(weight, b"weight")
        product = GgmlTensor.from_address(multiply(scratch, weight, rows))
        return product.op if _is_known(product, weight, rows) else None
    finally:
        ggml_base.ggml_free(scratch)


def _is_known(product: GgmlTensor, weight: int, rows: int) -> bool:
    if (product.src[0], product.src[1]) != (weight, rows):
        return False
    found = source(product, 0)
    return (
        found.name == b"weight"
        and list(found.ne) == [8, 3, 1, 1]
        and list(found.nb) == [4, 32, 96, 96]
        and list(product.ne) == [3, 5, 1, 1]
        and bool(found.data)
    )
