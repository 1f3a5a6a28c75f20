"""Reading energy over an interval, in joules. Only counters are read; nothing is estimated.

RAPL counts microjoules up to ``max_energy_range_uj`` and then starts again at zero: at 100 W a range of
262 kJ is used up in 44 minutes. :meth:`EnergyReader.update` notices one such turn, so call it more often.
Source: https://docs.kernel.org/power/powercap/powercap.html.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from backends.domain.hardware import EnergyCounter, EnergyUse, Fact
from backends.hardware import energy_counters, nvml, parse, power
from backends.hardware.energy_counters import POWERCAP, Rapl
from backends.hardware.facts import known, unknown
from backends.hardware.system import System

BATTERY = "battery"
BATTERY_FILES = ("energy_now", "charge_now", "voltage_now")
JOULES_PER_WATT_HOUR = 3600.0
# Parts of a package ("core", "uncore", "dram") are left to whoever looks closer; psys and packages decide.
SEPARATOR = "/"
Clock = Callable[[], float]


@dataclass
class _Counter:
    """One counter, its last reading and the joules since :meth:`start`."""

    domain: str
    source: str
    read: Callable[[], float | None]
    range_joules: float | None = None  # ``None``: it never starts again at zero
    last: float | None = None
    joules: float | None = field(default=None)

    def start(self) -> None:
        self.last = self.read()
        self.joules = None if self.last is None else 0.0

    def update(self) -> None:
        """One failed reading spoils the interval: the energy meanwhile is not known."""
        now = self.read()
        if now is None or self.last is None or self.joules is None:
            self.joules = None
            return
        difference = elapsed_joules(self.last, now, self.range_joules)
        self.joules = None if difference is None else self.joules + difference
        self.last = now


class EnergyReader:
    """Reads all counters that can be read.

    Call :meth:`start`, let the work run, then :meth:`used`. ``counters`` is the profile's
    ``power.energy_counters``. ``battery``: where there are none, what a discharging battery loses instead;
    it counts in steps of some joules, so only minutes tell anything.
    """

    def __init__(
        self,
        system: System,
        counters: Fact[tuple[EnergyCounter, ...]],
        clock: Clock = time.monotonic,
        battery: bool = False,
    ) -> None:
        self._clock = clock
        self._why = _why_nothing(counters)
        self._nvml = nvml.connect() if _names(counters, "gpu:") else None
        self._counters = [
            *_rapl_counters(system),
            *self._gpu_counters(_names(counters, "gpu:")),
            *_meter_counters(system),
        ]
        if battery and not self._counters:
            self._counters = _battery_counters(system)
        self._started_s = clock()

    @property
    def from_battery(self) -> bool:
        return self.domains == (BATTERY,)

    @property
    def domains(self) -> tuple[str, ...]:
        """What will be reported, such as "package-0"."""
        return tuple(counter.domain for counter in self._counters)

    def start(self) -> None:
        """The interval begins."""
        for counter in self._counters:
            counter.start()
        self._started_s = self._clock()

    def update(self) -> None:
        """Notice counters that started again at zero."""
        for counter in self._counters:
            counter.update()

    def used(self) -> Fact[tuple[EnergyUse, ...]]:
        """Energy by domain since :meth:`start`, or the reason why it was not measured."""
        duration_s = self._clock() - self._started_s
        self.update()
        told = tuple(
            EnergyUse(counter.domain, counter.joules, duration_s, counter.source)
            for counter in self._counters
            if counter.joules is not None
        )
        if told:
            return known(told, " and ".join(dict.fromkeys(use.source for use in told)))
        return unknown("energy counters", self._why)

    def close(self) -> None:
        if self._nvml is not None:
            self._nvml.close()
            self._nvml = None

    def _gpu_counters(self, names: tuple[str, ...]) -> list[_Counter]:
        indices = {name: parse.integer(name.removeprefix("gpu:")) for name in names}
        return [
            _Counter(name, "NVML", partial(self._gpu_joules, index))
            for name, index in indices.items()
            if index is not None
        ]

    def _gpu_joules(self, index: int) -> float | None:
        return None if self._nvml is None else self._nvml.energy_joules(index)


def elapsed_joules(before: float, now: float, range_joules: float | None) -> float | None:
    """Between two readings of a counter that may have started again at zero once in between."""
    if now >= before:
        return now - before
    return None if range_joules is None else range_joules - before + now


def _rapl_counters(system: System) -> list[_Counter]:
    counters = []
    for domain in energy_counters.rapl_domains(system):
        reader = _rapl_reader(system, domain)
        if SEPARATOR not in domain.name and reader() is not None:
            limit = parse.positive(parse.integer(system.read(domain.range_file).text))
            counters.append(_Counter(domain.name, POWERCAP, reader, None if limit is None else limit / 1e6))
    return counters


def _rapl_reader(system: System, domain: Rapl) -> Callable[[], float | None]:
    def read() -> float | None:
        microjoules = parse.integer(system.read(domain.energy_file).text)
        return None if microjoules is None else microjoules / 1e6

    return read


def _meter_counters(system: System) -> list[_Counter]:
    """Of macOS and Windows, which tell them by a call. One call tells all, so each counter asks anew."""
    source = {"macos": "IOReport", "windows": "Energy Meter Interface"}.get(system.platform.family)
    if source is None:
        return []
    return [
        _Counter(domain, source, lambda domain=domain: energy_counters.meters(system).get(domain))  # type: ignore[misc]
        for domain in energy_counters.meters(system)
    ]


def _battery_counters(system: System) -> list[_Counter]:
    """What it has lost: the charge left, upside down. One that charges falls, and spoils the interval."""

    def lost() -> float | None:
        left = battery_joules(system)
        return None if left is None else -left

    return [] if lost() is None else [_Counter(BATTERY, "battery discharge", lost)]


def battery_joules(system: System) -> float | None:
    """Joules left in all batteries of this machine together; ``None`` where nothing tells."""
    if system.platform.family != "linux":
        return parse.number(system.native("battery-energy").text)
    told = [_sysfs_joules(system, folder) for folder in power.own_batteries(system)]
    known_ones = [value for value in told if value is not None]
    return sum(known_ones) if known_ones else None


def _sysfs_joules(system: System, folder: str) -> float | None:
    """µWh, or µAh and µV (the kernel's Documentation/ABI/testing/sysfs-class-power)."""
    energy, charge, voltage = (parse.integer(system.read(f"{folder}/{name}").text) for name in BATTERY_FILES)
    if energy is not None:
        return energy / 1e6 * JOULES_PER_WATT_HOUR
    if charge is None or voltage is None:
        return None
    return charge / 1e6 * voltage / 1e6 * JOULES_PER_WATT_HOUR


def _names(counters: Fact[tuple[EnergyCounter, ...]], prefix: str) -> tuple[str, ...]:
    found = counters.value or ()
    return tuple(each.domain for each in found if each.readable and each.domain.startswith(prefix))


def _why_nothing(counters: Fact[tuple[EnergyCounter, ...]]) -> str:
    """The reason, with the first remedy there is."""
    remedy = next((counter.remedy for counter in counters.value or () if counter.remedy), "")
    reason = counters.why_not or "No energy counter of this machine could be read."
    return f"Energy was not measured. {reason} {remedy}".strip()
