"""Looking at the whole machine. Nothing here raises: what fails becomes an unknown fact with the reason."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from backends.domain.hardware import Accelerator, Fact, HardwareProfile, OperatingSystem, Storage, Throughput
from backends.hardware import (
    amd,
    apple,
    cpu,
    edge_accelerators,
    embedded_gpu,
    intel,
    memory,
    nvidia,
    operating_system,
    power,
    qualcomm,
    storage,
    virtualization,
)
from backends.hardware.facts import Found, unknown
from backends.hardware.system import RealSystem, Remembering, System

T = TypeVar("T")
ACCELERATORS: dict[str, Callable[[System], Found]] = {
    "nvidia": nvidia.probe,
    "amd": amd.probe,
    "intel": intel.probe,
    "apple": apple.probe,
    "qualcomm": qualcomm.probe,
    "embedded GPU": embedded_gpu.probe,
    "edge accelerators": edge_accelerators.probe,
}


def detect(
    system: System | None = None, storage_path: str = ".", throughput: Throughput | None = None
) -> HardwareProfile:
    """What is in the machine. Takes well under a second where no slow tool must be asked.

    ``storage_path``: where models would be kept. ``throughput``: what
    :func:`backends.hardware.throughput.cached` knows, if anything; it is not measured here.
    """
    started_s = time.perf_counter()
    asked = Remembering(system or RealSystem())
    found = [_safely(name, probe, asked) for name, probe in ACCELERATORS.items()]
    return HardwareProfile(
        operating_system=_or(operating_system.probe, asked, lambda why: _unnamed_system(asked)),
        processor=_or(cpu.probe, asked, lambda why: cpu.undetected(asked, why)),
        memory=_or(memory.probe, asked, memory.undetected),
        accelerators=_all_accelerators(found),
        accelerator_notes=tuple(note for each in found for note in each.notes),
        storage=_or(
            lambda s: storage.probe(s, storage_path), asked, lambda why: _no_storage(storage_path, why)
        ),
        power=_or(power.probe, asked, power.undetected),
        virtualization=_or(virtualization.probe, asked, lambda why: unknown("", why)),
        throughput=throughput,
        detected_in_s=time.perf_counter() - started_s,
    )


def _or(probe: Callable[[System], T], system: System, otherwise: Callable[[str], T]) -> T:
    """The probe's answer; a probe that fails on a machine nobody has thought of must not hide the others."""
    try:
        return probe(system)
    except Exception as error:  # noqa: BLE001 - see above: detection never raises
        return otherwise(_trouble(error))


def _safely(name: str, probe: Callable[[System], Found], system: System) -> Found:
    return _or(probe, system, lambda why: Found(notes=(unknown(name, why),)))


def _trouble(error: Exception) -> str:
    return f"Looking for it failed ({type(error).__name__}: {error})."


def _all_accelerators(found: list[Found]) -> tuple[Accelerator, ...]:
    """GPUs first; otherwise in the order of the probes."""
    return tuple(
        sorted((each for part in found for each in part.accelerators), key=lambda each: each.kind != "gpu")
    )


def _unnamed_system(system: System) -> OperatingSystem:
    told = system.platform
    return OperatingSystem(told.family, told.name or told.family, told.version, told.kernel)


def _no_storage(path: str, why: str) -> Storage:
    nothing: Fact[int] = unknown(path, why)
    return Storage(path, nothing, nothing)
