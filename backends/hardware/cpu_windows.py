"""The processor as Windows tells it: CIM, GetLogicalProcessorInformationEx, IsProcessorFeaturePresent."""

from __future__ import annotations

from collections import Counter

from backends.domain.hardware import Cache, Fact, Processor
from backends.hardware import instruction_sets, parse, windows_api
from backends.hardware.cpu_names import architecture, vendor
from backends.hardware.facts import fact, known, sentence, unknown
from backends.hardware.system import System
from backends.hardware.windows import inventory
from backends.hardware.windows_api import CacheRecord, Core

SOURCE = "Win32_Processor"
LAYOUT = "GetLogicalProcessorInformationEx"
ARM64 = 12  # Win32_Processor.Architecture


def read(system: System, usable: Fact[float]) -> Processor:
    document, answer = inventory(system)
    chips = tuple(parse.objects(document.get("processor")))
    chip: parse.Json = chips[0] if chips else {}
    cores, caches = _layout(system)
    performance, efficiency = _kinds(cores)
    why = sentence(SOURCE, answer.problem)
    return Processor(
        vendor=fact(vendor(parse.word(chip, "Manufacturer")) or None, SOURCE, why),
        brand=fact(parse.word(chip, "Name") or None, SOURCE, why),
        architecture=_architecture(system, chip),
        physical_cores=_cores(system, chips, "NumberOfCores", len(cores), "physical"),
        logical_cores=_cores(
            system, chips, "NumberOfLogicalProcessors", sum(core.threads for core in cores), "logical"
        ),
        performance_cores=performance,
        efficiency_cores=efficiency,
        instruction_sets=_instruction_sets(system),
        caches=_caches(caches),
        max_frequency_hz=_max_frequency(chip, why),
        usable_cpus=usable,
    )


def _architecture(system: System, chip: parse.Json) -> str:
    """The machine's own, also for a program that Windows translates on Arm."""
    told = parse.integer(chip.get("Architecture"))
    return "arm64" if told == ARM64 else architecture(system.platform.machine)


def _layout(system: System) -> tuple[tuple[Core, ...], tuple[CacheRecord, ...]]:
    text = parse.load_json(system.native("processor-layout").text)
    try:
        return windows_api.parse_layout(bytes.fromhex(text if isinstance(text, str) else ""))
    except ValueError:
        return (), ()


def _cores(system: System, chips: tuple[parse.Json, ...], key: str, layout: int, word: str) -> Fact[int]:
    """Summed over the sockets; the system call and psutil stand in."""
    counts = [parse.positive(parse.integer(chip.get(key))) for chip in chips]
    if counts and all(counts):
        return known(sum(count or 0 for count in counts), SOURCE)
    if layout:
        return known(layout, LAYOUT)
    answer = system.native("cores")
    count = parse.positive(parse.integer(parse.json_object(answer.text).get(word)))
    return fact(count, "psutil", sentence("The number of cores", answer.problem))


def _kinds(cores: tuple[Core, ...]) -> tuple[Fact[int], Fact[int]]:
    """Efficient are the cores of the lowest class, unless all have the same."""
    if not cores:
        why = sentence("The efficiency classes of the cores", "")
        return unknown(LAYOUT, why), unknown(LAYOUT, why)
    lowest = min(core.efficiency_class for core in cores)
    slow = sum(core.efficiency_class == lowest for core in cores)
    if slow == len(cores):
        return known(len(cores), LAYOUT), known(0, LAYOUT)
    return known(len(cores) - slow, LAYOUT), known(slow, LAYOUT)


def _instruction_sets(system: System) -> Fact[tuple[str, ...]]:
    """Windows' own list and NumPy's; AVX-VNNI and AMX are told by neither."""
    told, found = system.native("processor-features"), system.native("numpy-features")
    numbers, names = parse.load_json(told.text), parse.load_json(found.text)
    present = {
        *instruction_sets.named(instruction_sets.WINDOWS, numbers if isinstance(numbers, list) else ()),
        *instruction_sets.named(instruction_sets.NUMPY, names if isinstance(names, list) else ()),
    }
    if not present:
        return unknown("IsProcessorFeaturePresent", sentence("The instruction sets", told.problem))
    source = "IsProcessorFeaturePresent and NumPy, which do not tell AVX-VNNI and AMX"
    return known(tuple(name for name in instruction_sets.ORDER if name in present), source)


def _caches(records: tuple[CacheRecord, ...]) -> Fact[tuple[Cache, ...]]:
    if not records:
        return unknown(LAYOUT, sentence("The caches", ""))
    counted = Counter((r.level, r.kind, r.size_bytes, max(1, r.threads)) for r in records)
    return known(tuple(Cache(*key, instances=number) for key, number in sorted(counted.items())), LAYOUT)


def _max_frequency(chip: parse.Json, why: str) -> Fact[float]:
    """Win32_Processor tells MHz."""
    value = parse.positive(parse.integer(chip.get("MaxClockSpeed")))
    return fact(None if value is None else value * 1e6, SOURCE, why)
