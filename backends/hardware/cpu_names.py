"""Names of processors: one spelling of architectures and vendors, and Arm cores by their numbers."""

from __future__ import annotations

ARCHITECTURES = {
    "amd64": "x86_64",
    "x64": "x86_64",
    "x86-64": "x86_64",
    "aarch64": "arm64",
    "arm64e": "arm64",
}

VENDORS = {
    "GenuineIntel": "Intel",
    "AuthenticAMD": "AMD",
    "HygonGenuine": "Hygon",
    "CentaurHauls": "Zhaoxin",
    "Qualcomm Technologies Inc": "Qualcomm",
}

# MIDR_EL1 implementer codes (Arm Architecture Reference Manual, and lscpu's sys-utils/lscpu-arm.c).
IMPLEMENTERS = {
    0x41: "Arm",
    0x46: "Fujitsu",
    0x48: "HiSilicon",
    0x4E: "NVIDIA",
    0x51: "Qualcomm",
    0x53: "Samsung",
    0x61: "Apple",
    0x6D: "Microsoft",
    0xC0: "Ampere",
}

# (implementer, part) of cores met on edge machines; a core that is missing here keeps its number.
CORES = {
    (0x41, 0xD03): "Cortex-A53",
    (0x41, 0xD04): "Cortex-A35",
    (0x41, 0xD05): "Cortex-A55",
    (0x41, 0xD07): "Cortex-A57",
    (0x41, 0xD08): "Cortex-A72",
    (0x41, 0xD09): "Cortex-A73",
    (0x41, 0xD0A): "Cortex-A75",
    (0x41, 0xD0B): "Cortex-A76",
    (0x41, 0xD0C): "Neoverse-N1",
    (0x41, 0xD0D): "Cortex-A77",
    (0x41, 0xD40): "Neoverse-V1",
    (0x41, 0xD41): "Cortex-A78",
    (0x41, 0xD42): "Cortex-A78AE",
    (0x41, 0xD44): "Cortex-X1",
    (0x41, 0xD46): "Cortex-A510",
    (0x41, 0xD47): "Cortex-A710",
    (0x41, 0xD48): "Cortex-X2",
    (0x41, 0xD49): "Neoverse-N2",
    (0x41, 0xD4D): "Cortex-A715",
    (0x41, 0xD4E): "Cortex-X3",
    (0x41, 0xD4F): "Neoverse-V2",
    (0x41, 0xD80): "Cortex-A520",
    (0x41, 0xD81): "Cortex-A720",
    (0x41, 0xD82): "Cortex-X4",
    (0x41, 0xD85): "Cortex-X925",
    (0x41, 0xD87): "Cortex-A725",
    (0x51, 0x001): "Oryon",
}


def architecture(machine: str) -> str:
    """ "x86_64" or "arm64" for all the spellings systems use; other architectures in lower case."""
    return ARCHITECTURES.get(machine.lower(), machine.lower())


def vendor(name: str) -> str:
    """A vendor's short name."""
    return VENDORS.get(name, name)


def arm_core(implementer: int, part: int) -> str:
    """ "Arm Cortex-A76", or the numbers where the core is not in the table."""
    maker = IMPLEMENTERS.get(implementer, f"implementer {implementer:#x}")
    return f"{maker} {CORES.get((implementer, part), f'part {part:#x}')}"
