"""What a container may use: the memory and processor limits of this process's control group (Linux).

Version 2 has one tree under /sys/fs/cgroup, version 1 one tree for each controller. The tightest limit on the
way from the own group up to the root is the one that holds.
Source: https://docs.kernel.org/admin-guide/cgroup-v2.html and cgroup-v1/.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from backends.hardware import parse
from backends.hardware.system import System

ROOT = "/sys/fs/cgroup"
MEMBERSHIP = "/proc/self/cgroup"
# Version 1 writes "no limit" as the largest multiple of a page below 2**63.
NO_LIMIT_BYTES = 1 << 60


@dataclass(frozen=True)
class MemoryLimit:
    """``available_bytes``: the limit less what the group holds and cannot give back; ``None`` if not told."""

    limit_bytes: int
    available_bytes: int | None
    source: str


@dataclass(frozen=True)
class CpuLimit:
    """``cpus``: the quota in processors, such as 1.5."""

    cpus: float
    source: str


def memory_limit(system: System) -> MemoryLimit | None:
    """The tightest memory limit, or ``None`` when there is none."""
    found = [_memory_v2(system, group) for group in _groups(system, "")]
    found += [_memory_v1(system, group) for group in _groups(system, "memory")]
    limits = [limit for limit in found if limit is not None]
    return min(limits, key=lambda limit: limit.limit_bytes, default=None)


def cpu_limit(system: System) -> CpuLimit | None:
    """The tightest processor quota, or ``None`` when there is none."""
    found = [_cpu_v2(system, group) for group in _groups(system, "")]
    found += [_cpu_v1(system, group) for group in _groups(system, "cpu")]
    limits = [limit for limit in found if limit is not None]
    return min(limits, key=lambda limit: limit.cpus, default=None)


def _groups(system: System, controller: str) -> tuple[str, ...]:
    """The folders from the own group up to the root of one controller; "" stands for version 2.

    Inside a container the path often names a group that only the host sees: its folder then is not there,
    and the root of what is mounted holds the container's own limits.
    """
    for line in system.read(MEMBERSHIP).text.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controller in controllers.split(",") and path.startswith("/"):
            base = f"{ROOT}/{controllers}" if controller else ROOT
            above = (PurePosixPath(path), *PurePosixPath(path).parents)
            return tuple(f"{base}{folder}".rstrip("/") for folder in above if ".." not in folder.parts)
    return ()


def _memory_v2(system: System, group: str) -> MemoryLimit | None:
    limit = _bytes(system, f"{group}/memory.max")
    if limit is None:
        return None
    used, stat = _bytes(system, f"{group}/memory.current"), system.read(f"{group}/memory.stat").text
    return MemoryLimit(limit, _available(limit, used, stat, "inactive_file"), f"{group}/memory.max")


def _memory_v1(system: System, group: str) -> MemoryLimit | None:
    limit = _bytes(system, f"{group}/memory.limit_in_bytes")
    if limit is None:
        return None
    used, stat = _bytes(system, f"{group}/memory.usage_in_bytes"), system.read(f"{group}/memory.stat").text
    available = _available(limit, used, stat, "total_inactive_file")
    return MemoryLimit(limit, available, f"{group}/memory.limit_in_bytes")


def _bytes(system: System, path: str) -> int | None:
    value = parse.positive(parse.integer(system.read(path).text))
    return value if value is not None and value < NO_LIMIT_BYTES else None


def _available(limit: int, used: int | None, stat: str, reclaimable: str) -> int | None:
    """Inactive file pages are given back as soon as somebody needs the memory."""
    if used is None:
        return None
    spare = parse.integer(parse.pairs(stat, " ").get(reclaimable, "0")) or 0
    return max(0, limit - max(0, used - spare))


def _cpu_v2(system: System, group: str) -> CpuLimit | None:
    quota, _, period = system.read(f"{group}/cpu.max").text.strip().partition(" ")
    return _quota(quota, period, f"{group}/cpu.max")


def _cpu_v1(system: System, group: str) -> CpuLimit | None:
    quota = system.read(f"{group}/cpu.cfs_quota_us").text
    return _quota(quota, system.read(f"{group}/cpu.cfs_period_us").text, f"{group}/cpu.cfs_quota_us")


def _quota(quota_us: str, period_us: str, source: str) -> CpuLimit | None:
    quota, period = parse.positive(parse.integer(quota_us)), parse.positive(parse.integer(period_us))
    return None if quota is None or period is None else CpuLimit(quota / period, source)
