"""NVIDIA's library, played by functions that fill the structures as the driver does."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any, cast

from backends.hardware.nvml import NOT_AVAILABLE, Nvml, ProcessInfo

GIB = 2**30


class Driver:
    """``used``: GPU index -> process id -> bytes."""

    def __init__(self, used: Mapping[int, Mapping[int, int]]) -> None:
        self._used = used

    def nvmlDeviceGetComputeRunningProcesses_v3(self, handle: ctypes.c_void_p, count: Any, found: Any) -> int:
        known = self._used.get((handle.value or 0) - 1)
        if known is None:
            return 3  # NVML_ERROR_NOT_SUPPORTED
        for number, (pid, used_bytes) in enumerate(known.items()):
            found[number] = ProcessInfo(pid, used_bytes, 0xFFFFFFFF, 0xFFFFFFFF)
        count._obj.value = len(known)
        return 0


def nvml(used: Mapping[int, Mapping[int, int]], gpus: int = 2) -> Nvml:
    handles = tuple(ctypes.c_void_p(index + 1) for index in range(gpus))
    return Nvml(cast(ctypes.CDLL, Driver(used)), handles)


def test_the_structure_has_the_layout_of_the_header() -> None:
    recorded = bytes.fromhex("39300000 00000000 00000040 02000000 ffffffff ffffffff")
    found = ProcessInfo.from_buffer_copy(recorded)
    assert ctypes.sizeof(ProcessInfo) == 24
    assert (found.pid, found.used_bytes) == (12345, 9 * GIB)


def test_what_own_processes_take_is_added_up_over_the_gpus() -> None:
    driver = nvml({0: {10: GIB, 11: 2 * GIB, 99: 40 * GIB}, 1: {11: 4 * GIB}})
    assert driver.process_bytes({10, 11}) == 7 * GIB


def test_nothing_is_said_of_processes_the_driver_does_not_know() -> None:
    assert nvml({0: {99: GIB}}, gpus=1).process_bytes({10}) is None
    assert nvml({0: {10: NOT_AVAILABLE}}, gpus=1).process_bytes({10}) is None
    assert nvml({}, gpus=1).process_bytes({10}) is None


def test_an_old_driver_does_not_tell() -> None:
    old = Nvml(cast(ctypes.CDLL, object()), (ctypes.c_void_p(1),))
    assert old.process_bytes({10}) is None
