"""Decode speed before anything has run, from the bandwidth measured on this machine.

Decode reads every weight once for every token, so it is bound by memory bandwidth: tokens/s ≈ bandwidth ×
efficiency ÷ bytes read per token, less a fixed cost for every layer (Williams, Waterman & Patterson 2009,
"Roofline"). The efficiency of a kernel that has not been measured here is only known within a wide band, so
the prediction is an interval and says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from backends.domain.hardware import Throughput
from backends.domain.model import ModelKind, ModelProfile

EFFICIENCY = (0.30, 0.95)  # share of the measured bandwidth that decode kernels reach
LAYER_COST_S = (5e-6, 150e-6)  # launch, synchronization and small operators, per layer and token


@dataclass(frozen=True)
class Prediction:
    """Tokens per second, as a range; ``basis`` says what it rests on."""

    low: float
    high: float
    basis: str

    @property
    def estimate(self) -> float:
        return math.sqrt(self.low * self.high)


def decode_tokens_per_s(
    model: ModelProfile, weight_bytes: int, throughput: Throughput | None
) -> Prediction | None:
    """``None`` where there is nothing to rest a figure on: no language model, or no measured bandwidth."""
    if throughput is None or model.kind != ModelKind.LANGUAGE or weight_bytes <= 0:
        return None
    layers = model.layers or 0
    slow_s = weight_bytes / (throughput.read_bytes_per_s * EFFICIENCY[0]) + layers * LAYER_COST_S[1]
    fast_s = weight_bytes / (throughput.read_bytes_per_s * EFFICIENCY[1]) + layers * LAYER_COST_S[0]
    basis = f"{throughput.read_bytes_per_s / 1e9:.1f} GB/s measured here, no kernel of this kind measured yet"
    return Prediction(1 / slow_s, 1 / fast_s, basis)
