"""Merging in what the installed frameworks themselves see. They are asked in worker processes, not here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from backends.domain.hardware import (
    Accelerator,
    AcceleratorKind,
    Fact,
    FrameworkUse,
    HardwareProfile,
)

CPU = re.compile(
    r"^(CPU|AZURE|CPUExecutionProvider|AzureExecutionProvider|BLAS|ACCELERATE|XNNPACK)", re.IGNORECASE
)


@dataclass(frozen=True)
class _Rule:
    """Device names that match ``pattern`` are of this kind and, where given, of this vendor."""

    pattern: re.Pattern[str]
    kind: AcceleratorKind
    vendor: str = ""


def _rule(pattern: str, kind: AcceleratorKind, vendor: str = "") -> _Rule:
    return _Rule(re.compile(pattern, re.IGNORECASE), kind, vendor)


# The more telling names first: "QNN … NPU" is Qualcomm's, a bare "NPU" is OpenVINO's and so Intel's.
RULES = (
    _rule(r"CUDA|TensorRT|NvTensor", AcceleratorKind.GPU, "NVIDIA"),
    _rule(r"ROCm|HIP|MIGraphX", AcceleratorKind.GPU, "AMD"),
    _rule(r"VitisAI", AcceleratorKind.NPU, "AMD"),
    _rule(r"QNN.*GPU", AcceleratorKind.GPU, "Qualcomm"),
    _rule(r"QNN|HTP|Hexagon", AcceleratorKind.NPU, "Qualcomm"),
    _rule(r"Metal|^MTL|^mps|Apple GPU", AcceleratorKind.GPU, "Apple"),
    _rule(r"CoreML|Neural Engine", AcceleratorKind.NPU, "Apple"),
    _rule(r"SYCL|Level.?Zero", AcceleratorKind.GPU, "Intel"),
    _rule(r"^NPU|OpenVINO.*NPU", AcceleratorKind.NPU, "Intel"),
    _rule(r"OpenVINO.*GPU", AcceleratorKind.GPU, "Intel"),
    _rule(r"NPU", AcceleratorKind.NPU),
    _rule(r"GPU|Vulkan|OpenCL|DML|DirectML|WebGPU", AcceleratorKind.GPU),
)


def with_framework_devices(
    profile: HardwareProfile, devices: Mapping[str, tuple[str, ...]]
) -> HardwareProfile:
    """The profile with what each framework (by its title) lists, such as ``{"OpenVINO": ("CPU", "GPU.0")}``.

    A device that a probe has found too is marked as seen there; one that no probe has found becomes a note,
    for a name alone does not prove a device (an emulator has one as well).
    """
    seen = tuple(FrameworkUse(title, name, seen=True) for title, names in devices.items() for name in names)
    accelerators = list(profile.accelerators)
    notes: list[Fact[str]] = []
    for use in seen:
        if CPU.search(use.how):
            continue
        place = _matching(accelerators, use)
        if place is None:
            text = f"{use.framework} lists the device “{use.how}”, which Edgewright's own probes do not know."
            notes.append(Fact(text, use.framework))
        else:
            accelerators[place] = _with_use(accelerators[place], use)
    return replace(
        profile,
        accelerators=tuple(accelerators),
        accelerator_notes=(*profile.accelerator_notes, *notes),
        framework_devices=seen,
    )


def _nth(use: FrameworkUse) -> int:
    """The place among devices of the same make: "GPU.1" is the second, whatever stands before it."""
    number = re.match(r"^[A-Za-z_]+[.:]?([0-9]{1,3})\b", use.how)
    return int(number[1]) if number else 0


def _matching(accelerators: Sequence[Accelerator], use: FrameworkUse) -> int | None:
    """By the accelerator's full name if it is said, else the n-th of the kind and vendor."""
    for place, accelerator in enumerate(accelerators):
        if accelerator.name and accelerator.name.lower() in use.how.lower():
            return place
    places = list(_by_rule(accelerators, use))
    nth = _nth(use)
    return places[nth] if nth < len(places) else None


def _by_rule(accelerators: Sequence[Accelerator], use: FrameworkUse) -> Iterator[int]:
    rule = next((rule for rule in RULES if rule.pattern.search(use.how)), None)
    if rule is None:
        return
    # OpenVINO's own GPU plug-in drives Intel GPUs only.
    vendor = rule.vendor or ("Intel" if use.framework == "OpenVINO" else "")
    for place, accelerator in enumerate(accelerators):
        if accelerator.kind is rule.kind and vendor in ("", accelerator.vendor):
            yield place


def _with_use(accelerator: Accelerator, use: FrameworkUse) -> Accelerator:
    """What is really seen takes the place of what that framework could use in general."""
    others = tuple(
        each
        for each in accelerator.usable_by
        if each.framework != use.framework or (each.seen and each != use)
    )
    return replace(accelerator, usable_by=(*others, use))
