"""The importance matrix from tensors laid out by the test, without any native library."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from backends.domain.errors import BadInput
from backends.frameworks.llamacpp import imatrix
from backends.frameworks.llamacpp.imatrix import Collector
from backends.frameworks.llamacpp.tensor import F32, GgmlTensor, float_rows

MATMUL = 29


def tensor(name: bytes, data: NDArray[np.float32] | None = None) -> GgmlTensor:
    made = GgmlTensor(type=F32, name=name)
    if data is not None:
        made.data = data.ctypes.data
        made.ne[:] = [*reversed(data.shape), *[1] * (4 - data.ndim)]
        made.nb[:] = [*reversed(data.strides), *[data.nbytes] * (4 - data.ndim)]
    else:
        made.ne[:] = [1, 1, 1, 1]
    return made


def product(weight: GgmlTensor, activations: GgmlTensor, op: int = MATMUL) -> GgmlTensor:
    made = GgmlTensor(op=op)
    made.src[0], made.src[1] = ctypes.addressof(weight), ctypes.addressof(activations)
    return made


def rows(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal((count, 8)).astype(np.float32)


def show(collector: Collector, seen: GgmlTensor) -> bool:
    """As ggml does: ask first, hand over only what is wanted."""
    address = ctypes.addressof(seen)
    wanted = collector.observe(address, True, None)
    if wanted:
        collector.observe(address, False, None)
    return wanted


def test_mean_squares_over_several_graphs() -> None:
    collector = Collector(MATMUL)
    weight, first, second = tensor(b"blk.0.attn_q.weight"), rows(16), rows(32)[16:] * 2
    assert show(collector, product(weight, tensor(b"x", first)))
    assert show(collector, product(weight, tensor(b"x", second)))
    expected = (np.concatenate([first, second]) ** 2).mean(axis=0)
    np.testing.assert_allclose(collector.importance()["blk.0.attn_q.weight"], expected, rtol=1e-6)
    assert collector.error is None


def test_only_matrices_of_layers_and_whole_batches_count() -> None:
    collector = Collector(MATMUL)
    block, data = tensor(b"blk.0.attn_q.weight"), rows(16)
    few = rows(3)
    assert not show(collector, product(block, tensor(b"x", data), op=MATMUL + 1))
    assert not show(collector, product(tensor(b"output.weight"), tensor(b"x", data)))
    assert not show(collector, product(tensor(b"cache_k_l0"), tensor(b"x", data)))
    assert not show(collector, product(block, tensor(b"x", few)))
    assert collector.importance() == {}


def test_an_error_in_the_callback_is_kept_and_never_raised() -> None:
    collector = Collector(MATMUL)
    bad = np.ones((16, 8), np.float32)
    weight, activations = tensor(b"blk.0.\xff.weight"), tensor(b"x", bad)
    assert show(collector, product(weight, activations))
    assert isinstance(collector.error, UnicodeDecodeError)


def test_rows_of_a_padded_tensor() -> None:
    data = np.arange(60, dtype=np.float32).reshape(5, 12)[:, :8]
    np.testing.assert_array_equal(float_rows(tensor(b"x", data)), data)


def test_text_becomes_whole_chunks_that_begin_as_the_model_expects() -> None:
    ids = list(range(10, 10 + 3 * imatrix.CHUNK_TOKENS - 1))
    with_bos, without = imatrix.chunked(ids, 9, 1), imatrix.chunked(ids, 1, None)
    assert [len(chunk) for chunk in with_bos] == [imatrix.CHUNK_TOKENS] * 2
    assert [chunk[0] for chunk in with_bos] == [1, 1]
    assert without[0][0] == 10
    assert len(without) == 1
    assert imatrix.chunked(ids[:100], 9, 1) == []


def test_a_text_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nothing\.txt"):
        imatrix.read_text(tmp_path / "nothing.txt")
