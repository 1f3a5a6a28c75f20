"""Devices that could compute: what hangs on PCI and USB on Linux, and what plug and play lists on Windows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from backends.hardware import parse
from backends.hardware.system import System
from backends.hardware.windows import inventory

PCI = "/sys/bus/pci/devices"
USB = "/sys/bus/usb/devices"
DISPLAY, COMPUTE, OTHER = "display", "compute", "other"
# PCI base classes: 03 display, 12 processing accelerator, 1180 signal processing (AMD's NPU).
KINDS = {"03": DISPLAY, "12": COMPUTE, "11": COMPUTE, "0b": COMPUTE}


@dataclass(frozen=True)
class Device:
    """``vendor_id`` and ``product_id``: four hexadecimal digits, "" where the bus has none (Arm systems).

    ``memory_bytes`` is dedicated memory where the system tells it. ``folder`` is the sysfs folder on Linux.
    """

    bus: str  # "pci", "usb", "other"
    vendor_id: str
    product_id: str
    kind: str
    name: str
    driver: str
    source: str
    folder: str = ""
    memory_bytes: int | None = None

    @property
    def ids(self) -> str:
        return f"{self.vendor_id}:{self.product_id}"


def found(system: System) -> tuple[Device, ...]:
    """All devices this system lists; empty on macOS, where system_profiler is asked instead."""
    if system.platform.family == "linux":
        return (*_linux_pci(system), *_linux_usb(system))
    if system.platform.family == "windows":
        return tuple(_windows(system))
    return tuple(_macos_usb(system)) if system.platform.family == "macos" else ()


def _linux_pci(system: System) -> tuple[Device, ...]:
    devices = tuple(_pci_device(system, folder) for folder in system.glob(f"{PCI}/*"))
    if not any(device.kind != OTHER for device in devices):
        return devices
    names = _lspci_names(system.run("lspci", "-D", "-mm").text)
    return tuple(_named(device, names.get(parse.last_part(device.folder), "")) for device in devices)


def _pci_device(system: System, folder: str) -> Device:
    code = system.read(f"{folder}/class").text.strip().removeprefix("0x")
    driver = parse.pairs(system.read(f"{folder}/uevent").text, "=").get("DRIVER", "")
    return Device(
        bus="pci",
        vendor_id=_id(system.read(f"{folder}/vendor").text),
        product_id=_id(system.read(f"{folder}/device").text),
        kind=KINDS.get(code[:2], OTHER),
        name="",
        driver=driver,
        source=PCI,
        folder=folder,
    )


def _named(device: Device, name: str) -> Device:
    return Device(**{**vars(device), "name": name})


def _id(text: str) -> str:
    value = parse.hexadecimal(text)
    return "" if value is None or value > 0xFFFF else f"{value:04x}"


def _lspci_names(text: str) -> dict[str, str]:
    """`lspci -D -mm`: slot "class" "vendor" "device" ..., the marketing name in square brackets if any."""
    names = {}
    for line in text.splitlines():
        fields = re.findall(r'"([^"]*)"', line)
        slot = line.partition(" ")[0]
        if len(fields) >= 3:
            bracket = re.search(r"\[([^\]]+)\]\s*$", fields[2])
            names[slot] = bracket[1] if bracket else fields[2]
    return names


def _linux_usb(system: System) -> Iterator[Device]:
    for path in system.glob(f"{USB}/*/idVendor"):
        folder = path.removesuffix("/idVendor")
        yield Device(
            bus="usb",
            vendor_id=_id(system.read(path).text),
            product_id=_id(system.read(f"{folder}/idProduct").text),
            kind=OTHER,
            name=system.read(f"{folder}/product").text.strip(),
            driver="",
            source=USB,
            folder=folder,
        )


def _windows(system: System) -> Iterator[Device]:
    document, _ = inventory(system)
    memory = _windows_memory(document)
    for record in parse.objects(document.get("display")):
        name = parse.word(record, "Name")
        bus, vendor, product = _windows_ids(parse.word(record, "PNPDeviceID"))
        version = parse.word(record, "DriverVersion")
        yield Device(
            bus,
            vendor,
            product,
            DISPLAY,
            name,
            version,
            "Win32_VideoController",
            memory_bytes=memory.get(name),
        )
    for record in parse.objects(document.get("devices")):
        bus, vendor, product = _windows_ids(parse.word(record, "DeviceID"))
        kind = COMPUTE if parse.word(record, "PNPClass") == "ComputeAccelerator" else OTHER
        yield Device(bus, vendor, product, kind, parse.word(record, "Name"), "", "Win32_PnPEntity")


def _windows_memory(document: parse.Json) -> dict[str, int]:
    """From the registry: AdapterRAM is a 32-bit number, so it lies from 4 GiB on."""
    sizes = {}
    for record in parse.objects(document.get("display_memory")):
        size = parse.positive(parse.integer(record.get("HardwareInformation.qwMemorySize")))
        if size is not None:
            sizes[parse.word(record, "DriverDesc")] = size
    return sizes


def _windows_ids(instance: str) -> tuple[str, str, str]:
    """ "PCI\\VEN_10DE&DEV_2684&..." or "USB\\VID_1A6E&PID_089A\\..."; Arm's ACPI devices have no such ids."""
    match = re.match(
        r"(PCI|USB)\\(?:VEN|VID)_([0-9A-F]{4})&(?:DEV|PID)_([0-9A-F]{4})", instance, re.IGNORECASE
    )
    return (match[1].lower(), match[2].lower(), match[3].lower()) if match else ("other", "", "")


def _macos_usb(system: System) -> Iterator[Device]:
    """ioreg lists USB devices in milliseconds, system_profiler in seconds."""
    text = system.run("ioreg", "-p", "IOUSB", "-l", "-w", "0").text
    for part in text.split("+-o ")[1:]:
        values = parse.pairs(part, "=")
        keys = {key.strip('| "'): value for key, value in values.items()}
        vendor, product = parse.integer(keys.get("idVendor")), parse.integer(keys.get("idProduct"))
        if vendor is not None and product is not None:
            name = part.partition("@")[0].strip()
            yield Device("usb", _hex(vendor), _hex(product), OTHER, name, "", "ioreg -p IOUSB")


def _hex(value: int) -> str:
    return f"{value:04x}" if 0 <= value <= 0xFFFF else ""
