"""The two commands that tell most about a Mac, each asked once in a detection."""

from __future__ import annotations

from backends.hardware import parse
from backends.hardware.system import Answer, System

PROFILER_TIMEOUT_S = 10.0


def sysctl(system: System) -> dict[str, str]:
    """All kernel values by name. Asking for all keeps one unknown name from spoiling the answer."""
    return parse.pairs(system.run("sysctl", "-a").text)


def is_virtual(values: dict[str, str]) -> bool:
    return values.get("kern.hv_vmm_present") == "1"


def is_apple_silicon(values: dict[str, str]) -> bool:
    """True also for a program that Rosetta translates, which is told an Intel architecture."""
    return values.get("hw.optional.arm64") == "1"


def profiler(system: System, *kinds: str) -> tuple[parse.Json, Answer]:
    """system_profiler's document for data types such as SPDisplaysDataType, without personal detail."""
    answer = system.run(
        "system_profiler", "-json", "-detailLevel", "mini", *kinds, timeout_s=PROFILER_TIMEOUT_S
    )
    return parse.json_object(answer.text), answer
