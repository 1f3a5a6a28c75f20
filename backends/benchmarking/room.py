"""Whether workers fit in memory at the same time, estimated before any of them is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backends.domain.artifact import Configuration
from backends.domain.model import ModelProfile

SHARE = 0.8  # of the free memory: the rest is for what engines copy while loading, and for everybody else
CACHE_BYTES_PER_ELEMENT = 4.0  # some engines keep it in 32 bits


@dataclass(frozen=True)
class Room:
    """``free_bytes`` without swapping, ``None`` where it is not known; ``runtime_bytes`` without a model."""

    profile: ModelProfile
    runtime_bytes: int
    free_bytes: int | None

    def worker_bytes(self, configuration: Configuration) -> int:
        """Weights file + KV cache of the whole context by its formula + the runtime."""
        cache = self.profile.kv_cache_bytes(configuration.load.context, CACHE_BYTES_PER_ELEMENT) or 0
        return configuration.artifact.size_bytes + cache + self.runtime_bytes

    def holds(self, workers: int, each: Configuration) -> bool:
        """So many workers that have the same open; yes where nothing is known."""
        return self.free_bytes is None or workers * self.worker_bytes(each) <= self.free_bytes * SHARE

    def lack(self, original: Configuration, candidates: Sequence[Configuration]) -> str:
        """A sentence where the original does not fit beside the largest candidate; else empty."""
        if not candidates or self.free_bytes is None:
            return ""
        together = self.worker_bytes(original) + max(self.worker_bytes(one) for one in candidates)
        if together <= self.free_bytes * SHARE:
            return ""
        return (
            f"The original and a candidate would take about {together / 1e9:,.1f} GB together, of "
            f"{self.free_bytes / 1e9:,.1f} GB that are free: each arm restarted its worker."
        )
