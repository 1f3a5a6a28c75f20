"""Little-endian values from a file, one after the other, never past its end."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from backends.assessment.folder import damaged

_INTEGERS = {"u8": (1, False), "i8": (1, True), "u16": (2, False), "i16": (2, True)}
_INTEGERS |= {"u32": (4, False), "i32": (4, True), "u64": (8, False), "i64": (8, True)}


class Cursor:
    """Where a reader stands in ``file``, which has ``size`` bytes. Only what is asked for is read.

    The file is read and not memory-mapped: a mapped file that someone truncates meanwhile kills the process.
    """

    def __init__(self, file: BinaryIO, path: Path, size: int) -> None:
        self._file = file
        self.path = path
        self.size = size
        self.position = 0

    @property
    def left(self) -> int:
        return self.size - self.position

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes. Raises BadInput where the file has fewer."""
        self._need(count)
        data = self._file.read(count)
        if len(data) != count:
            raise damaged(self.path, "it became shorter while it was read")
        self.position += count
        return data

    def skip(self, count: int) -> None:
        """Leave out ``count`` bytes, unread."""
        self._need(count)
        self._file.seek(count, 1)
        self.position += count

    def go(self, position: int) -> None:
        """Stand at ``position`` bytes from the beginning."""
        if not 0 <= position <= self.size:
            raise damaged(self.path, f"it refers to byte {position:,}, but it ends at {self.size:,}")
        self._file.seek(position)
        self.position = position

    def integer(self, kind: str) -> int:
        """The next integer; ``kind`` is "u8" to "i64"."""
        width, signed = _INTEGERS[kind]
        return int.from_bytes(self.take(width), "little", signed=signed)

    def real(self, width: int) -> float:
        """The next IEEE float of 4 or 8 bytes."""
        value: float = struct.unpack("<f" if width == 4 else "<d", self.take(width))[0]
        return value

    def skip_strings(self, count: int) -> None:
        """Leave out ``count`` strings, each a u64 length and its bytes. Quick: vocabularies are long."""
        read, seek, from_bytes = self._file.read, self._file.seek, int.from_bytes
        position = self.position
        for _ in range(count):
            length = from_bytes(read(8), "little")
            position += 8 + length
            if position > self.size:
                raise damaged(self.path, "a text in it is longer than the file")
            seek(length, 1)
        self.position = position

    def _need(self, count: int) -> None:
        if count > self.left:
            raise damaged(self.path, f"it ends at byte {self.size:,}, in the middle of its contents")
