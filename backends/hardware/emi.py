"""Windows' Energy Meter Interface: what Windows 11 lets anyone read of the processor's energy counters.

A meter is a device; its channels ("RAPL_Package0_PKG", "RAPL_Package0_DRAM") count picowatt-hours and never
start again at zero. Codes and layouts: emi.h of the Windows SDK. The layouts are parsed here, apart from the
calls, and tested on bytes put together as documented.
"""

from __future__ import annotations

import ctypes
import struct
import sys
import uuid
from collections.abc import Iterator
from typing import Any

JOULES_PER_PICOWATT_HOUR = 3600e-12
INTERFACE = uuid.UUID("45BD8344-7ED6-49cf-A440-C276C933B053")  # GUID_DEVICE_ENERGY_METER
# CTL_CODE(FILE_DEVICE_UNKNOWN, function, METHOD_BUFFERED, FILE_READ_ACCESS)
GET_VERSION, GET_METADATA_SIZE, GET_METADATA, GET_MEASUREMENT = (0x224000 | n << 2 for n in range(4))
NAMES = 2 * 16 * 2  # bytes of maker and model, 16 wide characters each
PRESENT_INTERFACES = 0x02 | 0x10  # DIGCF_PRESENT, DIGCF_DEVICEINTERFACE
GENERIC_READ, SHARE_ALL, OPEN_EXISTING = 0x80000000, 0x03, 3
MOST_BYTES = 1 << 16


def meters() -> dict[str, float]:
    """Joules by channel since the machine was started. Raises OSError where this is not Windows."""
    if sys.platform != "win32":
        raise OSError("this is not Windows")
    found: dict[str, float] = {}
    for path in _device_paths():
        found.update(_read(path))
    return found


def channels(version: int, metadata: bytes) -> tuple[str, ...]:
    """The channels' names from EMI_METADATA_V1 or EMI_METADATA_V2; a broken record ends the list."""
    if version == 1:
        return (_text(metadata, 4 + NAMES + 4, _short(metadata, 4 + NAMES + 2)),)
    names: list[str] = []
    offset = NAMES + 4
    for _ in range(_short(metadata, NAMES + 2)):
        if offset + 6 > len(metadata):
            break
        size = _short(metadata, offset + 4)
        names.append(_text(metadata, offset + 6, size))
        offset += 6 + size
    return tuple(names)


def joules(measurement: bytes) -> tuple[float, ...]:
    """Of each channel: pairs of AbsoluteEnergy (pWh) and AbsoluteTime (100 ns), 8 bytes each."""
    whole = len(measurement) // 16 * 16
    return tuple(
        energy * JOULES_PER_PICOWATT_HOUR for energy, _ in struct.iter_unpack("<QQ", measurement[:whole])
    )


def _short(data: bytes, offset: int) -> int:
    value: int = struct.unpack_from("<H", data, offset)[0] if offset + 2 <= len(data) else 0
    return value


def _text(data: bytes, offset: int, size: int) -> str:
    return data[offset : offset + size].decode("utf-16-le", errors="replace").rstrip("\0")


def _read(path: str) -> dict[str, float]:
    """One meter; empty where it does not answer."""
    kernel = _windows("kernel32")
    kernel.CreateFileW.restype = ctypes.c_void_p
    device = kernel.CreateFileW(path, GENERIC_READ, SHARE_ALL, None, OPEN_EXISTING, 0, None)
    if device in (None, ctypes.c_void_p(-1).value):
        return {}
    try:
        version = _short(_ask(kernel, device, GET_VERSION, 2), 0)
        size = int.from_bytes(_ask(kernel, device, GET_METADATA_SIZE, 4), "little")
        names = channels(version, _ask(kernel, device, GET_METADATA, min(size, MOST_BYTES)))
        values = joules(_ask(kernel, device, GET_MEASUREMENT, 16 * len(names)))
        return dict(zip(names, values, strict=False))
    finally:
        kernel.CloseHandle(ctypes.c_void_p(device))


def _ask(kernel: Any, device: int, code: int, size: int) -> bytes:
    buffer, told = ctypes.create_string_buffer(size), ctypes.c_ulong()
    done = kernel.DeviceIoControl(
        ctypes.c_void_p(device), code, None, 0, buffer, size, ctypes.byref(told), None
    )
    return buffer.raw[: told.value] if done else b""


class _InterfaceData(ctypes.Structure):
    """SP_DEVICE_INTERFACE_DATA."""

    _fields_ = (
        ("size", ctypes.c_ulong),
        ("guid", ctypes.c_byte * 16),
        ("flags", ctypes.c_ulong),
        ("reserved", ctypes.c_void_p),
    )


def _device_paths() -> Iterator[str]:
    setup = _windows("setupapi")
    setup.SetupDiGetClassDevsW.restype = ctypes.c_void_p
    guid = ctypes.create_string_buffer(INTERFACE.bytes_le, 16)
    devices = ctypes.c_void_p(setup.SetupDiGetClassDevsW(guid, None, None, PRESENT_INTERFACES))
    try:
        index, data = 0, _InterfaceData(size=ctypes.sizeof(_InterfaceData))
        while setup.SetupDiEnumDeviceInterfaces(devices, None, guid, index, ctypes.byref(data)):
            yield _path_of(setup, devices, data)
            index += 1
    finally:
        setup.SetupDiDestroyDeviceInfoList(devices)


def _path_of(setup: Any, devices: ctypes.c_void_p, data: _InterfaceData) -> str:
    """SP_DEVICE_INTERFACE_DETAIL_DATA_W: its size (8 on 64-bit systems, 6 on others), then the path."""
    detail = ctypes.create_string_buffer(MOST_BYTES)
    struct.pack_into("<I", detail, 0, 8 if ctypes.sizeof(ctypes.c_void_p) == 8 else 6)
    setup.SetupDiGetDeviceInterfaceDetailW(devices, ctypes.byref(data), detail, MOST_BYTES, None, None)
    return ctypes.wstring_at(ctypes.addressof(detail) + 4)


def _windows(name: str) -> Any:
    return ctypes.WinDLL(name)  # type: ignore[attr-defined,unused-ignore]
