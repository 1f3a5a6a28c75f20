"""Blockwise weight quantization in NumPy, laid out for ONNX Runtime's MatMulNBits and GatherBlockQuantized.

A weight row is cut into blocks; each block has a scale and a zero point: w ≈ (q − zero) · scale.
ONNX Runtime has these methods too, but its module asks for onnx-ir, and its HQQ for torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
CHUNK_ELEMENTS = 1 << 21  # bounds the intermediate arrays to some tens of megabytes
SMALLEST = np.float32(1e-12)


@dataclass(frozen=True)
class Quantized:
    """``codes`` (rows, blocks, block) and one scale and zero point a block."""

    codes: NDArray[np.uint8]
    scales: Floats
    zeros: NDArray[Any] | None  # whole (uint8) or fractions; ``None``: 2^(bits−1) everywhere

    def restored(self, bits: int) -> Floats:
        zeros = (
            np.float32(1 << (bits - 1)) if self.zeros is None else self.zeros.astype(np.float32)[..., None]
        )
        restored: Floats = (self.codes.astype(np.float32) - zeros) * self.scales[..., None]
        return restored


def quantize_rows(
    rows: Floats, bits: int, block: int, method: str, symmetric: bool, tick: Callable[[], None]
) -> Quantized:
    """Quantize every row of a (rows, width) matrix. ``method``: "rtn", "hqq" or "k_quant".

    ``symmetric`` is for round-to-nearest only; the other two find zero points of their own. ``tick`` is
    called between chunks and may raise.
    """
    parts = []
    for blocks in _chunks(rows, block):
        tick()
        parts.append(_METHODS[method](blocks, bits) if method != "rtn" else _rtn(blocks, bits, symmetric))
    zeros = [part.zeros for part in parts if part.zeros is not None]
    return Quantized(
        np.concatenate([part.codes for part in parts]),
        np.concatenate([part.scales for part in parts]),
        np.concatenate(zeros) if zeros else None,
    )


def pack(codes: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """Along the last axis: two 4-bit codes a byte, the first in the low half; an odd last one alone."""
    if bits == 8:
        return codes
    if codes.shape[-1] % 2:
        codes = np.concatenate([codes, np.zeros((*codes.shape[:-1], 1), np.uint8)], axis=-1)
    packed: NDArray[np.uint8] = codes[..., 0::2] | (codes[..., 1::2] << np.uint8(4))
    return packed


def _chunks(rows: Floats, block: int) -> Iterator[Floats]:
    """(rows, blocks, block), the last block padded with zeros."""
    count, width = rows.shape
    step = max(1, CHUNK_ELEMENTS // max(1, width))
    for start in range(0, count, step):
        part = np.asarray(rows[start : start + step], dtype=np.float32)
        padded = np.pad(part, ((0, 0), (0, -width % block)))
        yield padded.reshape(len(part), -1, block)


def _rtn(blocks: Floats, bits: int, symmetric: bool) -> Quantized:
    if not symmetric:
        return _affine(blocks, *_range(blocks, bits), bits)
    low, high = blocks.min(-1), blocks.max(-1)
    extreme = np.where(
        np.abs(high) > np.abs(low), high, low
    )  # the extreme lands on the code without a mirror
    half = 1 << (bits - 1)
    scales = np.where(extreme == 0, np.float32(1), -extreme / half).astype(np.float32)
    codes = np.clip(np.rint(blocks / scales[..., None]) + half, 0, 2 * half - 1).astype(np.uint8)
    return Quantized(codes, scales, None)


def _range(blocks: Floats, bits: int) -> tuple[Floats, Floats]:
    """Scale and (fractional) zero point that span a block and contain zero."""
    low = np.minimum(blocks.min(-1), 0)
    high = np.maximum(blocks.max(-1), 0)
    scales = np.maximum((high - low) / ((1 << bits) - 1), SMALLEST).astype(np.float32)
    return scales, (-low / scales).astype(np.float32)


def _affine(blocks: Floats, scales: Floats, zeros: Floats, bits: int) -> Quantized:
    top = (1 << bits) - 1
    whole = np.clip(np.rint(zeros), 0, top)
    codes = np.clip(np.rint(blocks / scales[..., None] + whole[..., None]), 0, top)
    return Quantized(codes.astype(np.uint8), scales.astype(np.float32), whole.astype(np.uint8))


def _hqq(blocks: Floats, bits: int) -> Quantized:
    """Half-quadratic quantization (Badri & Shaji 2023): zero points that minimise an l_0.7 norm of the error.

    They are fractions, for which ONNX Runtime has a slower kernel; rounded they would be worth nothing.
    """
    scales, zeros = _range(blocks, bits)
    zeros = np.rint(zeros)
    top, beta, power = (1 << bits) - 1, 10.0, 0.7
    least = np.inf
    for _ in range(20):
        codes = np.clip(np.rint(blocks / scales[..., None] + zeros[..., None]), 0, top)
        error = blocks - (codes - zeros[..., None]) * scales[..., None]
        size = np.abs(error)
        if float(size.mean()) >= least:
            break
        least = float(size.mean())
        shrunk = np.sign(error) * np.maximum(size - (size + 1e-8) ** (power - 1) / beta, 0)
        zeros = (codes - (blocks - shrunk) / scales[..., None]).mean(-1).astype(np.float32)
        beta *= 1.01
    codes = np.clip(np.rint(blocks / scales[..., None] + zeros[..., None]), 0, top)
    return Quantized(codes.astype(np.uint8), scales, zeros)


def _k_quant(blocks: Floats, bits: int) -> Quantized:
    """Search over scales as llama.cpp does for its K-quants: the one with the least weighted square error.

    An element's weight is the block's root mean square plus its own size.
    """
    weights = np.sqrt((blocks**2).mean(-1, keepdims=True)) + np.abs(blocks)
    scales, zeros = _range(blocks, bits)
    best = _affine(blocks, scales, zeros, bits)
    least = _loss(blocks, best, weights, bits)
    for shrink in np.linspace(0.75, 1.05, 13, dtype=np.float32):
        tried = _refit(blocks, _affine(blocks, scales * shrink, zeros / shrink, bits), weights, bits)
        loss = _loss(blocks, tried, weights, bits)
        better = loss < least
        best, least = _merge(better, tried, best), np.where(better, loss, least)
    return best


def _refit(blocks: Floats, guess: Quantized, weights: Floats, bits: int) -> Quantized:
    """The scale that fits these codes best (weighted least squares), and codes anew for it."""
    assert guess.zeros is not None
    centred = guess.codes.astype(np.float32) - guess.zeros.astype(np.float32)[..., None]
    below = (weights * centred**2).sum(-1)
    fitted = (weights * centred * blocks).sum(-1) / np.maximum(below, SMALLEST)
    scales = np.where((below > 0) & (fitted > SMALLEST), fitted, guess.scales).astype(np.float32)
    return _affine(blocks, scales, guess.zeros.astype(np.float32), bits)


def _loss(blocks: Floats, quantized: Quantized, weights: Floats, bits: int) -> Any:
    return (weights * (blocks - quantized.restored(bits)) ** 2).sum(-1)


def _merge(better: Any, new: Quantized, old: Quantized) -> Quantized:
    assert new.zeros is not None
    assert old.zeros is not None
    return Quantized(
        np.where(better[..., None], new.codes, old.codes),
        np.where(better, new.scales, old.scales),
        np.where(better, new.zeros, old.zeros),
    )


_METHODS: dict[str, Callable[[Floats, int], Quantized]] = {"hqq": _hqq, "k_quant": _k_quant}
METHODS = ("rtn", *_METHODS)
