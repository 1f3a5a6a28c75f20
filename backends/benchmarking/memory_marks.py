"""What each system tells of the memory of one process.

| system | high-water mark | what is seen now |
|---|---|---|
| Linux | ``VmHWM``, begun anew by ``clear_refs`` 5 | ``smaps_rollup``: anonymous, all others |
| macOS | ``ri_lifetime_max_phys_footprint``, never begun anew | footprint; mapped files outside it |
| Windows | peak working set, peak private bytes, never begun anew | working set |
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Marks:
    """Bytes of one process; ``None`` where its system does not tell."""

    peak: int
    resident: int
    anonymous: int | None = None
    mapped: int | None = None  # of files, shared memory among them
    private_peak: int | None = None  # Windows: what was promised to it alone, in memory or not


@dataclass(frozen=True)
class MemorySystem:
    """``read`` answers ``None`` for a process that is gone; none of the three raises.

    ``maps_beside``: mapped files are not in the high-water mark and have to be added.
    """

    source: str
    read: Callable[[int], Marks | None]
    children: Callable[[int], Sequence[int]]
    reset: Callable[[int], None] = lambda pid: None
    maps_beside: bool = False


def this_system() -> MemorySystem:
    if sys.platform == "linux":
        return MemorySystem("VmHWM and smaps_rollup", read_linux, children_of, reset_linux)
    if sys.platform == "darwin":
        source = "ri_lifetime_max_phys_footprint and mapped model files"
        return MemorySystem(source, read_macos, children_of, maps_beside=True)
    return MemorySystem("peak working set", read_windows, children_of)


def children_of(pid: int) -> Sequence[int]:
    """All descendants."""
    with suppress(psutil.Error):
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    return ()


# -- Linux


def read_linux(pid: int) -> Marks | None:
    with suppress(OSError):
        folder = Path(f"/proc/{pid}")
        return parse_linux((folder / "status").read_text(), (folder / "smaps_rollup").read_text())
    return None


def reset_linux(pid: int) -> None:
    with suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def parse_linux(status: str, rollup: str) -> Marks | None:
    """``None`` for a process without memory: one that has ended and was not waited for."""
    state, pages = parse_kib_fields(status), parse_kib_fields(rollup)
    if "VmHWM" not in state or "Rss" not in pages:
        return None
    anonymous = pages["Anonymous"]
    return Marks(state["VmHWM"], state["VmRSS"], anonymous, max(0, pages["Rss"] - anonymous))


def parse_kib_fields(text: str) -> dict[str, int]:
    """``Name:   123 kB`` lines of a /proc file, in bytes."""
    fields: dict[str, int] = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        parts = rest.split()
        if len(parts) == 2 and parts[1] == "kB" and parts[0].isdigit():
            fields[name] = int(parts[0]) * 1024
    return fields


# -- macOS

# <sys/resource.h>, struct rusage_info_v4: 16 bytes ri_uuid, then 64-bit words: user_time 0, system_time 1,
# pkg_idle_wkups 2, interrupt_wkups 3, pageins 4, wired_size 5, resident_size 6, phys_footprint 7,
# proc_start_abstime 8, proc_exit_abstime 9, child_* 10-15, diskio_bytesread 16, diskio_byteswritten 17,
# cpu_time_qos_* 18-24, billed_system_time 25, serviced_system_time 26, logical_writes 27,
# lifetime_max_phys_footprint 28.
RUSAGE_INFO_V4, RUSAGE_WORDS = 4, 64
_UUID_BYTES, _RESIDENT, _FOOTPRINT, _LIFETIME_MAX = 16, 6, 7, 28


def read_macos(pid: int) -> Marks | None:
    import ctypes

    words = (ctypes.c_uint64 * RUSAGE_WORDS)()
    status = ctypes.CDLL("libproc.dylib").proc_pid_rusage(pid, RUSAGE_INFO_V4, ctypes.byref(words))
    return parse_macos(bytes(words)) if status == 0 else None


def parse_macos(info: bytes) -> Marks:
    """The footprint counts anonymous and compressed pages; clean pages of mapped files lie outside it."""

    def word(number: int) -> int:
        start = _UUID_BYTES + 8 * number
        return int.from_bytes(info[start : start + 8], sys.byteorder)

    footprint = word(_FOOTPRINT)
    return Marks(word(_LIFETIME_MAX), footprint, footprint, max(0, word(_RESIDENT) - footprint))


# -- Windows


def read_windows(pid: int) -> Marks | None:
    """PROCESS_MEMORY_COUNTERS_EX, which psutil asks for."""
    with suppress(psutil.Error):
        return parse_windows(psutil.Process(pid).memory_info())
    return None


def parse_windows(counters: object) -> Marks:
    """``PeakPagefileUsage`` is the peak of the private bytes, whatever its name says."""

    def counter(name: str) -> int:
        return int(getattr(counters, name))

    return Marks(counter("peak_wset"), counter("wset"), private_peak=counter("peak_pagefile"))


# -- several of them


def larger(one: Marks, other: Marks) -> Marks:
    """Each figure by itself: they need not have been reached at the same moment."""
    return Marks(
        max(one.peak, other.peak),
        max(one.resident, other.resident),
        _larger(one.anonymous, other.anonymous),
        _larger(one.mapped, other.mapped),
        _larger(one.private_peak, other.private_peak),
    )


def together(marks: Sequence[Marks]) -> Marks:
    """Of several processes; a figure that one of them lacks is unknown for all."""
    return Marks(
        sum(one.peak for one in marks),
        sum(one.resident for one in marks),
        _sum([one.anonymous for one in marks]),
        _sum([one.mapped for one in marks]),
        _sum([one.private_peak for one in marks]),
    )


def _larger(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else max(one, other)


def _sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
