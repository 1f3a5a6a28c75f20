"""Reads what llama.cpp logs while a model is loaded: where weights and cache lie, and what was offloaded."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

MIB = 1024 * 1024

_WEIGHTS = re.compile(r"(\S+) model buffer size = +([\d.]+) MiB")
_CACHE = re.compile(r"(\S+) KV buffer size = +([\d.]+) MiB")
_OFFLOADED = re.compile(r"offloaded (\d+)/(\d+) layers to GPU")
_ERROR = re.compile(r"(?:error loading model|failed to load model|error): (.+)")


@dataclass(frozen=True)
class LoadReport:
    weights: tuple[tuple[str, float], ...]  # buffer name, MiB
    cache: tuple[tuple[str, float], ...]
    offloaded: tuple[int, int] | None  # layers on a GPU, of how many
    flash_attention: bool | None  # as resolved where it was left to llama.cpp, else ``None``
    error: str

    @property
    def cache_bytes(self) -> int:
        """As logged: rounded to a hundredth of a MiB."""
        return round(sum(mib for _, mib in self.cache) * MIB)

    @property
    def sentences(self) -> tuple[str, ...]:
        lines = [f"weights in {_listed(self.weights)}"] if self.weights else []
        if self.offloaded:
            lines.append(f"{self.offloaded[0]} of {self.offloaded[1]} layers on a GPU")
        return tuple(lines)


def read_report(pieces: Iterable[str]) -> LoadReport:
    text = "".join(pieces)
    offloaded = _OFFLOADED.search(text)
    errors = _ERROR.findall(text)
    return LoadReport(
        _sizes(_WEIGHTS, text),
        _sizes(_CACHE, text),
        (int(offloaded[1]), int(offloaded[2])) if offloaded else None,
        _flash_attention(text),
        errors[0].strip() if errors else "",
    )


def _flash_attention(text: str) -> bool | None:
    if "Flash Attention enabled" in text:
        return True
    return False if "Flash Attention not supported" in text else None


def _sizes(pattern: re.Pattern[str], text: str) -> tuple[tuple[str, float], ...]:
    return tuple((name, float(mib)) for name, mib in pattern.findall(text))


def _listed(sizes: Iterable[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {mib:,.1f} MiB" for name, mib in sizes)
