"""By what a converted model is found again: what went in, and what converted it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from backends.conversion.graph import Converter

RECIPE = 1  # raised when a conversion of ours comes to make something else out of the same files


def cache_key(hashes: Mapping[str, str], converter: Converter, versions: Mapping[str, str]) -> str:
    """SHA-256 over the source's files by name and content, the converter, and the versions it works with."""
    parts = {
        "recipe": RECIPE,
        "files": dict(sorted(hashes.items())),
        "converter": [converter.name, converter.precision],
        "versions": dict(sorted(versions.items())),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
