"""Which energy counters this machine has, whether they can be read, and what makes them readable."""

from __future__ import annotations

from dataclasses import dataclass

from backends.domain.hardware import EnergyCounter, Fact
from backends.hardware import nvidia, parse
from backends.hardware.facts import known, unknown
from backends.hardware.system import System
from backends.hardware.windows import inventory

POWERCAP = "/sys/class/powercap"
# The kernel keeps the counters to the administrator since 5.10: their fine time steps can leak secrets
# (CVE-2020-8694, "Platypus").
REMEDY = (
    "An administrator can allow reading until the next start with "
    "“sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj”; "
    "better not on a machine shared with strangers (CVE-2020-8694)."
)
APPLE_REMEDY = "Install the package “zeus-apple-silicon”, which reads Apple's private IOReport."
EMI_REMEDY = "Windows 11 lets programs read this meter; here it does not answer."
METERS = "energy-meters"  # the native question


@dataclass(frozen=True)
class Rapl:
    """One RAPL domain: ``name`` such as "package-0", "psys", "package-0/core"; ``folder`` in sysfs."""

    name: str
    folder: str

    @property
    def energy_file(self) -> str:
        return f"{self.folder}/energy_uj"

    @property
    def range_file(self) -> str:
        return f"{self.folder}/max_energy_range_uj"


def rapl_domains(system: System) -> tuple[Rapl, ...]:
    """Packages and psys with their parts. The "mmio" copies count the same energy again and are left out."""
    found: dict[str, str] = {}
    for folder in system.glob(f"{POWERCAP}/intel-rapl:*"):
        name = system.read(f"{folder}/name").text.strip()
        if name:
            parent = found.get(folder.rpartition(":")[0])
            found[folder] = f"{parent}/{name}" if parent else name
    return tuple(Rapl(name, folder) for folder, name in found.items())


def probe(system: System) -> Fact[tuple[EnergyCounter, ...]]:
    """All counters, readable or not."""
    own = {"linux": _rapl, "macos": _ioreport, "windows": _emi}.get(system.platform.family, _none)(system)
    counters = (*own, *nvidia.energy_counters(system))
    if counters:
        return known(counters, " and ".join(dict.fromkeys(counter.source for counter in counters)))
    return unknown(*_why_none(system))


def _rapl(system: System) -> tuple[EnergyCounter, ...]:
    counters = []
    for domain in rapl_domains(system):
        answer = system.read(domain.energy_file)
        readable = parse.integer(answer.text) is not None
        counters.append(EnergyCounter(domain.name, readable, POWERCAP, "" if readable else REMEDY))
    return tuple(counters)


def meters(system: System) -> dict[str, float]:
    """Joules by domain, where the system tells them by a call; empty where it does not."""
    told = parse.json_object(system.native(METERS).text)
    return {name: value for name, value in told.items() if isinstance(value, float)}


def _ioreport(system: System) -> tuple[EnergyCounter, ...]:
    """Apple silicon counts energy; only the private IOReport library tells it."""
    if system.platform.machine != "arm64":
        return ()
    told = tuple(EnergyCounter(domain, True, "IOReport") for domain in meters(system))
    return told or (EnergyCounter("cpu", False, "IOReport", APPLE_REMEDY),)


def _emi(system: System) -> tuple[EnergyCounter, ...]:
    """Windows' Energy Meter Interface; meters that do not answer are named by its performance counters."""
    source, told = "Energy Meter Interface", meters(system)
    if told:
        return tuple(EnergyCounter(domain, True, source) for domain in told)
    document, _ = inventory(system)
    names = (parse.word(record, "Name") for record in parse.objects(document.get("energy")))
    return tuple(
        EnergyCounter(name, False, source, EMI_REMEDY) for name in names if name and name != "_Total"
    )


def _none(system: System) -> tuple[EnergyCounter, ...]:
    return ()


def _why_none(system: System) -> tuple[str, str]:
    family = system.platform.family
    if family == "linux":
        return (
            POWERCAP,
            "This machine offers no energy counter: the kernel lists none in /sys/class/powercap.",
        )
    if family == "windows":
        return "Energy Meter Interface", "This machine lists no energy meter."
    return family, "This machine offers no energy counter."
