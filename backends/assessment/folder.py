"""The only door to the file system: opening what a user named, and nothing outside their model's folder."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, BinaryIO

from backends.domain.errors import BadInput

JSON_LIMIT_BYTES = 16 * 2**20  # the index of the largest public checkpoints has 9 MB
TEXT_LIMIT = 200
_MODEL_SUFFIXES = (".gguf", ".onnx", ".xml", ".tflite")
_VAGUE = ("model", "openvino_model", "hf", "onnx", "gguf", "mlx", "openvino", "int4", "int8", "fp16", "fp32")


def damaged(path: Path, what: str) -> BadInput:
    """The error for a file that contradicts itself or its format."""
    return BadInput(f"{path.name} is damaged: {what}.", "Download or convert it again.")


def printable(text: str | bytes) -> str:
    """``text`` from a file as it may be shown: one line, no control characters, not endless."""
    if isinstance(text, bytes):  # what protobuf gives for a text that is none
        text = text[:TEXT_LIMIT].decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in text[:TEXT_LIMIT]).strip()


def model_name(path: Path) -> str:
    """The name of a file or folder, or of the first folder above it that says more than "model" or "onnx".

    In a Hugging Face cache (models--ORG--NAME/snapshots/REVISION) that is the model's.
    """
    path = path.absolute()
    if path.parent.name == "snapshots":
        return printable(path.parent.parent.name.removeprefix("models--").replace("--", "/"))
    name = path.name.removesuffix(path.suffix) if path.suffix.lower() in _MODEL_SUFFIXES else path.name
    return model_name(path.parent) if name.lower() in _VAGUE and path.parent.name else printable(name)


def file_size(path: Path) -> int:
    """Bytes of a regular file. Raises BadInput for what is missing, unreadable or, say, a pipe."""
    with _reporting(path):
        status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise BadInput(f"{path} is a folder where a file is needed.", "Name the file inside it.")
    if not stat.S_ISREG(status.st_mode):
        raise BadInput(f"{path} is not a regular file.", "Name a model file or folder.")
    return status.st_size


def is_folder(path: Path) -> bool:
    """Whether ``path`` is a folder. Raises BadInput where it is not there or may not be read."""
    with _reporting(path):
        return stat.S_ISDIR(path.stat().st_mode)


@contextmanager
def opened(path: Path, buffering: int = 2**18) -> Iterator[BinaryIO]:
    """A regular file, open for reading; every operating-system error becomes a BadInput."""
    file_size(path)
    with _reporting(path), path.open("rb", buffering=buffering) as file:
        yield file


def read_bytes(path: Path, limit: int) -> bytes:
    """The whole file, refused where it has more than ``limit`` bytes."""
    size = file_size(path)
    if size > limit:
        raise BadInput(
            f"{path.name} has {size:,} bytes, more than the {limit:,} such a file can have.",
            "Check that it is the file you meant.",
        )
    with opened(path) as file:
        return file.read(size)  # never "limit": Python sets aside as much as it is asked for


def read_json(path: Path, limit: int = JSON_LIMIT_BYTES) -> dict[str, Any]:
    """A JSON object. Raises BadInput for anything else, however deep or long."""
    return parse_json(read_bytes(path, limit), path)


def parse_json(data: bytes, path: Path) -> dict[str, Any]:
    """``data``, found in ``path``, as a JSON object. Raises BadInput for anything else."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"it is not valid JSON ({printable(str(error))})") from error
    if not isinstance(value, dict):
        raise damaged(path, "it holds no JSON object")
    return value


def files_in(folder: Path) -> tuple[Path, ...]:
    """The visible regular files right inside ``folder``, by name. Broken links are left out."""
    with _reporting(folder):
        return tuple(p for p in sorted(folder.iterdir()) if not p.name.startswith(".") and _is_file(p))


def folders_in(folder: Path) -> tuple[Path, ...]:
    """The visible folders right inside ``folder``, by name."""
    with _reporting(folder):
        return tuple(p for p in sorted(folder.iterdir()) if not p.name.startswith(".") and _is_dir(p))


def inside(folder: Path, name: str, named_in: Path) -> Path:
    """The file ``name`` that ``named_in`` speaks of, which must lie in ``folder`` and be there.

    A model is data from a stranger: absolute names, ``..`` and links that lead elsewhere are refused, or a
    model could make us read (and hash, and copy) any file of the user.
    """
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or "\0" in name or ".." in parts or parts[0] == "/" or PureWindowsPath(name).anchor:
        raise _outside(name, named_in)
    path = folder.joinpath(*parts)
    if not os.path.lexists(path):
        raise BadInput(
            f"{printable(name)}, which {named_in.name} needs, is missing.", f"Put it beside {named_in.name}."
        )
    file_size(path)
    if not any(path.resolve().is_relative_to(root) for root in _roots(folder)):
        raise _outside(name, named_in)
    return path


def _roots(folder: Path) -> Iterator[Path]:
    """Where a model's files may lie: its folder, and the blobs its Hugging Face cache snapshot links to."""
    yield folder.resolve()
    for parent in (folder.absolute(), *folder.absolute().parents):
        if parent.parent.name == "snapshots":
            yield (parent.parent.parent / "blobs").resolve()


def _outside(name: str, named_in: Path) -> BadInput:
    return BadInput(
        f"{named_in.name} points outside its own folder (to {printable(name)!r}), which is refused.",
        "Use a model that keeps all its files in one folder.",
    )


@contextmanager
def _reporting(path: Path) -> Iterator[None]:
    if "\0" in str(path):
        raise BadInput(f"{printable(str(path))!r} is no path.", "Check the path.")
    try:
        yield
    except FileNotFoundError as error:
        raise BadInput(f"{path} is not there.", "Check the path.") from error
    except PermissionError as error:
        raise BadInput(f"{path} may not be read.", "Change its permissions or copy it.") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadInput(f"{path} cannot be read ({reason}).", "Check the path and the disk.") from error


def _is_file(path: Path) -> bool:
    return _mode_is(path, stat.S_ISREG)


def _is_dir(path: Path) -> bool:
    return _mode_is(path, stat.S_ISDIR)


def _mode_is(path: Path, test: Any) -> bool:
    try:
        return bool(test(path.stat().st_mode))
    except OSError:  # a link to nothing, or a loop of links
        return False
