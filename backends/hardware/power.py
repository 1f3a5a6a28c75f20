"""Battery, power profile and heat. Energy counters are found in :mod:`backends.hardware.energy_counters`."""

from __future__ import annotations

import re

from backends.domain.hardware import Fact, Power, PowerSource
from backends.hardware import energy_counters, heat, parse
from backends.hardware.facts import fact, known, sentence, unknown
from backends.hardware.system import System

SUPPLIES = "/sys/class/power_supply"
CPUFREQ = "/sys/devices/system/cpu/cpu0/cpufreq"
NO_BATTERY = "This machine has no battery."
MACOS_MODES = {"0": "automatic", "1": "low power", "2": "high power"}


def probe(system: System) -> Power:
    source, percent = {"linux": _linux_supply, "macos": _macos_supply}.get(
        system.platform.family, _psutil_supply
    )(system)
    profile = {"linux": _linux_profile, "macos": _macos_profile, "windows": _windows_profile}
    return Power(
        source=source,
        battery_percent=percent,
        profile=profile.get(system.platform.family, _no_profile)(system),
        energy_counters=energy_counters.probe(system),
        temperature_celsius=heat.temperature(system),
        throttling=heat.throttling(system),
    )


def undetected(why: str) -> Power:
    return Power(
        unknown("", why),
        unknown("", why),
        unknown("", why),
        unknown("", why),
        unknown("", why),
        unknown("", why),
    )


Supply = tuple[Fact[PowerSource], Fact[float]]


def own_batteries(system: System) -> list[str]:
    """Their folders, on Linux. Those of mice and pens have the scope "Device" and do not count."""
    return [
        folder
        for folder in system.glob(f"{SUPPLIES}/*")
        if system.read(f"{folder}/type").text.strip() == "Battery"
        and system.read(f"{folder}/scope").text.strip() != "Device"
    ]


def _linux_supply(system: System) -> Supply:
    batteries = own_batteries(system)
    mains = [
        system.read(f"{folder}/online").text.strip()
        for folder in system.glob(f"{SUPPLIES}/*")
        if system.read(f"{folder}/type").text.strip() in ("Mains", "USB")
    ]
    if not batteries:
        return _without_battery(system), unknown(SUPPLIES, NO_BATTERY)
    return _linux_source(system, batteries, mains), _linux_percent(system, batteries)


def _without_battery(system: System) -> Fact[PowerSource]:
    if "hypervisor" in system.read("/proc/cpuinfo").text:
        return unknown(SUPPLIES, "A virtual machine is not told how its host is powered.")
    return known(PowerSource.MAINS, f"{SUPPLIES} lists no battery")


def _linux_source(system: System, batteries: list[str], mains: list[str]) -> Fact[PowerSource]:
    if "1" in mains:
        return known(PowerSource.MAINS, SUPPLIES)
    states = [system.read(f"{folder}/status").text.strip() for folder in batteries]
    if "Discharging" in states or "0" in mains:
        return known(PowerSource.BATTERY, SUPPLIES)
    told = [state for state in states if state in ("Charging", "Full", "Not charging")]
    why = "The battery does not tell whether it is charged or used."
    return fact(PowerSource.MAINS if told else None, SUPPLIES, why)


def _linux_percent(system: System, batteries: list[str]) -> Fact[float]:
    """The mean, for machines with two batteries."""
    values = [parse.number(system.read(f"{folder}/capacity").text.strip()) for folder in batteries]
    told = [value for value in values if value is not None and 0 <= value <= 100]
    return fact(sum(told) / len(told) if told else None, SUPPLIES, "The battery does not tell its charge.")


def _macos_supply(system: System) -> Supply:
    """pmset -g batt: "Now drawing from 'AC Power'" and "… 80%; charging; …"."""
    answer = system.run("pmset", "-g", "batt")
    drawing = re.search(r"Now drawing from '([^']+)'", answer.text)
    percent = re.search(r"\s([0-9]{1,3})%;", answer.text)
    names = {"AC Power": PowerSource.MAINS, "Battery Power": PowerSource.BATTERY}
    why = sentence("pmset", answer.problem)
    return (
        fact(names.get(drawing[1]) if drawing else None, "pmset -g batt", why),
        fact(float(percent[1]) if percent else None, "pmset -g batt", NO_BATTERY if answer.ok else why),
    )


def _psutil_supply(system: System) -> Supply:
    answer = system.native("battery")
    document = parse.load_json(answer.text)
    if answer.ok and document is None:
        return known(PowerSource.MAINS, "psutil lists no battery"), unknown("psutil", NO_BATTERY)
    battery = parse.mapping(document)
    plugged, why = battery.get("plugged"), sentence("The battery", answer.problem)
    names = {True: PowerSource.MAINS, False: PowerSource.BATTERY}
    source = names.get(plugged) if isinstance(plugged, bool) else None
    return fact(source, "psutil", why), fact(parse.number(battery.get("percent")), "psutil", why)


def _linux_profile(system: System) -> Fact[str]:
    """The firmware's profile, and the frequency governor with its energy preference."""
    names = {
        "/sys/firmware/acpi/platform_profile": "{}",
        f"{CPUFREQ}/scaling_governor": "governor {}",
        f"{CPUFREQ}/energy_performance_preference": "preference {}",
    }
    told = {path: system.read(path).text.strip() for path in names}
    words = [names[path].format(text) for path, text in told.items() if text]
    sources = [path for path, text in told.items() if text]
    why = "The kernel offers neither a power profile nor a frequency governor here."
    return fact(", ".join(words) or None, " and ".join(sources or names), why)


def _macos_profile(system: System) -> Fact[str]:
    """pmset -g: "powermode 2", or "lowpowermode 1" before macOS 14."""
    answer = system.run("pmset", "-g")
    mode = re.search(r"^\s*(?:powermode|lowpowermode)\s+([012])\s*$", answer.text, re.MULTILINE)
    why = sentence("The power mode", answer.problem)
    return fact(MACOS_MODES[mode[1]] if mode else None, "pmset -g", why)


def _windows_profile(system: System) -> Fact[str]:
    """powercfg /getactivescheme: "Power Scheme GUID: 381b4222-…  (Balanced)"."""
    answer = system.run("powercfg", "/getactivescheme")
    name = re.search(r"\(([^()]+)\)\s*$", answer.text)
    return fact(name[1] if name else None, "powercfg", sentence("powercfg", answer.problem))


def _no_profile(system: System) -> Fact[str]:
    return unknown(system.platform.family, "This system is not supported.")
