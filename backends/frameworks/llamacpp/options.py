"""The options a request may carry, checked and typed. Pure: names of ggml types are handed in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backends.domain.artifact import Option
from backends.domain.errors import BadInput

TypeNumbers = Mapping[str, int]  # "Q4_K" -> 12

IMATRIX_CHUNKS = 32
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
    imatrix: bool = False  # weigh by an importance matrix also where the type does not need one
    imatrix_chunks: int = IMATRIX_CHUNKS  # of 512 tokens


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


@dataclass(frozen=True)
class _Reader:
    """Takes options out one by one, each checked; what is left over at the end is unknown."""

    options: Mapping[str, Option]
    types: TypeNumbers
    taken: set[str] = field(default_factory=set)

    def flag(self, name: str, default: bool) -> bool:
        value = self._take(name, default)
        if not isinstance(value, bool):
            raise _wrong(name, value, "true or false")
        return value

    def choice(self, name: str) -> bool | None:
        """A flag that may also be "auto": ``None``."""
        if self._take(name, "auto") == "auto":
            return None
        return self.flag(name, False)

    def number(self, name: str, default: int | None, least: int) -> int | None:
        value = self._take(name, default)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise _wrong(name, value, f"a whole number, {least} or more")
        return value

    def type_name(self, name: str, default: str | None = None) -> str | None:
        value = self._take(name, default)
        return None if value is None else self.known_type(name, value)

    def known_type(self, name: str, value: object) -> str:
        spelled = {known.upper(): known for known in self.types}.get(str(value).upper())
        if spelled is None:
            raise _wrong(name, value, "a ggml type such as " + ", ".join(sorted(self.types)))
        return spelled

    def text(self, name: str) -> str:
        return str(self._take(name, ""))

    def finish(self, allowed: str) -> None:
        unknown = sorted(set(self.options) - self.taken)
        if unknown:
            raise BadInput(f"llama.cpp knows no option “{unknown[0]}” for {allowed}.", self._known())

    def _take(self, name: str, default: Option | None) -> Option | None:
        self.taken.add(name)
        return self.options.get(name, default)

    def _known(self) -> str:
        return f"Choose from: {', '.join(sorted(self.taken))}."


def read_quantize_options(options: Mapping[str, Option], types: TypeNumbers) -> QuantizeOptions:
    """Raises BadInput for an unknown option or a value that makes no sense."""
    reader = _Reader(options, types)

    def number_of(name: str) -> int | None:
        spelled = reader.type_name(name)
        return None if spelled is None else types[spelled]

    made = QuantizeOptions(
        number_of("output_tensor_type"),
        number_of("token_embedding_type"),
        reader.flag("pure", False),
        reader.flag("leave_output_tensor", False),
        _overrides(reader, types),
        reader.flag("imatrix", False),
        reader.number("imatrix_chunks", IMATRIX_CHUNKS, 1) or IMATRIX_CHUNKS,
    )
    reader.finish("quantizing")
    return made


def read_open_options(options: Mapping[str, Option], types: TypeNumbers) -> OpenOptions:
    """Raises BadInput for an unknown option or a value that makes no sense."""
    reader = _Reader(options, types)
    made = OpenOptions(
        reader.number("n_gpu_layers", None, -1),
        reader.choice("flash_attn"),
        reader.type_name("type_k", "F16") or "F16",
        reader.type_name("type_v", "F16") or "F16",
        reader.number("n_batch", 512, 1) or 512,
        reader.number("n_ubatch", 512, 1) or 512,
        reader.flag("mmap", True),
        reader.flag("mlock", False),
        reader.choice("repack"),
    )
    reader.finish("running")
    return made


def _overrides(reader: _Reader, types: TypeNumbers) -> tuple[tuple[str, int], ...]:
    """``tensor_types``: "pattern=type" pairs separated by commas, first match counts."""
    pairs = []
    for entry in filter(None, reader.text("tensor_types").split(",")):
        pattern, equals, name = entry.strip().rpartition("=")
        if not (equals and pattern and _compiles(pattern)):
            raise _wrong("tensor_types", entry, "pairs such as “ffn_down=Q6_K,attn_v=Q8_0”")
        pairs.append((pattern, types[reader.known_type("tensor_types", name)]))
    return tuple(pairs)


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _wrong(name: str, value: object, wanted: str) -> BadInput:
    return BadInput(f"The option “{name}” cannot be “{value}”.", f"Give {wanted}.")


def type_numbers(api: Any) -> dict[str, int]:
    """ggml's types by name, from the constants of the library."""
    prefix = "GGML_TYPE_"
    found = {name.removeprefix(prefix): value for name, value in vars(api).items() if name.startswith(prefix)}
    return {
        name: value for name, value in found.items() if name not in _NO_WEIGHTS and isinstance(value, int)
    }
