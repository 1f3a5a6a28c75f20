"""NVIDIA GPUs: nvidia-smi, and the PCI bus for those without a driver.

``nvidia-smi`` asks NVML in a process of its own, so a broken driver cannot take this one down.
"""

from __future__ import annotations

from backends.domain.hardware import Accelerator, AcceleratorKind, EnergyCounter, FrameworkUse
from backends.hardware import devices, parse
from backends.hardware.facts import Found, fact, known, unknown, uses
from backends.hardware.system import System

VENDOR = "NVIDIA"
FIELDS = ("index", "name", "memory.total", "driver_version", "compute_cap")
COMMAND = ("nvidia-smi", f"--query-gpu={','.join(FIELDS)}", "--format=csv,noheader,nounits")
SMI = "nvidia-smi"
TIMEOUT_S = 8.0  # without persistence mode the driver first wakes the GPU
VOLTA = 7.0  # nvmlDeviceGetTotalEnergyConsumption: "for Volta or newer"


def probe(system: System) -> Found:
    """One accelerator for each GPU."""
    if system.platform.family == "macos":
        return Found(notes=(unknown(SMI, "macOS has no driver for NVIDIA GPUs."),))
    answer = system.run(*COMMAND, timeout_s=TIMEOUT_S)
    gpus = tuple(_gpu(system, row) for row in rows(answer.text))
    if gpus:
        return Found(gpus)
    idle = tuple(_without_driver(device) for device in devices.found(system) if _is_gpu(device))
    if idle:
        return Found(idle)
    why = f"No NVIDIA GPU was found: {answer.problem or 'nvidia-smi lists none'}, and the PCI bus has none."
    return Found(notes=(unknown(SMI, why),))


def energy_counters(system: System) -> tuple[EnergyCounter, ...]:
    """The GPUs' own energy counters, read through NVML."""
    counters = []
    for row in rows(system.run(*COMMAND, timeout_s=TIMEOUT_S).text):
        capability = parse.number(row["compute_cap"])
        readable = capability is not None and capability >= VOLTA
        remedy = "" if readable else "Only NVIDIA GPUs from the Volta generation on count their energy."
        counters.append(EnergyCounter(f"gpu:{row['index']}", readable, "NVML", remedy))
    return tuple(counters)


def rows(text: str) -> tuple[dict[str, str], ...]:
    """The lines of nvidia-smi's table by field; a line with another number of fields is no row."""
    split = ([cell.strip() for cell in line.split(",")] for line in text.splitlines())
    return tuple(dict(zip(FIELDS, cells, strict=True)) for cells in split if len(cells) == len(FIELDS))


def _gpu(system: System, row: dict[str, str]) -> Accelerator:
    """nvidia-smi counts in MiB, and writes [N/A] where GPU and processor share the memory (GB10, Jetson)."""
    mebibytes = parse.positive(parse.integer(row["memory.total"]))
    why = "nvidia-smi tells no memory of its own for this GPU; it shares the machine's."
    capability = parse.number(row["compute_cap"])
    return Accelerator(
        kind=AcceleratorKind.GPU,
        name=row["name"],
        vendor=VENDOR,
        source=SMI,
        memory_bytes=fact(None if mebibytes is None else mebibytes << 20, SMI, why),
        shared_memory=mebibytes is None,
        driver=known(row["driver_version"], SMI),
        usable_by=_uses(system),
        note=f"CUDA compute capability {capability:g}." if capability is not None else "",
    )


def _uses(system: System) -> tuple[FrameworkUse, ...]:
    common = uses(llama_cpp="CUDA", onnx_runtime="CUDA", olive="CUDA")
    return (*common, *uses(mlx="CUDA")) if system.platform.family == "linux" else common


def _is_gpu(device: devices.Device) -> bool:
    return device.vendor_id == "10de" and device.kind in (devices.DISPLAY, devices.COMPUTE)


def _without_driver(device: devices.Device) -> Accelerator:
    why = "nvidia-smi does not answer, so its driver is not working or not installed."
    return Accelerator(
        kind=AcceleratorKind.GPU,
        name=device.name or f"NVIDIA GPU {device.ids}",
        vendor=VENDOR,
        source=device.source,
        memory_bytes=fact(device.memory_bytes, device.source, why),
        shared_memory=False,
        driver=fact(device.driver or None, device.source, why),
        note="No framework can use this GPU before NVIDIA's driver with nvidia-smi is installed.",
    )
