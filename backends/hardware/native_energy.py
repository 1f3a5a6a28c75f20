"""Energy that only a system call or a native library tells, in joules; Linux tells it in files.

macOS: Apple silicon's counters through IOReport, which is private; zeus-apple-silicon keeps up with it.
Windows: the Energy Meter Interface. Batteries: what is left in them, which falls while they discharge.
"""

from __future__ import annotations

import ctypes
import plistlib
import subprocess
import sys
from importlib import import_module

from backends.hardware import emi

JOULES_PER_WATT_HOUR = 3600.0
# Fields of zeus-apple-silicon's metrics that are domains of their own; the processor's total has its parts.
APPLE = {"cpu": "cpu_total_mj", "gpu": "gpu_mj", "dram": "dram_mj", "ane": "ane_mj"}
SYSTEM_BATTERY_STATE = 5  # POWER_INFORMATION_LEVEL, winnt.h


def meters() -> dict[str, float]:
    """Joules by domain, from whatever this system has beside files. Raises what it makes of its absence."""
    return _apple() if sys.platform == "darwin" else emi.meters()


def battery() -> float | None:
    """Joules left in all batteries together; ``None`` where there is none or it does not tell."""
    return _macos_battery() if sys.platform == "darwin" else _windows_battery()


def apple_joules(metrics: object) -> dict[str, float]:
    """From zeus-apple-silicon's metrics, in millijoules; what this chip does not count is ``None`` there."""
    values = {domain: getattr(metrics, field, None) for domain, field in APPLE.items()}
    return {domain: value / 1e3 for domain, value in values.items() if value is not None}


def macos_joules(entries: object) -> float | None:
    """From ``ioreg -arc AppleSmartBattery``: charge in mAh, voltage in mV."""
    first = entries[0] if isinstance(entries, list) and entries else {}
    charge, voltage = first.get("AppleRawCurrentCapacity"), first.get("Voltage")
    if not isinstance(charge, int) or not isinstance(voltage, int):
        return None
    return charge / 1e3 * voltage / 1e3 * JOULES_PER_WATT_HOUR


def _apple() -> dict[str, float]:
    monitor = import_module("zeus_apple_silicon").AppleEnergyMonitor()
    return apple_joules(monitor.get_cumulative_energy())


def _macos_battery() -> float | None:
    command = ["/usr/sbin/ioreg", "-arc", "AppleSmartBattery"]
    told = subprocess.run(command, capture_output=True, check=True, timeout=5).stdout
    return macos_joules(plistlib.loads(told)) if told else None


class _BatteryState(ctypes.Structure):
    """SYSTEM_BATTERY_STATE of winnt.h; capacities in mWh."""

    _fields_ = (
        ("ac_on_line", ctypes.c_ubyte),
        ("battery_present", ctypes.c_ubyte),
        ("charging", ctypes.c_ubyte),
        ("discharging", ctypes.c_ubyte),
        ("spare", ctypes.c_ubyte * 3),
        ("tag", ctypes.c_ubyte),
        ("max_capacity", ctypes.c_ulong),
        ("remaining_capacity", ctypes.c_ulong),
        ("rate", ctypes.c_ulong),
        ("estimated_time", ctypes.c_ulong),
        ("default_alert1", ctypes.c_ulong),
        ("default_alert2", ctypes.c_ulong),
    )


def _windows_battery() -> float | None:
    state = _BatteryState()
    library = ctypes.WinDLL("powrprof")  # type: ignore[attr-defined,unused-ignore]
    size = ctypes.sizeof(state)
    failed = library.CallNtPowerInformation(SYSTEM_BATTERY_STATE, None, 0, ctypes.byref(state), size)
    if failed or not state.battery_present:
        return None
    return float(state.remaining_capacity) / 1e3 * JOULES_PER_WATT_HOUR
