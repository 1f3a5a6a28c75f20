"""Looks at an artifact's files for what could do harm. Nothing is executed or unpickled."""

from __future__ import annotations

import ast
import hashlib
import json
import pickletools
import zipfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import IO

from backends.domain.artifact import Artifact
from backends.domain.gate import Finding

_PICKLE_SUFFIXES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib")
_MOST_HEADER = 65_536  # bytes of a .npy's header; NumPy itself takes 10,000
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
    suffix = path.suffix.lower()
    if suffix in _PICKLE_SUFFIXES:
        return True
    if suffix == ".bin" and path.with_suffix(".xml").is_file():
        return False  # OpenVINO's raw weights, which may begin with any byte
    with path.open("rb") as file:
        beginning = file.read(4)
        if beginning == b"PK\x03\x04" and zipfile.is_zipfile(file):
            return _holds_pickle(file)
        if beginning[:1] == b"\x80" and beginning[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
            return True
        return _is_object_array(file) or _is_old_pickle(file)


def _holds_pickle(file: IO[bytes]) -> bool:
    """Of an archive: PyTorch's, or NumPy's with an array of objects in it."""
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        return any(name.lower().endswith((".pkl", ".pickle")) for name in names) or any(
            _member_is_object_array(archive, name) for name in names
        )


def _member_is_object_array(archive: zipfile.ZipFile, name: str) -> bool:
    try:
        with archive.open(name) as member:
            return _is_object_array(member)
    except (RuntimeError, NotImplementedError, zipfile.BadZipFile):
        return False  # encrypted, or packed in a way that NumPy cannot open either


def _is_object_array(file: IO[bytes]) -> bool:
    """NumPy pickles arrays of objects; a header names the type (format: ``numpy.lib.format``)."""
    from numpy.lib.format import MAGIC_PREFIX, descr_to_dtype

    file.seek(0)
    start = file.read(8)
    if not start.startswith(MAGIC_PREFIX):
        return False
    length = int.from_bytes(file.read(2 if start[6:7] == b"\x01" else 4), "little")
    try:
        header = ast.literal_eval(file.read(min(length, _MOST_HEADER)).decode("utf-8").strip())
        return bool(descr_to_dtype(header["descr"]).hasobject)
    except (ValueError, SyntaxError, TypeError, KeyError, RecursionError, MemoryError):
        return False  # NumPy cannot read it either


def _is_old_pickle(file: IO[bytes]) -> bool:
    """Protocols 0 and 1 have no mark of their own: the operations are walked through, and nothing is built.

    What calls something it has imported is one, however it goes on; so is what comes to an end, plain data
    only where it fills the whole file. Weights and texts soon hold what is no operation.
    """
    file.seek(0)
    seen: set[str] = set()
    last = ""
    try:
        for operation, argument, _ in pickletools.genops(file):
            name = operation.name
            if name in ("GLOBAL", "INST") and not _names_something(str(argument)):
                return False
            if _calls(name, last, seen):
                return True
            last = last if name.endswith("PUT") else name
            seen.add(name)
    except (ValueError, MemoryError, OverflowError):
        return False
    return "GLOBAL" in seen or (len(seen) > 2 and not file.read(1))


def _names_something(argument: str) -> bool:
    """ "module name", as pickletools gives what is to be imported."""
    parts = argument.split(" ")
    return len(parts) == 2 and all(part.replace(".", "").isidentifier() for part in parts)


def _calls(operation: str, last: str, seen: Collection[str]) -> bool:
    if operation == "REDUCE":
        return "GLOBAL" in seen and last.endswith(("TUPLE", "GET"))
    return "MARK" in seen and (operation == "INST" or (operation == "OBJ" and "GLOBAL" in seen))


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
