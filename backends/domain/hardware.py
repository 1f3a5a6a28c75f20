"""What is in a machine. Every fact says how it was found, or why it could not be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Fact(Generic[T]):
    """A value with its source (a file, a tool, an interface), or ``None`` with the reason."""

    value: T | None
    source: str
    why_not: str = ""


@dataclass(frozen=True)
class Cache:
    level: int
    kind: str  # "data", "instruction" or "unified"
    size_bytes: int
    shared_by_threads: int = 1
    instances: int = 1  # how many of this kind the machine has; ``size_bytes`` is one of them


@dataclass(frozen=True)
class Processor:
    vendor: Fact[str]
    brand: Fact[str]
    architecture: str  # "x86_64" or "arm64", one spelling on all systems
    physical_cores: Fact[int]
    logical_cores: Fact[int]
    performance_cores: Fact[int]
    efficiency_cores: Fact[int]
    instruction_sets: Fact[tuple[str, ...]]  # those that matter: AVX2, AVX-512, VNNI, AMX, NEON, dotprod, ...
    caches: Fact[tuple[Cache, ...]]
    max_frequency_hz: Fact[float]
    # What this process may use of the logical cores: affinity and container quota; 1.5 is possible.
    usable_cpus: Fact[float] = Fact(None, "", "Nobody has looked for it.")


@dataclass(frozen=True)
class Memory:
    total_bytes: Fact[int]
    available_bytes: Fact[int]
    swap_bytes: Fact[int]


@dataclass(frozen=True)
class Throughput:
    """What this machine really does, measured in about two seconds and cached per machine."""

    read_bytes_per_s: float
    fp32_flops_per_s: float
    threads: int
    took_s: float
    measured_at: str  # ISO 8601, UTC
    buffer_bytes: int = 0  # what was read again and again, far larger than the last-level caches
    other_load_percent: float = 0.0  # share of the processor that other processes took meanwhile, 0 to 100
    note: str = ""  # sentences on what bounds the figures, such as a small buffer or other work meanwhile


class AcceleratorKind(StrEnum):
    GPU = "gpu"
    NPU = "npu"
    VPU = "vpu"
    EDGE_TPU = "edge_tpu"


@dataclass(frozen=True)
class FrameworkUse:
    """What one framework can use of a device: ``how`` is its own name for it, such as "CUDA" or "GPU.0".

    ``seen`` is true when the framework installed here lists the device itself; otherwise the framework can
    use such a device when it is built or extended for it.
    """

    framework: str
    how: str
    seen: bool = False


@dataclass(frozen=True)
class Accelerator:
    kind: AcceleratorKind
    name: str
    vendor: str
    source: str
    memory_bytes: Fact[int]
    shared_memory: bool
    driver: Fact[str]
    usable_by: tuple[FrameworkUse, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Storage:
    path: str
    free_bytes: Fact[int]
    total_bytes: Fact[int]


class PowerSource(StrEnum):
    MAINS = "mains"
    BATTERY = "battery"


@dataclass(frozen=True)
class EnergyCounter:
    """An energy counter of this machine. Domains are never summed: psys contains package contains core."""

    domain: str  # "package-0", "psys", "gpu:0", ...
    readable: bool
    source: str
    remedy: str = ""  # how to make it readable


@dataclass(frozen=True)
class Power:
    source: Fact[PowerSource]
    battery_percent: Fact[float]
    profile: Fact[str]  # "balanced", "performance", a frequency governor
    energy_counters: Fact[tuple[EnergyCounter, ...]]
    temperature_celsius: Fact[float]
    throttling: Fact[bool]


@dataclass(frozen=True)
class OperatingSystem:
    family: str  # "linux", "macos", "windows"
    name: str
    version: str
    kernel: str


@dataclass(frozen=True)
class HardwareProfile:
    operating_system: OperatingSystem
    processor: Processor
    memory: Memory
    accelerators: tuple[Accelerator, ...]
    accelerator_notes: tuple[Fact[str], ...]  # what each probe looked at and did not find, and why
    storage: Storage
    power: Power
    virtualization: Fact[str]  # "none", "kvm", "docker", ...
    throughput: Throughput | None = None
    detected_in_s: float = 0.0
    framework_devices: tuple[FrameworkUse, ...] = ()  # all the installed frameworks list, the CPU included


@dataclass(frozen=True)
class BusyProcess:
    """``percent``: 100 is one logical core kept busy."""

    name: str
    percent: float


@dataclass(frozen=True)
class Conditions:
    """The machine's state between two samples of a running benchmark. ``None``: this system does not tell.

    ``cpu_percent`` and ``steal_percent``: shares of all logical cores together, 0 to 100.
    """

    t_s: float  # monotonic clock, at the end of the interval
    cpu_percent: float  # of processes other than the measured ones
    steal_percent: float  # taken from this virtual machine by its host
    frequency_hz: float | None
    temperature_celsius: float | None
    on_battery: bool | None
    throttled: bool | None
    busiest: BusyProcess | None  # the busiest of the other processes
    observer_s: float | None = None  # processor time of the process that samples; in none of the shares


@dataclass(frozen=True)
class EnergyUse:
    """Energy of one domain over an interval. Domains are never summed: psys holds package holds core."""

    domain: str
    joules: float
    duration_s: float
    source: str

    @property
    def average_watts(self) -> float:
        return self.joules / self.duration_s if self.duration_s > 0 else 0.0
