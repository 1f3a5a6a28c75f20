"""Accelerators that are plugged in: Movidius VPUs, Coral Edge TPUs, Hailo processors."""

from __future__ import annotations

from dataclasses import dataclass

from backends.domain.hardware import Accelerator, AcceleratorKind
from backends.hardware import devices
from backends.hardware.devices import Device
from backends.hardware.facts import Found, fact, unknown
from backends.hardware.system import System

OWN_MEMORY = "The system does not tell the memory of this device."
NOT_USED = "None of Edgewright's frameworks drives it."
MOVIDIUS = f"{NOT_USED} OpenVINO's last release with a driver for it is 2022.3."
CORAL = f"{NOT_USED} It runs TensorFlow Lite models made by the Edge TPU compiler, through libedgetpu."
HAILO = f"{NOT_USED} It runs models made by the Hailo Dataflow Compiler, through HailoRT."


@dataclass(frozen=True)
class Known:
    kind: AcceleratorKind
    name: str
    vendor: str
    note: str


# USB 1a6e:089a is Coral before its firmware is loaded, 18d1:9302 after; 03e7:f63b is a Movidius at work.
KNOWN = {
    "usb 03e7:2150": Known(
        AcceleratorKind.VPU, "Movidius Neural Compute Stick (Myriad 2)", "Intel", MOVIDIUS
    ),
    "usb 03e7:2485": Known(AcceleratorKind.VPU, "Neural Compute Stick 2 (Myriad X)", "Intel", MOVIDIUS),
    "usb 03e7:f63b": Known(AcceleratorKind.VPU, "Movidius Myriad X (running)", "Intel", MOVIDIUS),
    "usb 1a6e:089a": Known(AcceleratorKind.EDGE_TPU, "Coral USB Accelerator", "Google", CORAL),
    "usb 18d1:9302": Known(AcceleratorKind.EDGE_TPU, "Coral USB Accelerator", "Google", CORAL),
    "pci 1ac1:089a": Known(AcceleratorKind.EDGE_TPU, "Coral PCIe Edge TPU", "Google", CORAL),
    "pci 1e60:2864": Known(AcceleratorKind.NPU, "Hailo-8", "Hailo", HAILO),
}
NONE = "No Movidius VPU, Coral Edge TPU or Hailo processor is plugged in."


def probe(system: System) -> Found:
    plugged = tuple(
        _accelerator(device, KNOWN[f"{device.bus} {device.ids}"])
        for device in devices.found(system)
        if f"{device.bus} {device.ids}" in KNOWN
    )
    return Found(plugged) if plugged else Found(notes=(unknown("USB and PCI ids", NONE),))


def _accelerator(device: Device, is_known: Known) -> Accelerator:
    return Accelerator(
        kind=is_known.kind,
        name=is_known.name,
        vendor=is_known.vendor,
        source=f"{device.source} ({device.ids})",
        memory_bytes=unknown(device.source, OWN_MEMORY),
        shared_memory=False,
        driver=fact(device.driver or None, device.source, "No kernel driver is bound to it."),
        note=is_known.note,
    )
