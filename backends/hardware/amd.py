"""AMD GPUs and the XDNA neural processors of Ryzen AI."""

from __future__ import annotations

import re

from backends.domain.hardware import Accelerator, AcceleratorKind, FrameworkUse
from backends.hardware import devices, parse
from backends.hardware.devices import Device
from backends.hardware.facts import Found, fact, unknown, uses
from backends.hardware.system import System

VENDOR = "AMD"
GPU_VENDOR_ID = "1002"
# PCI ids of the XDNA drivers (drivers/accel/amdxdna in Linux).
NPUS = {"1022:1502": "AMD NPU (XDNA, Ryzen 7040/8040)", "1022:17f0": "AMD NPU (XDNA 2, Ryzen AI 300)"}
# Integrated graphics by the names lspci and Windows give them; the system does not tell otherwise.
INTEGRATED = re.compile(
    r"Raven|Picasso|Renoir|Cezanne|Barcelo|Rembrandt|Phoenix|Hawk Point|Strix|Krackan|Raphael|Granite Ridge"
    r"|Mendocino|Van Gogh|[6789]\d0M|80[56]0S|Radeon\(TM\) Graphics|Vega Series / Radeon",
    re.IGNORECASE,
)
NO_DRIVER = "No driver is bound to it."


def probe(system: System) -> Found:
    if system.platform.family == "macos":
        return Found()  # system_profiler lists all GPUs of a Mac; see apple.py
    all_devices = devices.found(system)
    gpus = [_gpu(system, device) for device in all_devices if _is_gpu(device)]
    npus = [_npu(system, device) for device in all_devices if _is_npu(device)]
    if gpus or npus:
        return Found((*gpus, *npus))
    return Found(notes=(unknown("PCI devices", "No AMD GPU or neural processor was found."),))


def _is_gpu(device: Device) -> bool:
    return device.vendor_id == GPU_VENDOR_ID and device.kind == devices.DISPLAY


def _is_npu(device: Device) -> bool:
    return device.ids in NPUS or (
        device.kind == devices.COMPUTE and device.vendor_id == "1022" and "NPU" in device.name
    )


def _gpu(system: System, device: Device) -> Accelerator:
    name = device.name or f"AMD GPU {device.ids}"
    vram = parse.positive(parse.integer(system.read(f"{device.folder}/mem_info_vram_total").text))
    integrated = bool(INTEGRATED.search(name))
    return Accelerator(
        kind=AcceleratorKind.GPU,
        name=name,
        vendor=VENDOR,
        source=device.source,
        memory_bytes=fact(vram or device.memory_bytes, device.source, "The driver does not tell its memory."),
        shared_memory=integrated,
        driver=fact(device.driver or None, device.source, NO_DRIVER),
        usable_by=_gpu_uses(system),
        note="Its memory is a part set aside of main memory." if integrated else "",
    )


def _gpu_uses(system: System) -> tuple[FrameworkUse, ...]:
    if system.platform.family == "windows":
        return uses(llama_cpp="Vulkan", onnx_runtime="DirectML", olive="DirectML")
    if system.glob("/sys/class/kfd/kfd/topology/nodes/*"):
        return uses(llama_cpp="ROCm", onnx_runtime="MIGraphX", olive="MIGraphX")
    return uses(llama_cpp="Vulkan")


def _npu(system: System, device: Device) -> Accelerator:
    working = bool(device.driver) or system.platform.family == "windows"
    return Accelerator(
        kind=AcceleratorKind.NPU,
        name=NPUS.get(device.ids, device.name),
        vendor=VENDOR,
        source=device.source,
        memory_bytes=unknown(device.source, "It has no memory of its own; it works in main memory."),
        shared_memory=True,
        driver=fact(device.driver or None, device.source, "The driver's version is not told."),
        usable_by=uses(onnx_runtime="VitisAI", olive="VitisAI") if working else (),
        note=""
        if working
        else "It needs the amdxdna driver (Linux 6.14 or newer) and AMD's Ryzen AI software.",
    )
