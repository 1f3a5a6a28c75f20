"""The processor as Linux tells it: /proc/cpuinfo and /sys/devices/system/cpu."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from backends.domain.hardware import Cache, Fact, Processor
from backends.hardware import instruction_sets, parse
from backends.hardware.cpu_names import IMPLEMENTERS, architecture, arm_core, vendor
from backends.hardware.facts import fact, known, sentence, unknown
from backends.hardware.system import System

CPUINFO = "/proc/cpuinfo"
CPUS = "/sys/devices/system/cpu"
HYBRID = "/sys/devices/cpu_core/cpus"  # only on hybrid Intel processors
ONE_KIND = "This system does not tell performance cores from efficiency cores."
Blocks = tuple[dict[str, str], ...]


def read(system: System, usable: Fact[float]) -> Processor:
    answer = system.read(CPUINFO)
    blocks = parse.blocks(answer.text)
    cores = _cores(system) or _cores_of_cpuinfo(blocks)
    performance, efficiency = _kinds(system, cores)
    why = sentence(CPUINFO, answer.problem)
    return Processor(
        vendor=fact(_vendor(blocks), CPUINFO, why),
        brand=_brand(system, blocks, why),
        architecture=architecture(system.platform.machine),
        physical_cores=_physical(system, cores),
        logical_cores=_logical(system, cores),
        performance_cores=performance,
        efficiency_cores=efficiency,
        instruction_sets=_instruction_sets(blocks, why),
        caches=_caches(system),
        max_frequency_hz=_max_frequency(system),
        usable_cpus=usable,
    )


def _vendor(blocks: Blocks) -> str | None:
    """x86 names its vendor; Arm gives the code of whoever designed the core."""
    for block in blocks:
        if "vendor_id" in block:
            return vendor(block["vendor_id"])
        implementer = parse.integer(block.get("CPU implementer", ""))
        if implementer is not None:
            return IMPLEMENTERS.get(implementer, f"implementer {implementer:#x}")
    return None


def _brand(system: System, blocks: Blocks, why: str) -> Fact[str]:
    names = [block["model name"] for block in blocks if block.get("model name")]
    if names:
        return known(names[0], CPUINFO)
    cores = _arm_cores(blocks)
    board = system.read("/proc/device-tree/model").text.strip("\0 \n")
    if cores and board:
        return known(f"{cores} ({board})", f"{CPUINFO} and /proc/device-tree/model")
    return fact(cores or None, CPUINFO, why)


def _arm_cores(blocks: Blocks) -> str:
    """Each kind of core once: "Arm Cortex-A76 + Arm Cortex-A55"."""
    names = []
    for block in blocks:
        implementer = parse.integer(block.get("CPU implementer", ""))
        part = parse.integer(block.get("CPU part", ""))
        if implementer is not None and part is not None:
            names.append(arm_core(implementer, part))
    return " + ".join(dict.fromkeys(names))


def _instruction_sets(blocks: Blocks, why: str) -> Fact[tuple[str, ...]]:
    """What *every* core has: a program may be moved to any of them."""
    flags = [set(block.get("flags", block.get("Features", "")).split()) for block in blocks]
    flags = [each for each in flags if each]
    if not flags:
        return unknown(CPUINFO, why)
    return known(instruction_sets.named(instruction_sets.LINUX, set.intersection(*flags)), CPUINFO)


def _cores(system: System) -> dict[int, str]:
    """Logical core -> the set of logical cores it shares a physical one with, as the kernel writes it."""
    found = {}
    for path in system.glob(f"{CPUS}/cpu[0-9]*/topology/thread_siblings_list"):
        number = parse.integer(path.split("/")[5].removeprefix("cpu"))
        siblings = system.read(path).text.strip()
        if number is not None and siblings:
            found[number] = siblings
    return found


def _cores_of_cpuinfo(blocks: Blocks) -> dict[int, str]:
    """The same from /proc/cpuinfo, for kernels that hide the topology in /sys."""
    found = {}
    for block in blocks:
        number = parse.integer(block.get("processor", ""))
        if number is not None:
            found[number] = f"{block.get('physical id', '')}/{block.get('core id', number)}"
    return found


def _physical(system: System, cores: Mapping[int, str]) -> Fact[int]:
    if cores:
        return known(len(set(cores.values())), f"{CPUS}/cpu*/topology")
    answer = system.native("cores")
    count = parse.positive(parse.integer(parse.json_object(answer.text).get("physical")))
    return fact(count, "psutil", sentence("The number of cores", answer.problem))


def _logical(system: System, cores: Mapping[int, str]) -> Fact[int]:
    online = parse.cpu_list(system.read(f"{CPUS}/online").text)
    if online:
        return known(len(online), f"{CPUS}/online")
    return fact(len(cores) or None, CPUINFO, sentence("The number of logical cores", ""))


def _kinds(system: System, cores: Mapping[int, str]) -> tuple[Fact[int], Fact[int]]:
    """Performance and efficiency cores: Intel's hybrid lists, else Arm's relative capacities."""
    performance = parse.cpu_list(system.read(HYBRID).text)
    efficiency = parse.cpu_list(
        f"{system.read('/sys/devices/cpu_atom/cpus').text},{system.read('/sys/devices/cpu_lowpower/cpus').text}"
    )
    if performance and efficiency:
        return (
            known(_physical_of(performance, cores), HYBRID),
            known(_physical_of(efficiency, cores), "/sys/devices/cpu_atom/cpus"),
        )
    return _kinds_by_capacity(system, cores)


def _kinds_by_capacity(system: System, cores: Mapping[int, str]) -> tuple[Fact[int], Fact[int]]:
    """The cores of the lowest capacity are the efficient ones, unless all are alike.

    Source: Documentation/ABI/testing/sysfs-devices-system-cpu; the largest core has 1024.
    """
    source = f"{CPUS}/cpu*/cpu_capacity"
    if architecture(system.platform.machine) != "arm64":
        return unknown(HYBRID, ONE_KIND), unknown(HYBRID, ONE_KIND)
    read = {number: parse.integer(system.read(f"{CPUS}/cpu{number}/cpu_capacity").text) for number in cores}
    capacities = {number: value for number, value in read.items() if value is not None}
    if not capacities:
        return unknown(source, ONE_KIND), unknown(source, ONE_KIND)
    lowest = min(capacities.values())
    slow = tuple(number for number, value in capacities.items() if value == lowest)
    if len(slow) == len(capacities):
        return known(_physical_of(slow, cores), source), known(0, source)
    fast = tuple(number for number in capacities if number not in slow)
    return known(_physical_of(fast, cores), source), known(_physical_of(slow, cores), source)


def _physical_of(logical: tuple[int, ...], cores: Mapping[int, str]) -> int:
    return len({cores.get(number, str(number)) for number in logical})


def _caches(system: System) -> Fact[tuple[Cache, ...]]:
    """Each kind of cache once, with how many there are of it."""
    source = f"{CPUS}/cpu*/cache"
    seen: set[tuple[str, str, str]] = set()
    found: Counter[Cache] = Counter()
    for folder in system.glob(f"{CPUS}/cpu[0-9]*/cache/index[0-9]*"):
        level, kind, size, sharers = (
            system.read(f"{folder}/{name}").text.strip()
            for name in ("level", "type", "size", "shared_cpu_list")
        )
        cache = _cache(level, kind, size, sharers)
        if cache is not None and (level, kind, sharers) not in seen:
            seen.add((level, kind, sharers))
            found[cache] += 1
    if not found:
        return unknown(source, "The kernel does not tell the caches of this processor.")
    caches = (Cache(c.level, c.kind, c.size_bytes, c.shared_by_threads, n) for c, n in found.items())
    return known(tuple(sorted(caches, key=lambda cache: (cache.level, cache.kind))), source)


def _cache(level: str, kind: str, size: str, sharers: str) -> Cache | None:
    number, in_bytes = parse.positive(parse.integer(level)), parse.positive(parse.size_bytes(size))
    if number is None or in_bytes is None:
        return None
    return Cache(number, kind.lower(), in_bytes, max(1, len(parse.cpu_list(sharers))))


def _max_frequency(system: System) -> Fact[float]:
    """The highest of all cores; the kernel writes kHz."""
    paths = system.glob(f"{CPUS}/cpu[0-9]*/cpufreq/cpuinfo_max_freq")
    values = [parse.positive(parse.integer(system.read(path).text)) for path in paths]
    known_values = [value for value in values if value is not None]
    why = "The kernel offers no frequency control here, so the highest frequency is not told."
    return fact(max(known_values) * 1e3 if known_values else None, f"{CPUS}/cpu*/cpufreq", why)
