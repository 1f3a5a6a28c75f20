"""Dataclasses to JSON and back: for the pipe to workers, the history and the command line alike.

Unions of dataclasses travel with a ``_type`` field that holds the class name.
"""

from __future__ import annotations

import json
import types
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin

from cattrs import Converter
from cattrs.strategies import configure_tagged_union

from backends.domain.artifact import Option
from backends.domain.metric import Measurement, Workload

T = TypeVar("T")


@cache
def converter() -> Converter:
    """The converter for every dataclass of the domain, shared by the pipe and the history."""
    made = Converter(forbid_extra_keys=False)
    made.register_unstructure_hook(Path, str)
    made.register_structure_hook(Path, lambda value, _: Path(value))
    made.register_structure_hook_func(_is_plain_union, lambda value, _: value)
    for union in (Workload, Measurement):
        configure_tagged_union(union, made)
    return made


def _is_plain_union(kind: Any) -> bool:
    """Unions of JSON's own types need no tag: the value is what it is."""
    if kind == Option:
        return True
    if get_origin(kind) not in (Union, types.UnionType):
        return False
    members = [member for member in get_args(kind) if member is not types.NoneType]
    return len(members) > 1 and all(member in (str, int, float, bool) for member in members)


def to_plain(value: Any, kind: Any = None) -> Any:
    """Dataclasses, enums, paths and mappings as JSON's own types."""
    return converter().unstructure(value, unstructure_as=kind or type(value))


def from_plain(plain: Any, kind: type[T]) -> T:
    """The reverse of :func:`to_plain`. Raises whatever cattrs raises when the shape is wrong."""
    return converter().structure(plain, kind)


def dump_line(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":"), allow_nan=True).encode() + b"\n"


def load_line(line: bytes) -> dict[str, Any]:
    """Raises ValueError when the line is no JSON object."""
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError("a message is a JSON object")
    return message
