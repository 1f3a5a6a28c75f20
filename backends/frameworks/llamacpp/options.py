"""The options of the manifest, typed; what needs ggml's own types is checked here. Pure.

The worker has seen to names, kinds and ranges. Names of ggml types are handed in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gguf

from backends.domain.artifact import Option
from backends.frameworks.options import wrong

TypeNumbers = Mapping[str, int]  # "Q4_K" -> 12

_NO_WEIGHTS = {
    "COUNT",
    "I8",
    "I16",
    "I32",
    "I64",
    "F64",
    "Q8_1",
    "Q8_K",
}  # never a weight's or a cache's type


@dataclass(frozen=True)
class QuantizeOptions:
    """``None`` leaves the choice to llama.cpp; types are ggml's numbers."""

    output_tensor_type: int | None = None
    token_embedding_type: int | None = None
    pure: bool = False
    leave_output_tensor: bool = False
    tensor_types: tuple[tuple[str, int], ...] = ()  # regular expression on the tensor's name, type
    bits_per_weight: float | None = None  # of the whole file, at most
    imatrix: bool = False  # weigh by an importance matrix also where the type does not need one
    imatrix_chunks: int = 32  # of 512 tokens


@dataclass(frozen=True)
class OpenOptions:
    """How a model is loaded; ``None`` leaves the choice to llama.cpp."""

    n_gpu_layers: int | None = None
    flash_attn: bool | None = None
    type_k: str = "F16"
    type_v: str = "F16"
    n_batch: int = 512
    n_ubatch: int = 512
    mmap: bool = True
    mlock: bool = False
    repack: bool | None = None  # weights laid out anew for this processor's kernels


def read_quantize_options(options: Mapping[str, Option], types: TypeNumbers) -> QuantizeOptions:
    """Raises BadInput for a type that ggml does not have, and for a pattern that cannot be searched for."""

    def type_of(name: str) -> int | None:
        return types[_known_type(name, options[name], types)] if name in options else None

    limit = options.get("bits_per_weight")
    return QuantizeOptions(
        output_tensor_type=type_of("output_tensor_type"),
        token_embedding_type=type_of("token_embedding_type"),
        tensor_types=_overrides(str(options.get("tensor_types", "")), types),
        bits_per_weight=None if limit is None else float(limit),
        **_given(options, "pure", "leave_output_tensor", "imatrix", "imatrix_chunks"),
    )


def read_open_options(options: Mapping[str, Option]) -> OpenOptions:
    """ "auto" leaves the choice to llama.cpp, as ``None`` does."""
    known = _given(options, *OpenOptions.__dataclass_fields__)
    chosen: dict[str, Any] = {name: None if value == "auto" else value for name, value in known.items()}
    return OpenOptions(**chosen)


def _given(options: Mapping[str, Option], *names: str) -> dict[str, Any]:
    return {name: options[name] for name in names if name in options}


def _overrides(text: str, types: TypeNumbers) -> tuple[tuple[str, int], ...]:
    """ "pattern=type" pairs separated by commas; for each tensor the first that matches counts."""
    pairs = []
    for entry in filter(None, text.split(",")):
        pattern, _, name = entry.strip().rpartition("=")
        if not pattern or not _compiles(pattern):
            raise wrong("tensor_types", entry, "pairs such as “ffn_down=Q6_K,attn_v=Q8_0”")
        pairs.append((pattern, types[_known_type("tensor_types", name, types)]))
    return tuple(pairs)


def _known_type(option: str, value: object, types: TypeNumbers) -> str:
    spelled = {known.upper(): known for known in types}.get(str(value).upper())
    if spelled is None:
        raise wrong(option, value, "a ggml type such as " + ", ".join(sorted(types)))
    return spelled


def _compiles(pattern: str) -> bool:
    """Here, and in C++ as well, which ends the process at a group of a kind it does not have."""
    try:
        re.compile(pattern)
    except re.error:
        return False
    return "(?" not in pattern.replace("(?:", "")


def type_numbers(api: Any) -> dict[str, int]:
    """ggml's types by name, those that the library has; what gguf cannot read back (Q2_0) is none of them."""
    known = {kind.name: int(kind) for kind in gguf.GGMLQuantizationType}
    return {
        name: number
        for name, number in known.items()
        if name not in _NO_WEIGHTS and number < api.GGML_TYPE_COUNT
    }
