"""What the hardware page says of accelerators and power."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QCoreApplication

from backends.domain.hardware import (
    Accelerator,
    AcceleratorKind,
    Fact,
    HardwareProfile,
    Power,
    PowerSource,
)
from gui.theme.tone import Tone
from gui.widgets import units
from gui.widgets.facts import FactRow
from gui.widgets.terms import explain
from gui.wizard.pages.hardware_words import DOT, CardContent, not_readable, not_told, ready, told

translate = QCoreApplication.translate


def graphics(profile: HardwareProfile) -> CardContent:
    found = [each for each in profile.accelerators if each.kind == AcceleratorKind.GPU]
    if not found:
        return _nothing(profile)
    shared = translate("Hardware", "Integrated"), translate("Hardware", "Dedicated")
    return _devices(found, shared[0] if found[0].shared_memory else shared[1])


def neural(profile: HardwareProfile) -> CardContent:
    found = [each for each in profile.accelerators if each.kind != AcceleratorKind.GPU]
    if found:
        return _devices(found, translate("Hardware", "Present"))
    listed = [note for note in profile.accelerator_notes if note.value]
    more = (FactRow(translate("Hardware", "Note"), "", n.source, note=n.value or "") for n in listed)
    return _nothing(profile, tuple(more))


def _nothing(profile: HardwareProfile, more: tuple[FactRow, ...] = ()) -> CardContent:
    looked = [note for note in profile.accelerator_notes if note.value is None]
    places = DOT.join(dict.fromkeys(note.source for note in looked))
    reasons = "\n".join(note.why_not for note in looked) or translate("Hardware", "No probe found a device.")
    rows = (
        FactRow(translate("Hardware", "Looked at"), places or not_told(), reasons),
        FactRow(translate("Hardware", "Models run on"), translate("Hardware", "the processor"), reasons),
        *more,
    )
    none, chip = translate("Hardware", "None"), translate("Hardware", "none found")
    return CardContent(none, "", reasons, chip, Tone.NEUTRAL, rows)


def _devices(found: list[Accelerator], value: str) -> CardContent:
    rows = [row for each in found for row in _device(each)]
    unit = translate("Hardware", "{0} devices").format(len(found)) if len(found) > 1 else ""
    usable = any(each.usable_by for each in found)
    chip = ready() if usable else (translate("Hardware", "not usable"), Tone.WARN)
    return CardContent(value, unit, found[0].source, *chip, tuple(rows))


def _device(each: Accelerator) -> Iterable[FactRow]:
    yield FactRow(translate("Hardware", "Name"), each.name, each.source)
    uses = DOT.join(f"{use.framework} ({use.how})" for use in each.usable_by)
    yield FactRow(
        translate("Hardware", "Usable by"), uses or translate("Hardware", "nothing here"), each.source
    )
    if each.shared_memory:
        name = translate("Hardware", "Shared memory")
        yield told(
            name, each.memory_bytes, lambda n: translate("Hardware", "up to {0}").format(units.size(n))
        )
    else:
        yield told(translate("Hardware", "Memory"), each.memory_bytes, units.size)
    yield told(translate("Hardware", "Driver"), each.driver)
    if each.note:
        yield FactRow(translate("Hardware", "Note"), "", each.source, note=each.note)


def power(profile: HardwareProfile) -> CardContent:
    known = profile.power
    rows = (
        _counters(known),
        told(
            translate("Hardware", "Temperature"),
            known.temperature_celsius,
            lambda t: f"{t:.0f}{units.NBSP}°C",
        ),
        told(translate("Hardware", "Throttling"), known.throttling, _yes_no, explain("throttling")),
        told(translate("Hardware", "Battery"), known.battery_percent, lambda p: f"{p:.0f}{units.NBSP}%"),
    )
    source = known.source
    if source.value is None:
        return CardContent(translate("Hardware", "Not told"), "", source.why_not, *not_readable(), rows)
    names = {
        PowerSource.MAINS: translate("Hardware", "Mains"),
        PowerSource.BATTERY: translate("Hardware", "Battery"),
    }
    return CardContent(
        names[source.value], known.profile.value or "", source.source, *_power_chip(known), rows
    )


def _power_chip(known: Power) -> tuple[str, Tone]:
    if known.throttling.value:
        return translate("Hardware", "throttling"), Tone.BAD
    if known.source.value == PowerSource.BATTERY:
        return translate("Hardware", "on battery"), Tone.WARN
    profile = known.profile.value
    if profile is None or profile in ("performance", "schedutil"):
        return ready()
    return translate("Hardware", "{0} mode").format(profile), Tone.WARN


def _counters(known: Power) -> FactRow:
    name, term = translate("Hardware", "Energy counter"), explain("energy counter")
    counters = known.energy_counters
    if not counters.value:
        return told(name, Fact(None, counters.source, counters.why_not), term=term)
    readable = [counter.domain for counter in counters.value if counter.readable]
    if readable:
        text = translate("Hardware", "readable, {0}").format(DOT.join(readable))
        return FactRow(name, text, counters.source, term=term)
    return FactRow(
        name,
        translate("Hardware", "needs a permission"),
        counters.value[0].remedy or counters.source,
        term=term,
    )


def _yes_no(value: bool) -> str:
    return translate("Hardware", "yes") if value else translate("Hardware", "no")
