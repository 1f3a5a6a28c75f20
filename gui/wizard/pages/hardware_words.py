"""What the hardware page says of processor and memory: values, units, facts and chips."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from PySide6.QtCore import QCoreApplication

from backends.domain.hardware import Cache, Fact, HardwareProfile, Processor, Throughput
from backends.recommendation.fit import largest_parameters
from gui.theme.tone import Tone
from gui.widgets import units
from gui.widgets.facts import FactRow
from gui.widgets.terms import explain

T = TypeVar("T")
translate = QCoreApplication.translate
DOT = " · "
# Those that speed up small-number arithmetic; the tooltip names all.
INSTRUCTIONS = (
    *("AVX2", "AVX-512", "AVX-512 VNNI", "AVX-VNNI", "AMX"),
    *("NEON", "dotprod", "i8mm", "SVE", "SVE2", "SME"),
)


@dataclass(frozen=True)
class CardContent:
    value: str
    unit: str
    tip: str
    chip: str
    tone: Tone
    rows: tuple[FactRow, ...]
    chip_tip: str = ""


def not_told() -> str:
    return translate("Hardware", "not told")


def ready() -> tuple[str, Tone]:
    return translate("Hardware", "ready"), Tone.OK


def not_readable() -> tuple[str, Tone]:
    return translate("Hardware", "not readable"), Tone.NEUTRAL


def told(name: str, fact: Fact[T], say: Callable[[T], str] = str, term: str = "") -> FactRow:
    """A row whose tooltip is the source; what is unknown says so, and why."""
    if fact.value is None:
        return FactRow(name, "", fact.why_not or fact.source, note=not_told(), term=term)
    return FactRow(name, say(fact.value), fact.source, term=term)


def processor(profile: HardwareProfile) -> CardContent:
    cpu = profile.processor
    cores, threads = cpu.physical_cores.value, cpu.logical_cores.value
    system = profile.operating_system
    rows = [
        told(translate("Hardware", "Model"), cpu.brand),
        _instructions(cpu),
        told(translate("Hardware", "Last-level cache"), cpu.caches, _last_level, explain("cache")),
        told(translate("Hardware", "Highest clock"), cpu.max_frequency_hz, _gigahertz),
        *_kinds_of_cores(cpu),
        *_share(cpu),
        FactRow(translate("Hardware", "System"), f"{system.name} {system.version}".strip(), system.kernel),
        *_virtual(profile.virtualization),
    ]
    unit = translate("Hardware", "cores, {0} threads").format(threads or translate("Hardware", "unknown"))
    tip = cpu.physical_cores.source if cores else cpu.physical_cores.why_not
    return CardContent(str(cores or "–"), unit, tip, *(ready() if cores else not_readable()), tuple(rows))


def _instructions(cpu: Processor) -> FactRow:
    name = translate("Hardware", "Instructions")
    row = told(name, cpu.instruction_sets, _important, explain("instructions"))
    every = DOT.join(cpu.instruction_sets.value or ())
    return FactRow(row.label, row.value, "\n".join(filter(None, (every, row.source))), row.note, row.term)


def _important(names: tuple[str, ...]) -> str:
    shown = [name for name in INSTRUCTIONS if name in names] or list(names)
    if {"AVX-512 VNNI", "AVX-VNNI"} <= set(shown):
        shown.remove("AVX-VNNI")
    return DOT.join(shown) or translate("Hardware", "none of note")


def _last_level(caches: tuple[Cache, ...]) -> str:
    data = [cache for cache in caches if cache.kind != "instruction"]
    if not data:
        return not_told()
    level = max(cache.level for cache in data)
    total = sum(cache.size_bytes * cache.instances for cache in data if cache.level == level)
    return translate("Hardware", "{0} (level {1})").format(units.size(total), level)


def _gigahertz(hertz: float) -> str:
    return f"{units.number(hertz / 1e9, 2)}{units.NBSP}GHz"


def _kinds_of_cores(cpu: Processor) -> Iterable[FactRow]:
    """Only where the processor has both kinds; on others there is nothing to tell."""
    fast, small = cpu.performance_cores, cpu.efficiency_cores
    if fast.value and small.value:
        text = translate("Hardware", "{0} performance, {1} efficiency").format(fast.value, small.value)
        yield FactRow(translate("Hardware", "Kinds of cores"), text, fast.source)


def _share(cpu: Processor) -> Iterable[FactRow]:
    """Only where this program may use less than the whole processor."""
    allowed, threads = cpu.usable_cpus.value, cpu.logical_cores.value
    if allowed is not None and threads is not None and allowed < threads:
        text = translate("Hardware", "{0} of {1} threads").format(units.number(allowed, 2), threads)
        yield FactRow(translate("Hardware", "May use"), text, cpu.usable_cpus.source)


def _virtual(fact: Fact[str]) -> Iterable[FactRow]:
    if fact.value and fact.value != "none":
        yield FactRow(translate("Hardware", "Runs in"), fact.value, fact.source)


def bandwidth(found: Throughput | None) -> CardContent:
    if found is None:
        chip = translate("Hardware", "not measured")
        rows = (
            FactRow(
                translate("Hardware", "Arithmetic"),
                "",
                note=translate("Hardware", "not measured"),
                term=explain("throughput"),
                action=translate("Hardware", "measure"),
                key="measure",
            ),
        )
        return CardContent("–", "GB/s", explain("bandwidth"), chip, Tone.NEUTRAL, rows)
    disturbed = bool(found.note)
    chip = translate("Hardware", "disturbed") if disturbed else translate("Hardware", "measured")
    tone = Tone.WARN if disturbed else Tone.NEUTRAL
    tip = translate("Hardware", "Measured here on {0}.").format(found.measured_at.replace("T", " ")[:16])
    unit = translate("Hardware", "GB/s measured")
    value = units.number(found.read_bytes_per_s / 1e9)
    return CardContent(value, unit, tip, chip, tone, tuple(_measured(found, tip)), found.note)


def _measured(found: Throughput, tip: str) -> Iterable[FactRow]:
    name = translate("Hardware", "Read, {0} threads").format(found.threads)
    how = translate("Hardware", "{0} A buffer of {1}, read by every core.")
    text = f"{units.number(found.read_bytes_per_s / 1e9)}{units.NBSP}GB/s"
    yield FactRow(name, text, how.format(tip, units.size(found.buffer_bytes)), term=explain("bandwidth"))
    flops = f"{units.number(found.fp32_flops_per_s / 1e9)}{units.NBSP}GFLOP/s{units.NBSP}fp32"
    yield FactRow(translate("Hardware", "Arithmetic"), flops, tip, term=explain("throughput"))
    yield FactRow(
        translate("Hardware", "Took"),
        units.duration(found.took_s),
        tip,
        action=translate("Hardware", "again"),
        key="measure",
    )
    if found.note:
        yield FactRow(translate("Hardware", "Note"), "", tip, note=found.note)


def memory(profile: HardwareProfile) -> CardContent:
    total, free = profile.memory.total_bytes, profile.memory.available_bytes
    largest = Fact(largest_parameters(profile), free.source, free.why_not)
    rows = (
        told(
            translate("Hardware", "Largest model at 4 bit"),
            largest,
            lambda count: translate("Hardware", "about {0}").format(parameters(count)),
            explain("parameters"),
        ),
        told(translate("Hardware", "Storage free"), profile.storage.free_bytes, units.size),
        told(translate("Hardware", "Swap"), profile.memory.swap_bytes, _swap, explain("swap")),
    )
    if free.value is None:
        return CardContent("–", "", free.why_not, *not_readable(), rows)
    value, unit = units.split_bytes(free.value)
    whole = units.size(total.value) if total.value else not_told()
    unit = translate("Hardware", "{0} free of {1}").format(unit, whole)
    return CardContent(value, unit, free.source, *ready(), rows)


def _swap(size_bytes: int) -> str:
    return units.size(size_bytes) if size_bytes else translate("Hardware", "none")


def parameters(count: float) -> str:
    """ "33 B", "1.1 B", "381 k": as model names have it."""
    for scale, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if count >= scale:
            return f"{units.number(count / scale, 2 if count < 10 * scale else 3)}{units.NBSP}{letter}"
    return f"{count:.0f}"
