"""One candidate of a search: what was done to the model, and what an evaluator measured of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from backends.domain.artifact import Option

ORIGINAL = "original"


@dataclass(frozen=True)
class Trial:
    """``metrics`` by name with the unit at its end: "accuracy", "perplexity", "latency_ms", "size_bytes"."""

    name: str  # ORIGINAL for the model that was started from
    passes: tuple[str, ...] = ()
    settings: Mapping[str, Option] = field(default_factory=dict)  # in which it differs from its siblings
    metrics: Mapping[str, float] = field(default_factory=dict)
    chosen: bool = False
    failure: str = ""  # empty where it was made and measured
