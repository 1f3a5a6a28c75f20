"""Main memory and swap. A container's limit counts as the memory there is."""

from __future__ import annotations

import re

from backends.domain.hardware import Fact, Memory
from backends.hardware import cgroup, parse
from backends.hardware.facts import fact, known, sentence, unknown
from backends.hardware.macos import sysctl
from backends.hardware.system import System

MEMINFO = "/proc/meminfo"
# vm_stat's pages that can be handed out at once or dropped without writing.
MACOS_AVAILABLE = ("Pages free", "Pages inactive", "Pages speculative", "Pages purgeable")


def probe(system: System) -> Memory:
    """Sizes in bytes."""
    read = {"linux": _linux, "macos": _macos}.get(system.platform.family, _psutil)
    return read(system)


def undetected(why: str) -> Memory:
    return Memory(unknown("", why), unknown("", why), unknown("", why))


def _linux(system: System) -> Memory:
    answer = system.read(MEMINFO)
    sizes = {name: parse.size_bytes(value) for name, value in parse.pairs(answer.text).items()}
    why = sentence(MEMINFO, answer.problem)
    machine = Memory(
        fact(parse.positive(sizes.get("MemTotal")), MEMINFO, why),
        fact(sizes.get("MemAvailable"), MEMINFO, why),
        fact(sizes.get("SwapTotal"), MEMINFO, why),
    )
    limit = cgroup.memory_limit(system)
    return machine if limit is None else _limited(machine, limit)


def _limited(machine: Memory, limit: cgroup.MemoryLimit) -> Memory:
    """The smaller of what the machine and what the container has, each with its source."""
    source = f"{limit.source} (the container's limit)"
    total, available = machine.total_bytes, machine.available_bytes
    if total.value is None or limit.limit_bytes < total.value:
        total = known(limit.limit_bytes, source)
    if limit.available_bytes is not None and limit.available_bytes < (
        available.value or limit.limit_bytes + 1
    ):
        available = known(limit.available_bytes, source)
    return Memory(total, available, machine.swap_bytes)


def _macos(system: System) -> Memory:
    values = sysctl(system)
    total = parse.positive(parse.integer(values.get("hw.memsize", "")))
    why = sentence("sysctl", system.run("sysctl", "-a").problem)
    swap = re.search(r"total = ([0-9.]+[KMGT]?)", values.get("vm.swapusage", ""))
    return Memory(
        fact(total, "sysctl hw.memsize", why),
        _macos_available(system),
        fact(parse.size_bytes(swap[1]) if swap else None, "sysctl vm.swapusage", why),
    )


def _macos_available(system: System) -> Fact[int]:
    answer = system.run("vm_stat")
    page = re.search(r"page size of ([0-9]{1,9}) bytes", answer.text)
    counts = parse.pairs(answer.text)
    pages = [parse.integer(counts.get(name, "").rstrip(".")) for name in MACOS_AVAILABLE]
    total = sum(value for value in pages if value is not None)
    available = int(page[1]) * total if page and total > 0 else None
    return fact(available, "vm_stat", sentence("vm_stat", answer.problem))


def _psutil(system: System) -> Memory:
    answer = system.native("memory")
    sizes = {name: parse.integer(value) for name, value in parse.json_object(answer.text).items()}
    why = sentence("The memory", answer.problem)
    return Memory(
        fact(parse.positive(sizes.get("total")), "psutil", why),
        fact(sizes.get("available"), "psutil", why),
        fact(sizes.get("swap"), "psutil", why),
    )
