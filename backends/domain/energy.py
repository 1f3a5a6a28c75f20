"""Energy of one configuration, from counters or not at all. Domains are never summed: psys holds package."""

from __future__ import annotations

from dataclasses import dataclass

from backends.domain.metric import Interval


@dataclass(frozen=True)
class GridIntensity:
    """Grams of CO₂ equivalents for a kilowatt-hour of one grid, over a year's life cycle."""

    code: str  # ISO 3166 alpha-2, or "world"
    name: str
    grams_per_kwh: float
    year: int
    source: str

    def grams(self, joules: float) -> float:
        return joules / 3.6e6 * self.grams_per_kwh


@dataclass(frozen=True)
class DomainEnergy:
    """One counter. ``joules`` a unit of work are above idle, ``gross_joules`` with it."""

    domain: str  # "package-0", "gpu:0", "battery"
    source: str
    idle_watts: float
    busy_watts: float  # all the counter counted while it worked
    joules: Interval
    gross_joules: Interval


@dataclass(frozen=True)
class EnergyReading:
    """``unit``: "new token" (its share of the prompt included) or "inference"."""

    unit: str
    domains: tuple[DomainEnergy, ...] = ()
    windows: int = 0
    window_s: float = 0.0
    why_not: str = ""  # a sentence with what would enable it, where nothing was measured
    grid: GridIntensity | None = None

    @property
    def measured(self) -> bool:
        return bool(self.domains)
