"""Which files beside an ONNX file hold its weights, told without ONNX's library: the window asks as well.

Walks the Protocol Buffers by field numbers, from one length to the next, so weights in the file itself are
stepped over and never read. What is damaged tells no names; reading the model says what is wrong with it.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

# Field number -> what is in it, for each kind of message on the way to external data (onnx.proto3).
_FIELDS: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph"},
    "graph": {1: "node", 5: "tensor"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph"},
    "tensor": {13: "entry"},
}
_KEY, _VALUE = 1, 2
_LOCATION = b"location"
_FIXED_BYTES = {1: 8, 5: 4}  # wire type -> length


def external_files(path: Path) -> tuple[Path, ...]:
    """Those that are there and lie in the model's own folder, sorted."""
    with path.open("rb") as file:
        if not path.stat().st_size:
            return ()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                names = set(_locations(data, "model", 0, len(data)))
            except (ValueError, IndexError, RecursionError):
                return ()
    kept = sorted(name for name in names if _stays_inside(name))
    return tuple(found for name in kept if (found := path.parent / name).is_file())


def _locations(data: mmap.mmap, kind: str, start: int, end: int) -> Iterator[str]:
    for number, low, high in _messages(data, start, end):
        inside = _FIELDS[kind].get(number)
        if inside == "entry":
            entry = {field: data[first:last] for field, first, last in _messages(data, low, high)}
            if entry.get(_KEY) == _LOCATION and _VALUE in entry:
                yield entry[_VALUE].decode("utf-8")
        elif inside is not None:
            yield from _locations(data, inside, low, high)


def _messages(data: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(field number, first byte, byte behind the last) of what has a length; numbers are stepped over."""
    while start < end:
        tag, start = _varint(data, start)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            start = _varint(data, start)[1]
        elif wire == 2:
            length, start = _varint(data, start)
            if length > end - start:
                raise ValueError("a message ends behind its parent")
            yield number, start, start + length
            start += length
        else:
            start += _FIXED_BYTES.get(wire, end)


def _varint(data: mmap.mmap, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("no number ends here")


def _stays_inside(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/"))
    return not parts.is_absolute() and ".." not in parts.parts
