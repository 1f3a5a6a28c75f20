"""Limits of containers."""

from __future__ import annotations

import pytest

from backends.hardware import cgroup
from backends.hardware.system import Platform
from tests.unit.hardware.recorded import RecordedSystem

GIB = 1 << 30


def system(answers: dict[str, object]) -> RecordedSystem:
    return RecordedSystem(
        Platform("linux", "x86_64", "6"), {key: f"{value}\n" for key, value in answers.items()}
    )


def test_the_tightest_group_on_the_way_up_holds() -> None:
    found = cgroup.memory_limit(
        system(
            {
                "/proc/self/cgroup": "0::/a/b",
                "/sys/fs/cgroup/a/b/memory.max": "max",
                "/sys/fs/cgroup/a/memory.max": 4 * GIB,
                "/sys/fs/cgroup/a/memory.current": 5 * GIB,
                "/sys/fs/cgroup/memory.max": 8 * GIB,
            }
        )
    )
    assert found == cgroup.MemoryLimit(4 * GIB, 0, "/sys/fs/cgroup/a/memory.max")


def test_version_1() -> None:
    answers: dict[str, object] = {
        "/proc/self/cgroup": "4:memory:/docker/x\n3:cpu,cpuacct:/docker/x\n0::/",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes": 2 * GIB,
        "/sys/fs/cgroup/memory/memory.usage_in_bytes": GIB,
        "/sys/fs/cgroup/memory/memory.stat": f"cache 1\ntotal_inactive_file {GIB // 2}",
        "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": 150000,
        "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": 100000,
    }
    memory, cpu = cgroup.memory_limit(system(answers)), cgroup.cpu_limit(system(answers))
    assert memory is not None
    assert (memory.limit_bytes, memory.available_bytes) == (2 * GIB, 2 * GIB - GIB // 2)
    assert cpu is not None
    assert cpu.cpus == 1.5


@pytest.mark.parametrize("value", ["max 100000", "-1", "0 0", "", "x y", "100000 0"])
def test_no_quota(value: str) -> None:
    assert cgroup.cpu_limit(system({"/proc/self/cgroup": "0::/", "/sys/fs/cgroup/cpu.max": value})) is None


def test_version_1_writes_no_limit_as_a_huge_number() -> None:
    answers: dict[str, object] = {
        "/proc/self/cgroup": "4:memory:/",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes": 9223372036854771712,
    }
    assert cgroup.memory_limit(system(answers)) is None
