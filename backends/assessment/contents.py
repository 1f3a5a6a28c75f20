"""For adapters: what an artifact really contains, and the hashes that prove it is the same file later."""

from __future__ import annotations

import hashlib
from pathlib import Path

from backends.assessment import gguf, huggingface, mlx, onnx, openvino, tflite
from backends.assessment.folder import files_in, folders_in, inside, is_folder, opened
from backends.assessment.recognise import locate
from backends.domain.model import ModelFormat, TensorContents

_CHUNK_BYTES = 2**20
_DEEPEST = 8


def contents(path: Path, form: ModelFormat) -> TensorContents:
    """Tensor types, parameters and bytes of the weights, read back from the file.

    Args:
        path: the file, or a folder with exactly one model of this format.
        form: the format it was written in.

    Raises:
        BadInput: the file is not what it should be.
    """
    path = locate(path, form)
    match form:
        case ModelFormat.GGUF:
            return gguf.contents(path)
        case ModelFormat.ONNX | ModelFormat.QNN_CONTEXT:
            return onnx.contents(path)
        case ModelFormat.OPENVINO:
            return openvino.contents(path)
        case ModelFormat.TFLITE:
            return tflite.contents(path)
        case ModelFormat.HUGGING_FACE:
            return huggingface.read(path).contents
        case ModelFormat.MLX:
            return mlx.read(path).contents


def hashes(path: Path) -> dict[str, str]:
    """SHA-256 of every file of an artifact, by name relative to it; weights beside a file included.

    Raises:
        BadInput: a file is missing, not readable, or a link that leads outside.
    """
    if is_folder(path):
        return {file.relative_to(path).as_posix(): sha256(file) for file in _all_files(path, _DEEPEST)}
    return {file.name: sha256(file) for file in (path, *_companions(path))}


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with opened(path) as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _all_files(folder: Path, deeper: int) -> list[Path]:
    files = [inside(folder, file.name, folder) for file in files_in(folder)]
    if deeper:  # links in a circle end here
        for sub in folders_in(folder):
            files += [] if sub.is_symlink() else _all_files(sub, deeper - 1)
    return files


def _companions(path: Path) -> tuple[Path, ...]:
    match path.suffix.lower():
        case ".xml":
            return (openvino.weights_file(path),)
        case ".onnx":
            return onnx.external_files(path)
    return ()
