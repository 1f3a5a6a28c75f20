"""The tensor types of ggml and what the file types of llama.cpp mean.

Numbers, block lengths and block bytes are facts of the GGUF format (ggml.h, llama.h); the tests compare them
with ``gguf.GGML_QUANT_SIZES`` and ``gguf.LlamaFileType``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backends.assessment.counting import packed_bytes


@dataclass(frozen=True)
class TensorType:
    """Elements are stored in blocks of ``block`` elements that take ``nbytes`` bytes."""

    name: str
    block: int
    nbytes: int


TENSOR_TYPES: Mapping[int, TensorType] = {
    number: TensorType(name, block, nbytes)
    for number, name, block, nbytes in (
        (0, "F32", 1, 4),
        (1, "F16", 1, 2),
        (2, "Q4_0", 32, 18),
        (3, "Q4_1", 32, 20),
        (6, "Q5_0", 32, 22),
        (7, "Q5_1", 32, 24),
        (8, "Q8_0", 32, 34),
        (9, "Q8_1", 32, 40),
        (10, "Q2_K", 256, 84),
        (11, "Q3_K", 256, 110),
        (12, "Q4_K", 256, 144),
        (13, "Q5_K", 256, 176),
        (14, "Q6_K", 256, 210),
        (15, "Q8_K", 256, 292),
        (16, "IQ2_XXS", 256, 66),
        (17, "IQ2_XS", 256, 74),
        (18, "IQ3_XXS", 256, 98),
        (19, "IQ1_S", 256, 50),
        (20, "IQ4_NL", 32, 18),
        (21, "IQ3_S", 256, 110),
        (22, "IQ2_S", 256, 82),
        (23, "IQ4_XS", 256, 136),
        (24, "I8", 1, 1),
        (25, "I16", 1, 2),
        (26, "I32", 1, 4),
        (27, "I64", 1, 8),
        (28, "F64", 1, 8),
        (29, "IQ1_M", 256, 56),
        (30, "BF16", 1, 2),
        (34, "TQ1_0", 256, 54),
        (35, "TQ2_0", 256, 66),
        (39, "MXFP4", 32, 17),
        (40, "NVFP4", 64, 36),
        (41, "Q1_0", 128, 18),
    )
}

# general.file_type -> its label.
FILE_TYPES: Mapping[int, str] = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    19: "IQ2_XXS",
    20: "IQ2_XS",
    21: "Q2_K_S",
    22: "IQ3_XS",
    23: "IQ3_XXS",
    24: "IQ1_S",
    25: "IQ4_NL",
    26: "IQ3_S",
    27: "IQ3_M",
    28: "IQ2_S",
    29: "IQ2_M",
    30: "IQ4_XS",
    31: "IQ1_M",
    32: "BF16",
    36: "TQ1_0",
    37: "TQ2_0",
    38: "MXFP4_MOE",
    39: "NVFP4",
    40: "Q1_0",
}
_GUESSED = 1024  # a flag beside the number: the writer guessed

# A label -> the type it promises, where the name is not the type's own.
_BASES: Mapping[str, tuple[str, ...]] = {
    "Q2_K_S": ("Q2_K",),
    "Q3_K_S": ("Q3_K",),
    "Q3_K_M": ("Q3_K",),
    "Q3_K_L": ("Q3_K",),
    "Q4_K_S": ("Q4_K",),
    "Q4_K_M": ("Q4_K",),
    "Q5_K_S": ("Q5_K",),
    "Q5_K_M": ("Q5_K",),
    "IQ2_S": ("IQ2_XS", "IQ2_S"),
    "IQ2_M": ("IQ2_S",),
    "IQ3_XS": ("IQ3_S", "IQ3_XXS"),
    "IQ3_M": ("IQ3_S",),
    "MXFP4_MOE": ("MXFP4", "Q8_0"),
}
_PLAIN = frozenset({"F64", "F32", "F16", "BF16", "I8", "I16", "I32", "I64"})
# What llama.cpp takes instead where a row does not fill blocks of 256.
_STAND_INS = frozenset({"Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "IQ4_NL"})


def tensor_bytes(kind: TensorType, elements: int) -> int:
    """Bytes of ``elements`` elements, a whole number of blocks."""
    return packed_bytes(elements // kind.block, 8 * kind.nbytes)


def file_type_label(number: int | None) -> str:
    """llama.cpp's name of a ``general.file_type``, "" where there is none or it is not known."""
    return "" if number is None else FILE_TYPES.get(number & ~_GUESSED, "")


def gguf_precision(file_type_label: str, tensor_types: Mapping[str, int]) -> tuple[str, tuple[str, ...]]:
    """The label a GGUF deserves, and what is to be said where its own says something else.

    A label holds when its type is there in earnest (at least a quarter of the quantized tensors: recipes mix)
    and stand-ins for rows that do not fill a block are not the majority. Otherwise the types themselves are
    the label: "Q5_0/Q8_0 mixed".

    Args:
        file_type_label: what the file or the person who asked calls it, "" when nothing does.
        tensor_types: number of tensors of each ggml type.
    """
    found = _inferred(tensor_types)
    if not file_type_label:
        return found, ()
    bases = _BASES.get(file_type_label, (file_type_label,))
    quantized = {t: n for t, n in tensor_types.items() if t not in _PLAIN}
    stand_ins = {t: n for t, n in quantized.items() if t in _STAND_INS and t not in bases}
    if not _holds(bases, quantized, stand_ins, found):
        return found, (f"It is called {file_type_label}, but what is inside is {found}.",)
    if not stand_ins:
        return file_type_label, ()
    counts = ", ".join(f"{n} {t}" for t, n in _by_count(stand_ins))
    return file_type_label, (
        f"Of the {sum(quantized.values())} quantized tensors {counts} are not {bases[0]}.",
    )


def _holds(
    bases: tuple[str, ...], quantized: Mapping[str, int], stand_ins: Mapping[str, int], found: str
) -> bool:
    if not quantized:
        return found in bases
    total = sum(quantized.values())
    right = sum(quantized.get(base, 0) for base in bases)
    return 4 * right >= total and 2 * sum(stand_ins.values()) <= total


def _inferred(tensor_types: Mapping[str, int]) -> str:
    """From the types alone. Norms and biases are always F32: it speaks only where it outweighs the rest."""
    rest = {t: n for t, n in tensor_types.items() if t not in {"F32", "F64", "I8", "I16", "I32", "I64"}}
    if not rest or tensor_types.get("F32", 0) > 2 * sum(rest.values()):
        rest = dict(tensor_types)
    names = [name for name, _ in _by_count(rest)]
    return names[0] if len(names) == 1 else "/".join(names[:4]) + " mixed" if names else "empty"


def _by_count(types: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(types.items(), key=lambda item: (-item[1], item[0]))
