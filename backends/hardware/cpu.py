"""The processor: asks the reader of this operating system, and adds what this process may use of it."""

from __future__ import annotations

from backends.domain.hardware import Fact, Processor
from backends.hardware import cgroup, cpu_linux, cpu_macos, cpu_windows, parse
from backends.hardware.cpu_names import architecture
from backends.hardware.facts import fact, known, sentence, unknown
from backends.hardware.system import System

READERS = {"linux": cpu_linux.read, "macos": cpu_macos.read, "windows": cpu_windows.read}


def probe(system: System) -> Processor:
    """What the processor is and can do."""
    read = READERS.get(system.platform.family)
    return read(system, usable_cpus(system)) if read else undetected(system, "This system is not supported.")


def usable_cpus(system: System) -> Fact[float]:
    """Logical cores this process may use: its affinity, and a container's quota if that is less."""
    answer = system.native("affinity")
    cores = parse.positive(parse.integer(parse.load_json(answer.text)))
    limit = cgroup.cpu_limit(system) if system.platform.family == "linux" else None
    if limit is not None and (cores is None or limit.cpus < cores):
        return known(limit.cpus, f"{limit.source} (the container's quota)")
    allowed = None if cores is None else float(cores)
    return fact(allowed, "process affinity", sentence("The process affinity", answer.problem))


def undetected(system: System, why: str) -> Processor:
    """A processor of which only the architecture is known."""
    source = system.platform.family
    return Processor(
        vendor=unknown(source, why),
        brand=unknown(source, why),
        architecture=architecture(system.platform.machine),
        physical_cores=unknown(source, why),
        logical_cores=unknown(source, why),
        performance_cores=unknown(source, why),
        efficiency_cores=unknown(source, why),
        instruction_sets=unknown(source, why),
        caches=unknown(source, why),
        max_frequency_hz=unknown(source, why),
        usable_cpus=unknown(source, why),
    )
