"""GPUs built into Arm boards, which are on no PCI bus: Raspberry Pi's VideoCore, Arm Mali and others."""

from __future__ import annotations

from backends.domain.hardware import Accelerator, AcceleratorKind
from backends.hardware import parse
from backends.hardware.cpu_names import architecture
from backends.hardware.facts import Found, known, unknown, uses
from backends.hardware.system import System

DRM = "/sys/class/drm"
# Kernel driver -> vendor and name; the drivers for displays alone (vc4, rockchip, …) are no GPUs.
GPUS = {
    "v3d": ("Broadcom", "Broadcom VideoCore (V3D)"),
    "panfrost": ("Arm", "Arm Mali (Panfrost)"),
    "panthor": ("Arm", "Arm Mali (Panthor)"),
    "lima": ("Arm", "Arm Mali (Lima)"),
    "etnaviv": ("Vivante", "Vivante GPU"),
    "powervr": ("Imagination", "PowerVR GPU"),
    "asahi": ("Apple", "Apple GPU (Asahi)"),
}
WITH_VULKAN = ("v3d", "panfrost", "panthor", "powervr", "asahi")


def probe(system: System) -> Found:
    if system.platform.family != "linux":
        return Found()
    drivers = (
        parse.pairs(system.read(path).text, "=").get("DRIVER", "")
        for path in system.glob(f"{DRM}/card[0-9]*/device/uevent")
    )
    gpus = tuple(_gpu(driver) for driver in dict.fromkeys(drivers) if driver in GPUS)
    if gpus or architecture(system.platform.machine) != "arm64":
        return Found(gpus)
    return Found(notes=(unknown(DRM, "No GPU of an Arm board was found."),))


def _gpu(driver: str) -> Accelerator:
    vendor, name = GPUS[driver]
    return Accelerator(
        kind=AcceleratorKind.GPU,
        name=name,
        vendor=vendor,
        source=DRM,
        memory_bytes=unknown(DRM, "It has no memory of its own; it works in main memory."),
        shared_memory=True,
        driver=known(driver, DRM),
        usable_by=uses(llama_cpp="Vulkan") if driver in WITH_VULKAN else (),
        note="GPUs of this size are seldom faster than the processor beside them: measure both.",
    )
