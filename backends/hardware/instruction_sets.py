"""The instruction sets that matter for inference, under one spelling on all systems."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeVar

K = TypeVar("K")

# Linux: names in /proc/cpuinfo (arch/x86/include/asm/cpufeatures.h, Documentation/arch/arm64/elf_hwcaps.rst).
LINUX = {
    "sse4_2": "SSE4.2",
    "avx": "AVX",
    "avx2": "AVX2",
    "fma": "FMA",
    "f16c": "F16C",
    "avx_vnni": "AVX-VNNI",
    "avx_vnni_int8": "AVX-VNNI-INT8",
    "avx512f": "AVX-512",
    "avx512_vnni": "AVX-512 VNNI",
    "avx512_bf16": "AVX-512 BF16",
    "avx512_fp16": "AVX-512 FP16",
    "amx_tile": "AMX",
    "amx_int8": "AMX-INT8",
    "amx_bf16": "AMX-BF16",
    "asimd": "NEON",
    "asimdhp": "FP16",
    "asimddp": "dotprod",
    "i8mm": "i8mm",
    "bf16": "BF16",
    "sve": "SVE",
    "sve2": "SVE2",
    "sme": "SME",
}

# macOS: sysctl names, "1" when present (developer.apple.com, "Determining instruction set characteristics").
MACOS = {
    "hw.optional.sse4_2": "SSE4.2",
    "hw.optional.avx1_0": "AVX",
    "hw.optional.avx2_0": "AVX2",
    "hw.optional.fma": "FMA",
    "hw.optional.f16c": "F16C",
    "hw.optional.avx512f": "AVX-512",
    "hw.optional.avx512vnni": "AVX-512 VNNI",
    "hw.optional.AdvSIMD": "NEON",
    "hw.optional.arm.AdvSIMD": "NEON",
    "hw.optional.arm.FEAT_FP16": "FP16",
    "hw.optional.arm.FEAT_DotProd": "dotprod",
    "hw.optional.arm.FEAT_I8MM": "i8mm",
    "hw.optional.arm.FEAT_BF16": "BF16",
    "hw.optional.arm.FEAT_SME": "SME",
}

# Windows: PF_* numbers of IsProcessorFeaturePresent (winnt.h).
WINDOWS = {
    38: "SSE4.2",
    39: "AVX",
    40: "AVX2",
    41: "AVX-512",
    19: "NEON",
    67: "FP16",
    43: "dotprod",
    66: "i8mm",
    68: "BF16",
    46: "SVE",
    47: "SVE2",
    70: "SME",
}

# NumPy's own names (numpy.show_runtime), which it gets from CPUID: finer than what Windows tells on x86.
NUMPY = {
    "SSE42": "SSE4.2",
    "AVX": "AVX",
    "AVX2": "AVX2",
    "FMA3": "FMA",
    "F16C": "F16C",
    "AVX512F": "AVX-512",
    "AVX512VNNI": "AVX-512 VNNI",
    "AVX512BF16": "AVX-512 BF16",
    "AVX512FP16": "AVX-512 FP16",
    "ASIMDDP": "dotprod",
    "SVE": "SVE",
}

ORDER = tuple(LINUX.values())


def named(table: Mapping[K, str], present: Collection[K]) -> tuple[str, ...]:
    """The names of what is present, without repeats, in one order on all systems."""
    names = {name for key, name in table.items() if key in present}
    return tuple(name for name in ORDER if name in names)
