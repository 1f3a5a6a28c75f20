"""Blockwise quantization: error bounds, packing, and what each method promises."""

from __future__ import annotations

import numpy as np
import pytest

from backends.domain.errors import JobCancelled
from backends.frameworks.onnxruntime import blocks
from backends.frameworks.onnxruntime.blocks import METHODS, pack, quantize_rows

ROWS = np.random.default_rng(0).standard_normal((40, 80)).astype(np.float32)


def restored(rows: np.ndarray, bits: int, method: str, symmetric: bool, block: int = 32) -> np.ndarray:
    quantized = quantize_rows(rows, bits, block, method, symmetric, lambda: None)
    return quantized.restored(bits).reshape(len(rows), -1)[:, : rows.shape[1]]


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("symmetric", [True, False])
def test_rounding_errs_by_half_a_step_at_most(bits: int, symmetric: bool) -> None:
    """The width of 80 is no multiple of the block: the rest of the last block is padding."""
    quantized = quantize_rows(ROWS, bits, 32, "rtn", symmetric, lambda: None)
    error = np.abs(restored(ROWS, bits, "rtn", symmetric) - ROWS)
    steps = np.repeat(np.abs(quantized.scales), 32, axis=1)[:, : ROWS.shape[1]]
    clipped = 1.0 if symmetric else 0.5  # the far end of a symmetric range has one code less
    assert (error <= steps * (clipped + 1e-3)).all()
    assert (quantized.zeros is None) == symmetric


@pytest.mark.parametrize("method", METHODS)
def test_extremes_survive(method: str) -> None:
    constant = np.full((2, 32), 3.0, np.float32)
    zeros = np.zeros((2, 32), np.float32)
    np.testing.assert_allclose(restored(constant, 4, method, False), constant, rtol=1e-3)
    np.testing.assert_allclose(restored(zeros, 4, method, False), zeros, atol=1e-6)


@pytest.mark.parametrize("method", ["hqq", "k_quant"])
def test_searching_beats_rounding(method: str) -> None:
    rows = np.random.default_rng(1).standard_t(4, (64, 256)).astype(np.float32)

    def error(how: str) -> float:
        return float(np.abs(restored(rows, 4, how, False) - rows).mean())

    assert error(method) < error("rtn")


def test_four_bit_codes_lie_two_in_a_byte_the_first_low() -> None:
    codes = np.array([[1, 2, 15]], np.uint8)
    np.testing.assert_array_equal(pack(codes, 4), [[0x21, 0x0F]])
    np.testing.assert_array_equal(pack(codes, 8), codes)


def test_it_can_be_stopped_between_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "CHUNK_ELEMENTS", 8 * ROWS.shape[1])
    ticks = []

    def tick() -> None:
        ticks.append(1)
        if len(ticks) == 3:
            raise JobCancelled

    with pytest.raises(JobCancelled):
        quantize_rows(ROWS, 4, 32, "rtn", True, tick)
    assert len(ticks) == 3
