"""Peak memory of this process and its children, from the kernel's own high-water marks.

Read inside the worker. Linux: VmHWM (reset through ``clear_refs``) with the anonymous/file split of
``smaps_rollup``. macOS: lifetime maximum of the physical footprint. Windows: peak working set.
"""

from __future__ import annotations

import sys
from pathlib import Path

from backends.domain.metric import MemoryReading

_STATUS = Path("/proc/self/status")
_ROLLUP = Path("/proc/self/smaps_rollup")
_CLEAR_REFS = Path("/proc/self/clear_refs")


def reset_peak() -> int:
    """Start the high-water mark anew where the system allows it; returns what is resident now, in bytes."""
    if sys.platform == "linux":
        _CLEAR_REFS.write_text("5")
        return parse_kib_fields(_STATUS.read_text())["VmRSS"]
    return _resident_elsewhere()


def read_peak(baseline_bytes: int, weights_bytes: int, kv_cache_bytes: int | None) -> MemoryReading:
    """The marks since the last :func:`reset_peak`.

    The file-backed share is what is mapped now: mapped weights stay mapped until the session closes. The
    anonymous peak is the rest of the total, so the two always add up to it.
    """
    if sys.platform == "linux":
        total = parse_kib_fields(_STATUS.read_text())["VmHWM"]
        rollup = parse_kib_fields(_ROLLUP.read_text())
        file_backed = max(0, rollup["Rss"] - rollup["Anonymous"])
        return MemoryReading(
            total,
            total - file_backed,
            file_backed,
            baseline_bytes,
            weights_bytes,
            kv_cache_bytes,
            "VmHWM and smaps_rollup",
        )
    total, source = _peak_elsewhere()
    return MemoryReading(total, None, None, baseline_bytes, weights_bytes, kv_cache_bytes, source)


def parse_kib_fields(text: str) -> dict[str, int]:
    """``Name:   123 kB`` lines of a /proc file, in bytes."""
    fields: dict[str, int] = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        parts = rest.split()
        if len(parts) == 2 and parts[1] == "kB" and parts[0].isdigit():
            fields[name] = int(parts[0]) * 1024
    return fields


def _resident_elsewhere() -> int:
    import psutil

    return int(psutil.Process().memory_info().rss)


def _peak_elsewhere() -> tuple[int, str]:
    import psutil

    if sys.platform == "darwin":
        return macos_peak_footprint(), "ri_lifetime_max_phys_footprint"
    return int(getattr(psutil.Process().memory_info(), "peak_wset", 0)), "peak working set"


def macos_peak_footprint() -> int:
    """``proc_pid_rusage`` with RUSAGE_INFO_V4; the field is the 29th 64-bit word behind the 16-byte uuid.

    Layout: <sys/resource.h>, struct rusage_info_v4.
    """
    import ctypes
    import os

    words = (ctypes.c_uint64 * 64)()
    status = ctypes.CDLL("libproc.dylib").proc_pid_rusage(os.getpid(), 4, ctypes.byref(words))
    if status != 0:
        return _resident_elsewhere()
    return int(words[2 + LIFETIME_MAX_PHYS_FOOTPRINT_WORD])


# rusage_info_v4 after ri_uuid[16]: user_time 0, system_time 1, pkg_idle_wkups 2, interrupt_wkups 3,
# pageins 4, wired_size 5, resident_size 6, phys_footprint 7, proc_start_abstime 8, proc_exit_abstime 9,
# child_* 10-15,
# diskio_bytesread 16, diskio_byteswritten 17, cpu_time_qos_* 18-24, billed_system_time 25,
# serviced_system_time 26, logical_writes 27, lifetime_max_phys_footprint 28.
LIFETIME_MAX_PHYS_FOOTPRINT_WORD = 28
