"""How hot the processor is, and whether it slows down because of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from backends.domain.hardware import Fact
from backends.hardware import parse
from backends.hardware.facts import fact, known, sentence, unknown
from backends.hardware.system import System

ZONES = "/sys/class/thermal"
MONITORS = "/sys/class/hwmon"
# Zone types and hwmon chips that are the processor's own, best first.
PROCESSOR_ZONES = ("x86_pkg_temp", "TCPU", "cpu-thermal", "cpu_thermal", "soc-thermal", "cpu0-thermal")
PROCESSOR_CHIPS = ("coretemp", "k10temp", "zenpower", "cpu_thermal")
THROTTLE_COUNT = "/sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count"
# Raspberry Pi's firmware, through the kernel: bits 0-3 are under-voltage, capped, throttled, soft limit now.
PI_THROTTLED = "/sys/devices/platform/soc*/*firmware/get_throttled"
PI_NOW = 0b1111


def temperature(system: System) -> Fact[float]:
    """Degrees Celsius of the processor."""
    if system.platform.family != "linux":
        return unknown(system.platform.family, "This system tells temperatures to administrators only.")
    path = temperature_file(system)
    if path is None:
        return unknown(
            f"{ZONES} and {MONITORS}", "The kernel offers no thermal sensor of the processor here."
        )
    answer = system.read(path)
    return fact(celsius(answer.text), path, sentence(path, answer.problem))


def temperature_file(system: System) -> str | None:
    """The file with the processor's temperature in thousandths of a degree (Linux)."""
    rank = {name: place for place, name in enumerate((*PROCESSOR_ZONES, *PROCESSOR_CHIPS))}
    found = [(rank[name], path) for name, path in _sensors(system) if name in rank]
    return min(found)[1] if found else None


def celsius(text: str) -> float | None:
    """From thousandths; what no processor can have is not believed."""
    value = parse.integer(text)
    return value / 1e3 if value is not None and -50_000 < value < 200_000 else None


def _sensors(system: System) -> Iterator[tuple[str, str]]:
    for folder in system.glob(f"{ZONES}/thermal_zone[0-9]*"):
        yield system.read(f"{folder}/type").text.strip(), f"{folder}/temp"
    for folder in system.glob(f"{MONITORS}/hwmon[0-9]*"):
        yield system.read(f"{folder}/name").text.strip(), f"{folder}/temp1_input"


def throttling(system: System) -> Fact[bool]:
    """Whether the processor is slowed down now."""
    read = {"linux": _linux, "macos": _macos}.get(system.platform.family)
    if read is None:
        return unknown(
            system.platform.family, "This system does not tell whether the processor is slowed down."
        )
    return read(system)


def pi_state_file(system: System) -> str | None:
    """Raspberry Pi's file of throttling bits."""
    return next(iter(system.glob(PI_THROTTLED)), None)


def pi_throttled(text: str) -> bool | None:
    bits = parse.hexadecimal(text)
    return None if bits is None else bool(bits & PI_NOW)


def _linux(system: System) -> Fact[bool]:
    path = pi_state_file(system)
    if path is not None:
        return fact(pi_throttled(system.read(path).text), path, sentence(path, ""))
    count = parse.integer(system.read(THROTTLE_COUNT).text)
    if count is None:
        return unknown(THROTTLE_COUNT, "The kernel does not count throttling of this processor.")
    if count == 0:
        return known(False, THROTTLE_COUNT)
    why = f"It was slowed down by heat {count} times since it started; whether it is now is not told."
    return unknown(THROTTLE_COUNT, why)


def _macos(system: System) -> Fact[bool]:
    """pmset -g therm: Apple silicon records warning levels, Intel also CPU_Speed_Limit in percent."""
    answer = system.run("pmset", "-g", "therm")
    limit = re.search(r"CPU_Speed_Limit\s*=\s*([0-9]{1,3})", answer.text)
    if limit:
        return known(int(limit[1]) < 100, "pmset -g therm")
    if "No thermal warning level has been recorded" in answer.text:
        return known(False, "pmset -g therm")
    return unknown("pmset -g therm", sentence("The thermal state", answer.problem))
