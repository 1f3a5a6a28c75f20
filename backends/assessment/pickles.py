"""Pickle files: recognised, never loaded. Unpickling runs whatever code the file's author put there."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

from backends.assessment.folder import files_in, opened
from backends.domain.errors import BadInput

_SUFFIXES = (".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib")
_PROTOCOLS = tuple(bytes((0x80, version)) for version in range(2, 6))
_ZIP = b"PK\x03\x04"
HEAD_BYTES = 512  # as many as the recognition of any format needs


def refuse_pickle(path: Path, head: bytes) -> None:
    """Raise BadInput for a pickle, known by its first bytes, its name, or the data.pkl in its archive."""
    by_name = path.suffix.lower() in _SUFFIXES or path.name.startswith("pytorch_model")
    by_content = head.startswith(_PROTOCOLS) or (head.startswith(_ZIP) and _has_pickle_inside(path, head))
    if by_name or by_content:
        raise _refusal(path)


def refuse_pickles_of(folder: Path) -> None:
    """Raise BadInput when the weights in ``folder`` are pickles."""
    for path in files_in(folder):
        if path.suffix.lower() in (*_SUFFIXES, ".bin"):
            with opened(path) as file:
                refuse_pickle(path, file.read(HEAD_BYTES))


def _has_pickle_inside(path: Path, head: bytes) -> bool:
    """Only names are read: the first one, which survives truncation, and the table of contents."""
    if b"data.pkl" in head:
        return True
    try:
        with opened(path) as file, zipfile.ZipFile(file) as archive:
            return any(name.endswith(".pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, struct.error):
        return False


def _refusal(path: Path) -> BadInput:
    return BadInput(
        f"{path.name} is a Python pickle, which can run any code and is never loaded.",
        "Use the model's safetensors files, or save it as safetensors where you trust it.",
    )
