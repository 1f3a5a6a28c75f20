"""Qualcomm's Adreno GPU and Hexagon neural processor, on Windows and on Linux."""

from __future__ import annotations

from backends.domain.hardware import Accelerator, AcceleratorKind
from backends.hardware import devices, parse
from backends.hardware.devices import Device
from backends.hardware.facts import Found, fact, unknown, uses
from backends.hardware.system import System

VENDOR = "Qualcomm"
NO_OWN_MEMORY = "It has no memory of its own; it works in main memory."
DRM = "/sys/class/drm"
REMOTE = "/sys/class/remoteproc"


def probe(system: System) -> Found:
    if system.platform.family == "macos":
        return Found()  # system_profiler lists all GPUs of a Mac; see apple.py
    listed = [device for device in devices.found(system) if _is_qualcomm(device)]
    gpus = [
        _gpu(device.name, device.source, device.driver) for device in listed if device.kind == devices.DISPLAY
    ]
    npus = [_npu(device.name, device.source, True) for device in listed if device.kind == devices.COMPUTE]
    if system.platform.family == "linux":
        gpus, npus = [*gpus, *_linux_gpus(system)], [*npus, *_linux_npus(system)]
    if gpus or npus:
        return Found((*gpus, *npus))
    return Found(notes=(unknown("system devices", "No Qualcomm GPU or neural processor was found."),))


def _is_qualcomm(device: Device) -> bool:
    return any(word in device.name for word in ("Qualcomm", "Adreno", "Hexagon"))


def _linux_gpus(system: System) -> list[Accelerator]:
    """The msm driver drives Adreno."""
    for path in system.glob(f"{DRM}/card[0-9]*/device/uevent"):
        if parse.pairs(system.read(path).text, "=").get("DRIVER") in ("msm", "adreno", "msm_dpu"):
            return [_gpu("Qualcomm Adreno GPU", DRM, "msm")]
    return []


def _linux_npus(system: System) -> list[Accelerator]:
    """The Hexagon "compute DSP" is a remote processor; programs reach it through a FastRPC device file."""
    for path in system.glob(f"{REMOTE}/remoteproc*/name"):
        if "cdsp" in system.read(path).text:
            return [_npu("Qualcomm Hexagon NPU", REMOTE, bool(system.glob("/dev/fastrpc-cdsp*")))]
    return []


def _gpu(name: str, source: str, driver: str) -> Accelerator:
    return Accelerator(
        kind=AcceleratorKind.GPU,
        name=name,
        vendor=VENDOR,
        source=source,
        memory_bytes=unknown(source, NO_OWN_MEMORY),
        shared_memory=True,
        driver=fact(driver or None, source, "The driver's version is not told."),
        usable_by=uses(qnn="GPU", llama_cpp="OpenCL", onnx_runtime="QNN (GPU)"),
    )


def _npu(name: str, source: str, reachable: bool) -> Accelerator:
    return Accelerator(
        kind=AcceleratorKind.NPU,
        name=name,
        vendor=VENDOR,
        source=source,
        memory_bytes=unknown(source, NO_OWN_MEMORY),
        shared_memory=True,
        driver=unknown(source, "The driver's version is not told."),
        usable_by=uses(qnn="HTP", onnx_runtime="QNN", olive="QNN") if reachable else (),
        note="" if reachable else "Programs cannot reach it: there is no /dev/fastrpc-cdsp device file.",
    )
