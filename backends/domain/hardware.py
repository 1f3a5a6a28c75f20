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


class AcceleratorKind(StrEnum):
    GPU = "gpu"
    NPU = "npu"
    VPU = "vpu"
    EDGE_TPU = "edge_tpu"


@dataclass(frozen=True)
class FrameworkUse:
    """What one framework can use of a device: ``how`` is its own name for it, such as "CUDA" or "GPU.0"."""

    framework: str
    how: str


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
