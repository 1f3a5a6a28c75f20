"""Apple's GPU (Metal) and Neural Engine."""

from __future__ import annotations

from backends.domain.hardware import Accelerator, AcceleratorKind, Fact, FrameworkUse
from backends.hardware import parse
from backends.hardware.facts import Found, fact, known, unknown, uses
from backends.hardware.macos import is_apple_silicon, is_virtual, profiler, sysctl
from backends.hardware.system import System

VENDOR = "Apple"
DISPLAYS = "SPDisplaysDataType"
SOURCE = f"system_profiler {DISPLAYS}"
MAKERS = {"apple": "Apple", "intel": "Intel", "amd": "AMD", "nvidia": "NVIDIA"}


def probe(system: System) -> Found:
    if system.platform.family != "macos":
        return Found()
    values = sysctl(system)
    document, answer = profiler(system, DISPLAYS)
    gpus = tuple(_gpu(values, record) for record in parse.objects(document.get(DISPLAYS)))
    problem = answer.problem or "system_profiler lists none"
    missing: tuple[Fact[str], ...] = (unknown(SOURCE, f"No GPU was found: {problem}."),)
    engine = _neural_engine(values)
    return Found((*gpus, *engine.accelerators), (*(() if gpus else missing), *engine.notes))


def _gpu(values: dict[str, str], record: parse.Json) -> Accelerator:
    name = parse.word(record, "sppci_model") or parse.word(record, "_name") or "GPU"
    shared = is_apple_silicon(values)
    metal = parse.word(record, "spdisplays_mtlgpufamilysupport") or parse.word(record, "spdisplays_metal")
    cores = parse.integer(record.get("sppci_cores"))
    return Accelerator(
        kind=AcceleratorKind.GPU,
        name=name,
        vendor=_vendor(name),
        source=SOURCE,
        memory_bytes=_memory(values, record, shared),
        shared_memory=shared,
        driver=fact(_metal(metal) or None, SOURCE, "This GPU does not support Metal."),
        usable_by=_uses(bool(metal), shared),
        note=f"{cores} GPU cores." if cores is not None else "",
    )


def _vendor(name: str) -> str:
    return next((maker for word, maker in MAKERS.items() if word in name.lower()), "")


def _metal(family: str) -> str:
    """ "spdisplays_metal3" as "Metal 3"."""
    return (
        family.removeprefix("spdisplays_")
        .replace("metal", "Metal ")
        .strip()
        .removesuffix("supported")
        .strip()
    )


def _uses(metal: bool, shared: bool) -> tuple[FrameworkUse, ...]:
    if not metal:
        return ()
    return uses(mlx="Metal", llama_cpp="Metal", onnx_runtime="CoreML") if shared else uses(llama_cpp="Metal")


def _memory(values: dict[str, str], record: parse.Json, shared: bool) -> Fact[int]:
    """Unified memory: the GPU may use a part of main memory; a limit set by hand is told by the kernel."""
    if not shared:
        return fact(
            parse.size_bytes(parse.word(record, "spdisplays_vram")), SOURCE, "macOS does not tell it."
        )
    limit = parse.positive(parse.integer(values.get("iogpu.wired_limit_mb", "")))
    if limit is not None:
        return known(limit << 20, "sysctl iogpu.wired_limit_mb")
    why = "GPU and processor share main memory; Metal itself decides how much of it the GPU may use."
    return unknown("sysctl iogpu.wired_limit_mb", why)


def _neural_engine(values: dict[str, str]) -> Found:
    """No command lists it, but every Apple silicon Mac has one; virtual machines are not given it."""
    source = "Apple's specifications of Apple silicon"
    if not is_apple_silicon(values):
        return Found(notes=(unknown(source, "Only Apple silicon has a Neural Engine."),))
    if is_virtual(values):
        return Found(notes=(unknown(source, "A virtual machine is not given the Neural Engine."),))
    return Found((_engine(source),))


def _engine(source: str) -> Accelerator:
    return Accelerator(
        kind=AcceleratorKind.NPU,
        name="Apple Neural Engine",
        vendor=VENDOR,
        source=source,
        memory_bytes=unknown(source, "It has no memory of its own; it works in main memory."),
        shared_memory=True,
        driver=known("Core ML", source),
        usable_by=uses(onnx_runtime="CoreML"),
        note="macOS has no command that lists it; Core ML decides layer by layer whether it runs there.",
    )
