"""Which operating system this is."""

from __future__ import annotations

from backends.domain.hardware import OperatingSystem
from backends.hardware import parse
from backends.hardware.system import System
from backends.hardware.windows import inventory


def probe(system: System) -> OperatingSystem:
    """Name and version as people know them; what is not told stays what Python knows."""
    told = system.platform
    name, version = {"linux": _linux, "windows": _windows}.get(told.family, _python)(system)
    return OperatingSystem(
        told.family, name or told.name or told.family, version or told.version, told.kernel
    )


def _python(system: System) -> tuple[str, str]:
    return system.platform.name, system.platform.version


def _linux(system: System) -> tuple[str, str]:
    """os-release(5)."""
    values = parse.pairs(
        system.read("/etc/os-release").text or system.read("/usr/lib/os-release").text, separator="="
    )
    return values.get("NAME", "Linux"), values.get("VERSION_ID", values.get("BUILD_ID", ""))


def _windows(system: System) -> tuple[str, str]:
    """Windows 11 calls itself 10 in many places; CIM's caption tells the name people know."""
    record = parse.mapping(inventory(system)[0].get("system"))
    return parse.word(record, "Caption").removeprefix("Microsoft "), parse.word(record, "Version")
