"""How much memory a model will take at a precision, and whether that is there."""

from __future__ import annotations

from dataclasses import dataclass

from backends.domain.hardware import HardwareProfile
from backends.domain.model import ModelProfile
from backends.frameworks.base import PrecisionSpec

CONTEXT_TOKENS = 1024
RUNTIME_BYTES = 150_000_000  # a framework's own libraries and buffers, order of magnitude


@dataclass(frozen=True)
class MemoryFit:
    """Expected bytes while running, and their share of what is free; ``None`` where that is not known."""

    weight_bytes: int
    total_bytes: int
    share_of_free: float | None

    @property
    def fits(self) -> bool:
        return self.share_of_free is None or self.share_of_free <= 0.9


def expected_weight_bytes(model: ModelProfile, precision: PrecisionSpec) -> int:
    return int(model.contents.parameters * precision.bits / 8)


def memory_fit(model: ModelProfile, weight_bytes: int, hardware: HardwareProfile) -> MemoryFit:
    """Weights + KV cache at 1,024 tokens + the framework itself, against the memory that is free now."""
    total = weight_bytes + (model.kv_cache_bytes(CONTEXT_TOKENS) or 0) + RUNTIME_BYTES
    free = hardware.memory.available_bytes.value
    return MemoryFit(weight_bytes, total, total / free if free else None)


def largest_parameters(hardware: HardwareProfile, bits: float = 4.85) -> int | None:
    """The largest model that fits into free memory at ``bits`` per weight, with a fifth left for the rest."""
    free = hardware.memory.available_bytes.value
    return int(free * 0.8 * 8 / bits) if free else None
