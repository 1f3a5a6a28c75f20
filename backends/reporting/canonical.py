"""One spelling for every JSON document, so that a signature covers each byte of a file.

Keys sorted by code point, no white space, ASCII with escapes, numbers as Python writes them (the shortest
that reads back the same), and one newline at the end. A file in any other spelling has been touched.
"""

from __future__ import annotations

import json
from math import isfinite
from typing import Any, NoReturn


def canonical(value: Any) -> bytes:
    """Raises ValueError for NaN and infinity, which JSON does not know."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode("ascii") + b"\n"


def strict(data: bytes) -> Any:
    """The document in ``data``. Raises ValueError where it is no JSON or names a key twice."""
    try:
        return json.loads(
            data.decode("ascii"),
            object_pairs_hook=_unique,
            parse_constant=_refused,
            parse_float=_finite,
        )
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _finite(digits: str) -> float:
    """ "1e999" is a number to JSON and infinity to Python."""
    value = float(digits)
    return value if isfinite(value) else _refused(digits)


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
