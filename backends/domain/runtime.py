"""The interpreter a worker runs on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Runtime:
    """``interpreter`` ``None`` is this program's own; ``variables`` are added to the worker's environment."""

    interpreter: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
