"""Looks at an artifact's files for what could do harm. Nothing is executed or unpickled."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from backends.domain.artifact import Artifact
from backends.domain.gate import Finding

_PICKLE_SUFFIXES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib")
_CODE_SUFFIXES = (".py", ".pyc", ".so", ".dll", ".dylib", ".sh", ".bat", ".exe")


def inspect_files(artifact: Artifact, licence: str) -> tuple[Finding, ...]:
    """The security findings of an artifact's files: no pickle, no code, hashes that hold, a licence.

    Nothing is executed or unpickled. ``licence``: what the source model's files say, "" for nothing.
    """
    paths = sorted(_files(artifact.path))
    return (
        _no_pickle(paths),
        _no_code(paths),
        _hashes_hold(artifact, paths),
        Finding(
            "licence",
            True if licence else None,
            f"Licence: {licence}." if licence else "No licence was found: ask who made the model.",
        ),
    )


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    else:
        yield from (one for one in path.rglob("*") if one.is_file())


def _no_pickle(paths: Sequence[Path]) -> Finding:
    found = [path.name for path in paths if _is_pickle(path)]
    if found:
        return Finding("no pickle", False, f"Pickled objects can run code when loaded: {', '.join(found)}.")
    return Finding("no pickle", True, f"None of {len(paths)} files is a pickle.")


def _is_pickle(path: Path) -> bool:
    if path.suffix in _PICKLE_SUFFIXES:
        return True
    if path.suffix == ".bin" and path.with_suffix(".xml").is_file():
        return False  # OpenVINO's raw weights, which may begin with any byte
    with path.open("rb") as file:
        beginning = file.read(4)
    if beginning == b"PK\x03\x04" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".pkl") for name in archive.namelist())
    return beginning[:1] == b"\x80" and beginning[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")


def _no_code(paths: Sequence[Path]) -> Finding:
    found = [path.name for path in paths if path.suffix.lower() in _CODE_SUFFIXES or _asks_for_code(path)]
    if found:
        return Finding("no remote code", False, f"The model brings code of its own: {', '.join(found)}.")
    return Finding("no remote code", True, "No file brings code or asks for it.")


def _asks_for_code(path: Path) -> bool:
    """transformers loads Python named under ``auto_map`` when told to trust remote code."""
    if path.name not in ("config.json", "tokenizer_config.json"):
        return False
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(content, dict) and bool(content.get("auto_map"))


def _hashes_hold(artifact: Artifact, paths: Sequence[Path]) -> Finding:
    """Keys of ``hashes`` are names relative to the artifact's folder."""
    if not artifact.hashes:
        return Finding("hashes", None, "No hashes were recorded when the artifact was made.")
    folder = artifact.path if artifact.path.is_dir() else artifact.path.parent
    names = {path.relative_to(folder).as_posix() for path in paths}
    if strange := sorted(names - artifact.hashes.keys()):
        return Finding("hashes", False, f"Not there when the artifact was made: {', '.join(strange)}.")
    changed = [name for name, digest in artifact.hashes.items() if _sha256(folder / name) != digest]
    if changed:
        return Finding("hashes", False, f"Changed since the artifact was made: {', '.join(changed)}.")
    return Finding("hashes", True, f"The SHA-256 of all {len(artifact.hashes)} files is as recorded.")


def _sha256(path: Path) -> str:
    """ "" where the file is gone."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
