"""The header of a safetensors file. Layout: https://huggingface.co/docs/safetensors#format"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.assessment.counting import element_count, packed_bytes
from backends.assessment.folder import damaged, file_size, opened, parse_json, printable

HEADER_LIMIT_BYTES = 32 * 2**20  # the format allows 100 MB; the largest public shards have under 10
_LENGTH_BYTES = 8
_METADATA = "__metadata__"

_BITS: Mapping[str, int] = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64, "C64": 64,
}  # fmt: skip


@dataclass(frozen=True)
class StoredTensor:
    """One tensor as it is stored; ``begin`` and ``end`` count from the end of the header."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    elements: int
    begin: int
    end: int

    @property
    def nbytes(self) -> int:
        return self.end - self.begin


def looks_like(head: bytes) -> bool:
    """Whether the first bytes of a file can begin a safetensors file: a length, then a JSON object."""
    length = int.from_bytes(head[:_LENGTH_BYTES], "little")
    return len(head) > _LENGTH_BYTES and head[_LENGTH_BYTES : _LENGTH_BYTES + 1] == b"{" and length < 2**32


def read_header(path: Path) -> dict[str, StoredTensor]:
    """All tensors of one file by name, checked against its size. Data are not read. Raises BadInput."""
    header, available = _header(path)
    header.pop(_METADATA, None)
    tensors = {name: _tensor(path, printable(name), entry) for name, entry in header.items()}
    _check_layout(path, tensors.values(), available)
    return tensors


def read_metadata(path: Path) -> dict[str, str]:
    """What whoever wrote the file said of it; texts only. Raises BadInput."""
    found = _header(path)[0].get(_METADATA)
    found = found if isinstance(found, dict) else {}
    return {printable(key): printable(text) for key, text in found.items() if isinstance(text, str)}


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """The header, and how many bytes of data follow it."""
    size = file_size(path)
    with opened(path) as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        if not 2 <= length <= min(HEADER_LIMIT_BYTES, size - _LENGTH_BYTES):
            raise damaged(path, f"its header would have {length:,} bytes")
        return parse_json(file.read(length), path), size - _LENGTH_BYTES - length


def _tensor(path: Path, name: str, entry: Any) -> StoredTensor:
    entry = entry if isinstance(entry, dict) else {}
    dtype = entry.get("dtype")
    shape, offsets = _integers(entry.get("shape")), _integers(entry.get("data_offsets"))
    if not isinstance(dtype, str) or shape is None or offsets is None or len(offsets) != 2:
        raise damaged(path, f"tensor {name!r} is not described")
    if dtype not in _BITS:
        raise damaged(path, f"tensor {name!r} has the unknown type {printable(dtype)}")
    elements = element_count(shape, path, name)
    begin, end = offsets
    if end - begin != packed_bytes(elements, _BITS[dtype]):
        raise damaged(path, f"the data of tensor {name!r} do not have the size of its shape")
    return StoredTensor(name, dtype, shape, elements, begin, end)


def _integers(value: Any) -> tuple[int, ...] | None:
    if not isinstance(value, list) or any(type(item) is not int for item in value):
        return None
    return tuple(value)


def _check_layout(path: Path, tensors: Iterable[StoredTensor], available: int) -> None:
    """The data must follow one another without gaps and fill the file, as the format demands."""
    position = 0
    for tensor in sorted(tensors, key=lambda t: (t.begin, t.end)):
        if tensor.begin != position:
            raise damaged(path, f"the data of tensor {tensor.name!r} overlap others or leave a gap")
        position = tensor.end
    if position > available:
        raise damaged(path, f"it ends {position - available:,} bytes too early")
    if position < available:
        raise damaged(path, f"it has {available - position:,} bytes that belong to no tensor")
