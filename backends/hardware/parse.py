"""Readers of what systems print. None raises, whatever it is given: not understood is ``None`` or empty."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from itertools import groupby

UNITS = {"": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
MOST_CPUS = 1 << 16
LARGEST = 1 << 64
Json = Mapping[str, object]


def integer(text: object) -> int | None:
    """A whole number of at most 64 bits, written as 42, 0x2a, 007 or "42"; true and false are none."""
    if isinstance(text, bool):
        return None
    if isinstance(text, float):
        return _fitting(int(text)) if math.isfinite(text) else None
    if isinstance(text, int):
        return _fitting(text)
    match = re.fullmatch(r"\s*(?:(-?[0-9]{1,20})|(0[xX][0-9a-fA-F]{1,16}))\s*", str(text))
    if match is None:
        return None
    return _fitting(int(match[1]) if match[1] else int(match[2], 16))


def _fitting(value: int) -> int | None:
    """What no counter or size of a machine can be is not understood."""
    return value if abs(value) < LARGEST else None


def hexadecimal(text: str) -> int | None:
    """A number in base 16, with or without 0x."""
    match = re.fullmatch(r"\s*(?:0[xX])?([0-9a-fA-F]{1,16})\s*", text)
    return int(match[1], 16) if match else None


def number(text: object) -> float | None:
    """A finite number."""
    if isinstance(text, bool):
        return None
    try:
        value = float(text if isinstance(text, (int, float)) else str(text))
    except (ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None


def positive(value: int | None) -> int | None:
    """The value if it is above zero: many interfaces write 0 or -1 for "unknown"."""
    return value if value is not None and value > 0 else None


def size_bytes(text: str) -> int | None:
    """ "48K", "2048 kB", "1.50M", "16 GB" in bytes, units in powers of 1,024 as the tools mean them."""
    match = re.fullmatch(r"\s*([0-9]{1,18}(?:\.[0-9]{1,9})?)\s*([KMGT]?)i?B?\s*", text, re.IGNORECASE)
    if match is None:
        return None
    return int(float(match[1]) * UNITS[match[2].upper()])


def cpu_list(text: str) -> tuple[int, ...]:
    """ "0-3,8" as (0, 1, 2, 3, 8), the way the kernel writes sets of processors."""
    found: set[int] = set()
    for part in text.strip().split(","):
        match = re.fullmatch(r"([0-9]{1,6})(?:-([0-9]{1,6}))?", part.strip())
        if match is None:
            continue
        first, last = int(match[1]), int(match[2] or match[1])
        found.update(range(first, min(last, MOST_CPUS) + 1))
    return tuple(sorted(found))


def pairs(text: str, separator: str = ":") -> dict[str, str]:
    """ "key : value" lines; the first of equal keys wins."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, mark, value = line.partition(separator)
        if mark:
            found.setdefault(key.strip(), value.strip().strip('"'))
    return found


def blocks(text: str, separator: str = ":") -> tuple[dict[str, str], ...]:
    """Groups of "key : value" lines parted by empty lines, such as /proc/cpuinfo."""
    lines = groupby(text.splitlines(), key=lambda line: bool(line.strip()))
    found = (pairs("\n".join(group), separator) for filled, group in lines if filled)
    return tuple(block for block in found if block)


def load_json(text: str) -> object:
    """The document, or ``None``."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def json_object(text: str) -> Json:
    """The document if it is an object, else an empty one."""
    return mapping(load_json(text))


def mapping(value: object) -> Json:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: object) -> Iterator[Json]:
    """The objects of a list; PowerShell writes a list of one without its brackets."""
    items = value if isinstance(value, list) else [value]
    return (item for item in items if isinstance(item, dict))


def word(record: Json, key: str) -> str:
    """A text member, stripped; "" when it is missing or something else."""
    value = record.get(key)
    return value.strip() if isinstance(value, str) else ""


def last_part(path: str) -> str:
    """The name at the end of a path, written with either kind of slash."""
    return re.split(r"[\\/]", path.rstrip("\\/"))[-1]
