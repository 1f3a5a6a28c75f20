"""The machine of a run as a table. What the system did not tell stands there with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from backends.domain.hardware import Cache, EnergyCounter, Fact, HardwareProfile
from backends.reporting import words

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    name: str
    value: str
    known: bool = True


def machine(profile: HardwareProfile) -> tuple[Entry, ...]:
    processor, memory, power = profile.processor, profile.memory, profile.power
    system = profile.operating_system
    return (
        Entry("System", f"{system.name} {system.version}, kernel {system.kernel}"),
        _entry("Processor", processor.brand, str),
        Entry("Architecture", processor.architecture),
        _entry("Physical cores", processor.physical_cores, str),
        _entry("Logical cores", processor.logical_cores, str),
        _entry("Usable by this program", processor.usable_cpus, lambda cpus: f"{cpus:g} logical cores"),
        _entry("Instruction sets", processor.instruction_sets, ", ".join),
        _entry("Caches", processor.caches, _caches),
        _entry("Highest frequency", processor.max_frequency_hz, lambda hertz: f"{hertz / 1e9:.2f} GHz"),
        _entry("Memory", memory.total_bytes, words.gibibytes),
        _entry("Free memory at the start", memory.available_bytes, words.gibibytes),
        *_throughput(profile),
        *_accelerators(profile),
        _entry("Power", power.source, str),
        _entry("Power profile", power.profile, str),
        _entry("Energy counters", power.energy_counters, _counters),
        _entry("Temperature at the start", power.temperature_celsius, lambda celsius: f"{celsius:.0f} °C"),
        _entry("Virtualization", profile.virtualization, str),
    )


def _entry(name: str, fact: Fact[T], show: Callable[[T], str]) -> Entry:
    if fact.value is None:
        return Entry(name, f"Not known. {fact.why_not}".strip(), known=False)
    return Entry(name, show(fact.value))


def _throughput(profile: HardwareProfile) -> Iterator[Entry]:
    found = profile.throughput
    if found is None:
        yield Entry(
            "Memory bandwidth", f"{words.NOT_MEASURED.capitalize()}: “edgewright detect” does it.", False
        )
        return
    yield Entry("Memory bandwidth", f"{found.read_bytes_per_s / 1e9:.1f} GB/s, measured")
    yield Entry("Arithmetic", f"{found.fp32_flops_per_s / 1e9:,.0f} GFLOP/s in FP32, measured")
    if found.note:
        yield Entry("Of these figures", found.note)


def _accelerators(profile: HardwareProfile) -> Iterator[Entry]:
    for one in profile.accelerators:
        size = f", {words.gibibytes(one.memory_bytes.value)}" if one.memory_bytes.value else ""
        driver = f", driver {one.driver.value}" if one.driver.value else ""
        yield Entry(one.kind.value.upper().replace("_", " "), f"{one.name}{size}{driver}")
    if not profile.accelerators:
        yield Entry("Accelerators", "None was found.")


def _caches(caches: tuple[Cache, ...]) -> str:
    shown = ", ".join(f"L{one.level} {one.kind} {one.instances} × {_size(one.size_bytes)}" for one in caches)
    return shown or "None was found."


def _size(size: int) -> str:
    return words.mebibytes(size) if size >= 2**20 else f"{words.number(size / 1024)}\u00a0KiB"


def _counters(counters: tuple[EnergyCounter, ...]) -> str:
    shown = ", ".join(
        one.domain if one.readable else f"{one.domain} (not readable; {one.remedy})" for one in counters
    )
    return shown or "None was found."
