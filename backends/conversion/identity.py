"""By what a converted model is found again: what went in, and what converted it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from backends.conversion.graph import Converter
from backends.domain.artifact import Option

RECIPE = 1  # raised when a conversion of ours comes to make something else out of the same files


def cache_key(
    hashes: Mapping[str, str],
    converter: Converter,
    versions: Mapping[str, str],
    settings: Mapping[str, Option] | None = None,
) -> str:
    """SHA-256 over the source's files by name and content, the converter, and the versions it works with.

    ``settings``: what else the outcome hangs on, such as the calibration data's hash.
    """
    parts: dict[str, object] = {
        "recipe": RECIPE,
        "files": dict(sorted(hashes.items())),
        "converter": [converter.name, converter.precision],
        "versions": dict(sorted(versions.items())),
    }
    if settings:
        parts["settings"] = dict(sorted(settings.items()))
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
