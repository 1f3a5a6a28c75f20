"""NVIDIA's energy counters through NVML, the driver's own library.

No command tells them. The library comes with the driver and only reads here; it is loaded when an energy
reader is made for a machine on which nvidia-smi has already answered, never before.
"""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass

LIBRARIES = {"linux": "libnvidia-ml.so.1", "win32": "nvml.dll"}


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
