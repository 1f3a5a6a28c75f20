"""The few bytes of Protocol Buffers that are written here: https://protobuf.dev/programming-guides/encoding"""

from __future__ import annotations

import struct

_VARINT, _LENGTH_DELIMITED, _FIXED32 = 0, 2, 5
_NEGATIVE = 2**64  # integers below zero are written as if they had 64 bits


def content(number: int, value: bytes | str) -> bytes:
    """A field that is a text or a message."""
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(data)) + data


def integer(number: int, value: int) -> bytes:
    """A field that is an integer, a truth value or a choice."""
    return _varint(number << 3 | _VARINT) + _varint(value % _NEGATIVE)


def real(number: int, value: float) -> bytes:
    """A field that is a 32-bit float."""
    return _varint(number << 3 | _FIXED32) + struct.pack("<f", value)


def _varint(value: int) -> bytes:
    head = b""
    while value >= 0x80:
        head += bytes([value & 0x7F | 0x80])
        value >>= 7
    return head + bytes([value])
