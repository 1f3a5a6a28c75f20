"""Two Windows calls that no command answers. The buffer's reader is pure, so it is tested anywhere."""

from __future__ import annotations

import ctypes
import struct
import sys
from dataclasses import dataclass

RELATION_CORE = 0
RELATION_CACHE = 2
RELATION_ALL = 0xFFFF
LARGEST_FEATURE = 96  # winnt.h numbered 88 of them in 2025
CACHE_KINDS = {0: "unified", 1: "instruction", 2: "data"}


@dataclass(frozen=True)
class Core:
    """``efficiency_class``: higher is faster; 0 everywhere when all cores are alike."""

    efficiency_class: int
    threads: int


@dataclass(frozen=True)
class CacheRecord:
    level: int
    kind: str
    size_bytes: int
    threads: int


def processor_features() -> list[int]:
    """The PF_* numbers for which IsProcessorFeaturePresent says yes."""
    present = _kernel32().IsProcessorFeaturePresent
    return [number for number in range(LARGEST_FEATURE) if present(number)]


def processor_layout() -> str:
    """GetLogicalProcessorInformationEx(RelationAll) as hexadecimal digits."""
    ask = _kernel32().GetLogicalProcessorInformationEx
    size = ctypes.c_uint32(0)
    ask(RELATION_ALL, None, ctypes.byref(size))
    buffer = (ctypes.c_ubyte * size.value)()
    if not ask(RELATION_ALL, buffer, ctypes.byref(size)):
        raise OSError("GetLogicalProcessorInformationEx failed")
    return bytes(buffer[: size.value]).hex()


def parse_layout(buffer: bytes) -> tuple[tuple[Core, ...], tuple[CacheRecord, ...]]:
    """Cores and caches from SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX; stops at a broken record."""
    cores: list[Core] = []
    caches: list[CacheRecord] = []
    offset = 0
    while offset + 8 <= len(buffer):
        relation, size = struct.unpack_from("<II", buffer, offset)
        if size < 8 or offset + size > len(buffer):
            break
        body = buffer[offset + 8 : offset + size]
        if relation == RELATION_CORE and len(body) >= 24:
            cores.append(_core(body))
        elif relation == RELATION_CACHE and len(body) >= 34:
            caches.append(_cache(body))
        offset += size
    return tuple(cores), tuple(caches)


def _core(body: bytes) -> Core:
    """PROCESSOR_RELATIONSHIP: Flags, EfficiencyClass, 20 reserved, GroupCount, GroupMask[16 bytes each]."""
    efficiency_class = body[1]
    (groups,) = struct.unpack_from("<H", body, 22)
    return Core(efficiency_class, _threads(body[24:], groups))


def _cache(body: bytes) -> CacheRecord:
    """CACHE_RELATIONSHIP: Level, Associativity, LineSize, CacheSize, Type, 18 reserved, GroupCount, masks."""
    level, _, _, size, kind = struct.unpack_from("<BBHII", body, 0)
    (groups,) = struct.unpack_from("<H", body, 30)
    # Before Windows 10 20H2 the two bytes of GroupCount were reserved (zero), and there was one mask.
    return CacheRecord(level, CACHE_KINDS.get(kind, "unified"), size, _threads(body[32:], max(groups, 1)))


def _threads(masks: bytes, groups: int) -> int:
    """Bits set in the 8-byte mask that opens each 16-byte GROUP_AFFINITY."""
    parts = (masks[start : start + 8] for start in range(0, min(groups * 16, len(masks)), 16))
    return sum(int.from_bytes(part, "little").bit_count() for part in parts)


def _kernel32() -> ctypes.CDLL:
    if sys.platform != "win32":
        raise OSError("this is not Windows")
    return ctypes.WinDLL("kernel32")
