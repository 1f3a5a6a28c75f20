"""Free space where Edgewright would put its models."""

from __future__ import annotations

from backends.domain.hardware import Storage
from backends.hardware import parse
from backends.hardware.facts import fact, sentence
from backends.hardware.system import System


def probe(system: System, path: str) -> Storage:
    """Of the file system that holds ``path``, or its nearest parent that is there. Sizes in bytes."""
    answer = system.native(f"disk:{path}")
    sizes = parse.json_object(answer.text)
    why = sentence("The storage", answer.problem)
    return Storage(
        path=path,
        free_bytes=fact(parse.integer(sizes.get("free")), "file system", why),
        total_bytes=fact(parse.positive(parse.integer(sizes.get("total"))), "file system", why),
    )
