"""The processor as macOS tells it: ``sysctl``.

Source: developer.apple.com, "Determining system capabilities"; level 0 holds the fastest cores.
"""

from __future__ import annotations

from backends.domain.hardware import Cache, Fact, Processor
from backends.hardware import instruction_sets, parse
from backends.hardware.cpu_names import architecture, vendor
from backends.hardware.facts import fact, known, sentence, unknown
from backends.hardware.macos import is_apple_silicon, sysctl
from backends.hardware.system import System

SOURCE = "sysctl"
CACHES = (("l1icachesize", 1, "instruction"), ("l1dcachesize", 1, "data"), ("l2cachesize", 2, "unified"))


def read(system: System, usable: Fact[float]) -> Processor:
    values = sysctl(system)
    why = sentence("sysctl", system.run("sysctl", "-a").problem)
    performance, efficiency = _kinds(values)
    return Processor(
        vendor=fact(_vendor(values), SOURCE, why),
        brand=fact(values.get("machdep.cpu.brand_string"), SOURCE, why),
        architecture="arm64" if is_apple_silicon(values) else architecture(system.platform.machine),
        physical_cores=fact(_count(values, "hw.physicalcpu"), SOURCE, why),
        logical_cores=fact(_count(values, "hw.logicalcpu"), SOURCE, why),
        performance_cores=performance,
        efficiency_cores=efficiency,
        instruction_sets=_instruction_sets(values, why),
        caches=_caches(values),
        max_frequency_hz=_max_frequency(values),
        usable_cpus=usable,
    )


def _count(values: dict[str, str], name: str) -> int | None:
    return parse.positive(parse.integer(values.get(name, "")))


def _vendor(values: dict[str, str]) -> str | None:
    if is_apple_silicon(values):
        return "Apple"
    name = values.get("machdep.cpu.vendor")
    return None if name is None else vendor(name)


def _kinds(values: dict[str, str]) -> tuple[Fact[int], Fact[int]]:
    """Level 0 is performance, all further levels are efficiency."""
    performance = _count(values, "hw.perflevel0.physicalcpu")
    slower = [_count(values, f"hw.perflevel{level}.physicalcpu") for level in (1, 2)]
    efficiency = sum(count for count in slower if count is not None)
    why = "Only Apple silicon tells performance cores from efficiency cores."
    return (
        fact(performance, "sysctl hw.perflevel0", why),
        fact(efficiency if performance else None, "sysctl hw.perflevel1", why),
    )


def _instruction_sets(values: dict[str, str], why: str) -> Fact[tuple[str, ...]]:
    present = {name for name, value in values.items() if value == "1"}
    names = instruction_sets.named(instruction_sets.MACOS, present)
    return fact(names or None, "sysctl hw.optional", why)


def _caches(values: dict[str, str]) -> Fact[tuple[Cache, ...]]:
    """Apple silicon has other caches in each performance level; an Intel Mac has one set."""
    levels = [_of_level(values, level) for level in (0, 1, 2)]
    found = [cache for level in levels for cache in level] or _of_intel(values)
    if not found:
        return unknown(SOURCE, "sysctl tells no cache sizes here.")
    return known(tuple(sorted(found, key=lambda cache: (cache.level, cache.kind))), SOURCE)


def _of_level(values: dict[str, str], level: int) -> list[Cache]:
    cores = _count(values, f"hw.perflevel{level}.physicalcpu") or 0
    found = []
    for name, number, kind in CACHES:
        size = _count(values, f"hw.perflevel{level}.{name}")
        shared = _count(values, f"hw.perflevel{level}.cpusperl{number}") or 1
        if size is not None:
            found.append(Cache(number, kind, size, shared, max(1, cores // shared)))
    return found


def _of_intel(values: dict[str, str]) -> list[Cache]:
    cores = _count(values, "hw.physicalcpu") or 1
    threads = max(1, (_count(values, "hw.logicalcpu") or cores) // cores)
    found = [
        Cache(number, kind, size, threads, cores)
        for name, number, kind in CACHES
        if (size := _count(values, f"hw.{name}")) is not None
    ]
    last = _count(values, "hw.l3cachesize")
    return [*found, Cache(3, "unified", last, cores * threads)] if last else found


def _max_frequency(values: dict[str, str]) -> Fact[float]:
    value = _count(values, "hw.cpufrequency_max")
    why = "Apple silicon does not tell its frequencies."
    return fact(None if value is None else float(value), "sysctl hw.cpufrequency_max", why)
