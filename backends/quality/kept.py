"""References that outlast their run: found again by what they follow from, and checked before they count."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from backends.domain.errors import BadInput
from backends.domain.events import Log
from backends.domain.metric import LoadedEngine
from backends.frameworks.base import EngineHandle, JobContext
from backends.quality.perplexity import Windows
from backends.quality.reference import (
    TOP,
    VERSION,
    Reference,
    check_tokenizer,
    read_reference,
    windows_fingerprint,
    write_reference,
)


def reference_name(model: str, hashes: Mapping[str, str], windows: Windows, engine: LoadedEngine) -> str:
    """The file of a reference: another model, text, engine, version or way of computing has another one."""
    follows_from = {
        "layout": [VERSION, TOP],
        "files": dict(hashes),
        "ids": windows_fingerprint(windows),
        "engine": [engine.framework, engine.version, engine.device, engine.threads, *engine.details],
    }
    key = hashlib.sha256(json.dumps(follows_from, sort_keys=True).encode()).hexdigest()
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', model)[:60]}-{key[:32]}.npz"


def kept_reference(handle: EngineHandle, windows: Windows, path: Path, job: JobContext) -> Reference:
    """The reference at ``path`` where it is whole and of these ids; else it is made there.

    Raises JobFailed where it cannot be made or written.
    """
    if path.is_file():
        try:
            found = _checked(path, windows, handle)
        except BadInput as error:
            job.emit(Log(f"{error.message} It is made anew."))
        else:
            job.emit(Log(f"What the original predicts was kept from an earlier run ({path.name})."))
            return found
    return write_reference(handle, windows, path, job)


def _checked(path: Path, windows: Windows, handle: EngineHandle) -> Reference:
    """Read to its end, for the archive's own sums. Raises BadInput where anything is not as it should be."""
    found = read_reference(path)
    check_tokenizer(found, handle)
    if found.windows != windows:
        raise BadInput(f"The reference {path} is of another text.", "Make it again from the original model.")
    if handle.engine.vocabulary not in (None, found.vocabulary):
        raise BadInput(
            f"The reference {path} has a vocabulary of {found.vocabulary:,} tokens, "
            f"the model one of {handle.engine.vocabulary:,}.",
            "Make it again from the original model.",
        )
    found.log_probabilities()
    os.utime(path)  # used now: “clean --older-than” goes by this
    return found
