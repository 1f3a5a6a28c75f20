"""Energy of one configuration, from counters or not at all. Domains are never summed: psys holds package."""

from __future__ import annotations

from dataclasses import dataclass

from backends.domain.hardware import EnergyUse
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
class EnergyWindow:
    """What was counted in one window, and what disturbed it: another program's energy is in its counters."""

    uses: tuple[EnergyUse, ...]
    units: float  # of work; 0 in an idle one
    flags: tuple[str, ...] = ()
    counted: bool = True  # False: disturbed, and repeated since; kept, and in no figure


@dataclass(frozen=True)
class EnergyReading:
    """``unit``: "new token" (its share of the prompt included) or "inference"."""

    unit: str
    domains: tuple[DomainEnergy, ...] = ()
    windows: int = 0
    window_s: float = 0.0
    why_not: str = ""  # a sentence with what would enable it, where nothing was measured
    grid: GridIntensity | None = None
    readings: tuple[EnergyWindow, ...] = ()  # every window in the order of reading

    @property
    def disturbances(self) -> tuple[str, ...]:
        """Of the windows that are in the figures: they were disturbed when they were repeated, too."""
        return tuple(dict.fromkeys(flag for one in self.readings if one.counted for flag in one.flags))

    @property
    def repeated(self) -> int:
        """Windows that were disturbed and measured once more."""
        return sum(not one.counted for one in self.readings)

    @property
    def measured(self) -> bool:
        return bool(self.domains)
