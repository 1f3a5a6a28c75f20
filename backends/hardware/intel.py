"""Intel GPUs and neural processors."""

from __future__ import annotations

from backends.domain.hardware import Accelerator, AcceleratorKind, Fact, FrameworkUse
from backends.hardware import devices, parse
from backends.hardware.devices import Device
from backends.hardware.facts import Found, fact, known, unknown, uses
from backends.hardware.system import System

VENDOR = "Intel"
VENDOR_ID = "8086"
# PCI ids of the intel_vpu driver (drivers/accel/ivpu/ivpu_drv.h in Linux).
NPUS = {
    "7d1d": "Intel AI Boost (NPU 3720, Meteor Lake)",
    "ad1d": "Intel AI Boost (NPU 3720, Arrow Lake)",
    "643e": "Intel AI Boost (NPU 4000, Lunar Lake)",
    "b03e": "Intel AI Boost (NPU 5000, Panther Lake)",
}
# The processor's own graphics always sit here on the PCI bus; cards sit behind a bridge.
INTEGRATED_SLOT = "0000:00:02.0"
NO_DRIVER = "No driver is bound to it."


def probe(system: System) -> Found:
    if system.platform.family == "macos":
        return Found()  # system_profiler lists all GPUs of a Mac; see apple.py
    mine = [device for device in devices.found(system) if device.vendor_id == VENDOR_ID]
    gpus = [_gpu(system, device) for device in mine if device.kind == devices.DISPLAY]
    npus = [_npu(system, device) for device in mine if _is_npu(device)]
    if gpus or npus:
        return Found((*gpus, *npus))
    return Found(notes=(unknown("PCI devices", "No Intel GPU or neural processor was found."),))


def _is_npu(device: Device) -> bool:
    return (
        device.product_id in NPUS
        or device.driver == "intel_vpu"
        or (device.kind == devices.COMPUTE and "AI Boost" in device.name)
    )


def _gpu(system: System, device: Device) -> Accelerator:
    shared = _is_integrated(system, device)
    return Accelerator(
        kind=AcceleratorKind.GPU,
        name=device.name or f"Intel GPU {device.ids}",
        vendor=VENDOR,
        source=device.source,
        memory_bytes=_memory(system, device, shared),
        shared_memory=shared,
        driver=fact(device.driver or None, device.source, NO_DRIVER),
        usable_by=_gpu_uses(system),
    )


def _is_integrated(system: System, device: Device) -> bool:
    if system.platform.family == "linux":
        return parse.last_part(device.folder) == INTEGRATED_SLOT
    # Windows names cards "Arc A770" or "Arc B580" and the processor's own "Arc Graphics", "Iris", "UHD".
    return not any(f"Arc(TM) {series}" in device.name for series in ("A", "B", "Pro A", "Pro B"))


def _memory(system: System, device: Device, shared: bool) -> Fact[int]:
    if shared:
        return unknown(device.source, "It has no memory of its own; it works in main memory.")
    paths = system.glob(f"{device.folder}/tile*/physical_vram_size_bytes") if device.folder else ()
    sizes = [parse.integer(system.read(path).text) for path in paths]
    total = sum(size for size in sizes if size is not None)
    return fact(total or device.memory_bytes, device.source, "The driver does not tell its memory.")


def _gpu_uses(system: System) -> tuple[FrameworkUse, ...]:
    how = "DirectML" if system.platform.family == "windows" else "OpenVINO"
    return uses(openvino="GPU", llama_cpp="SYCL", onnx_runtime=how, olive=how)


def _npu(system: System, device: Device) -> Accelerator:
    working = _has_driver(system, device)
    return Accelerator(
        kind=AcceleratorKind.NPU,
        name=NPUS.get(device.product_id, device.name or f"Intel NPU {device.ids}"),
        vendor=VENDOR,
        source=device.source,
        memory_bytes=unknown(device.source, "It has no memory of its own; it works in main memory."),
        shared_memory=True,
        driver=_npu_driver(device),
        usable_by=uses(openvino="NPU", onnx_runtime="OpenVINO", olive="OpenVINO") if working else (),
        note=""
        if working
        else "It needs the intel_vpu driver (Linux 6.8 or newer) and Intel's NPU user driver.",
    )


def _has_driver(system: System, device: Device) -> bool:
    """Linux: the kernel made a device file for it. Windows lists it under its class only with a driver."""
    return system.platform.family == "windows" or bool(device.driver and system.glob("/dev/accel/accel*"))


def _npu_driver(device: Device) -> Fact[str]:
    if device.driver:
        return known(device.driver, device.source)
    return unknown(device.source, "The driver's version is not told.")
