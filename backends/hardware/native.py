"""Questions that only a system call answers. Answers are JSON, so they can be recorded.

| question | answer | source |
|---|---|---|
| ``memory`` | total, available, swap in bytes | psutil |
| ``battery`` | percent, plugged; null without a battery | psutil |
| ``cores`` | physical, logical | psutil |
| ``affinity`` | the number of logical cores this process may run on | psutil, os |
| ``disk:PATH`` | total, free in bytes | shutil |
| ``numpy-features`` | names of the instruction sets NumPy found by CPUID | numpy |
| ``processor-features`` | numbers of PF_* features that are present | IsProcessorFeaturePresent, Windows |
| ``processor-layout`` | hexadecimal buffer | GetLogicalProcessorInformationEx, Windows |
| ``energy-meters`` | joules by domain | zeus-apple-silicon on macOS, Energy Meter Interface on Windows |
| ``battery-energy`` | joules left in the battery; null without | ioreg on macOS, CallNtPowerInformation |
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import psutil

from backends.hardware import native_energy, windows_api


def answer(question: str) -> str:
    """JSON text. Raises :class:`LookupError` for an unknown question, and what the system raises."""
    kind, _, argument = question.partition(":")
    if kind == "disk":
        return json.dumps(_disk(argument))
    return json.dumps(_QUESTIONS[kind]())


def _memory() -> object:
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    return {"total": memory.total, "available": memory.available, "swap": swap.total}


def _battery() -> object:
    battery = psutil.sensors_battery()
    return None if battery is None else {"percent": battery.percent, "plugged": battery.power_plugged}


def _cores() -> object:
    return {"physical": psutil.cpu_count(logical=False), "logical": psutil.cpu_count()}


def _affinity() -> object:
    process = psutil.Process()
    # macOS has no affinity: every process may use all cores.
    return len(process.cpu_affinity()) if hasattr(process, "cpu_affinity") else os.cpu_count()


def _disk(path: str) -> object:
    """Of the file system that holds ``path`` or, where that is not made yet, its nearest parent."""
    place = Path(path).absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    usage = shutil.disk_usage(place)
    return {"total": usage.total, "free": usage.free}


def _numpy_features() -> object:
    umath = import_module("numpy._core._multiarray_umath")  # where numpy.show_runtime() has it from
    return [name for name, present in umath.__cpu_features__.items() if present]


_QUESTIONS: dict[str, Callable[[], object]] = {
    "memory": _memory,
    "battery": _battery,
    "cores": _cores,
    "affinity": _affinity,
    "numpy-features": _numpy_features,
    "processor-features": windows_api.processor_features,
    "processor-layout": windows_api.processor_layout,
    "energy-meters": native_energy.meters,
    "battery-energy": native_energy.battery,
}
