"""NVIDIA's energy counters, and what processes take of its memory, through NVML, the driver's own library.

No command tells them. The library comes with the driver and only reads here; it is loaded when an energy
reader is made for a machine on which nvidia-smi has already answered, or in a worker that was asked to use
something other than the CPU, never before.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Collection
from dataclasses import dataclass

MOST_PROCESSES = 1024  # of one GPU
NOT_AVAILABLE = 2**64 - 1  # what Windows' own driver model answers
LIBRARIES = {"linux": "libnvidia-ml.so.1", "win32": "nvml.dll"}


class ProcessInfo(ctypes.Structure):
    """nvmlProcessInfo_t, as nvmlDeviceGetComputeRunningProcesses_v3 fills it."""

    _fields_ = (
        ("pid", ctypes.c_uint),
        ("used_bytes", ctypes.c_ulonglong),
        ("gpu_instance", ctypes.c_uint),
        ("compute_instance", ctypes.c_uint),
    )


@dataclass(frozen=True)
class Nvml:
    """An initialised library and the handles of its GPUs by index."""

    library: ctypes.CDLL
    handles: tuple[ctypes.c_void_p, ...]

    def energy_joules(self, index: int) -> float | None:
        """Since the driver was loaded; nvmlDeviceGetTotalEnergyConsumption counts millijoules."""
        value = ctypes.c_ulonglong()
        if not 0 <= index < len(self.handles):
            return None
        status = self.library.nvmlDeviceGetTotalEnergyConsumption(self.handles[index], ctypes.byref(value))
        return value.value / 1e3 if status == 0 else None

    def process_bytes(self, pids: Collection[int]) -> int | None:
        """On all GPUs together; ``None`` where NVML knows none of the processes, as in a container that has
        process ids of its own.
        """
        used = [info.used_bytes for handle in self.handles for info in self._processes(handle, pids)]
        return sum(used) if used else None

    def _processes(self, handle: ctypes.c_void_p, pids: Collection[int]) -> list[ProcessInfo]:
        count, found = ctypes.c_uint(MOST_PROCESSES), (ProcessInfo * MOST_PROCESSES)()
        ask = getattr(self.library, "nvmlDeviceGetComputeRunningProcesses_v3", None)  # drivers from 510 on
        if ask is None or ask(handle, ctypes.byref(count), found) != 0:
            return []
        return [one for one in found[: count.value] if one.pid in pids and one.used_bytes != NOT_AVAILABLE]

    def close(self) -> None:
        self.library.nvmlShutdown()


def connect() -> Nvml | None:
    """``None`` where there is no such library or it does not start."""
    name = LIBRARIES.get(sys.platform)
    if name is None:
        return None
    try:
        library = ctypes.CDLL(name)
        if library.nvmlInit_v2() != 0:
            return None
        return Nvml(library, _handles(library))
    except (OSError, AttributeError):
        return None


def _handles(library: ctypes.CDLL) -> tuple[ctypes.c_void_p, ...]:
    count = ctypes.c_uint()
    if library.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
        return ()
    handles = tuple(ctypes.c_void_p() for _ in range(count.value))
    for index, handle in enumerate(handles):
        library.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(handle))
    return handles
