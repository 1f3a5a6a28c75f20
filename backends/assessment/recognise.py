"""Telling the format of a file or folder from what is in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from backends.assessment import gguf, mlx, onnx, safetensors, tflite
from backends.assessment.beside import GENAI_CONFIG
from backends.assessment.checkpoint import has_weights
from backends.assessment.facts import CONFIG
from backends.assessment.folder import files_in, folders_in, inside, is_folder, opened, printable, read_json
from backends.assessment.pickles import HEAD_BYTES, refuse_pickle, refuse_pickles_of
from backends.domain.errors import BadInput
from backends.domain.model import ModelFormat

_SUFFIXES = {
    ".gguf": ModelFormat.GGUF,
    ".onnx": ModelFormat.ONNX,
    ".xml": ModelFormat.OPENVINO,
    ".tflite": ModelFormat.TFLITE,
}
_OLD_GGML = (b"lmgg", b"fmgg", b"tjgg", b"algg")
_UNPACK = "Unpack it and name the model in it."
_TAR_MARK = slice(257, 262)
_OTHERS = (  # (first bytes, what it is, remedy)
    (b"PK", "an archive", _UNPACK),
    (b"\x1f\x8b", "an archive", _UNPACK),
    (b"\xfd7zXZ", "an archive", _UNPACK),
    (b"7z\xbc\xaf", "an archive", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "an archive", _UNPACK),
    (b"\x89HDF", "a Keras (HDF5) file", "Export the model as ONNX or TensorFlow Lite."),
    (b"version https://git-lfs", "only the pointer to a file in Git LFS", "Run git lfs pull."),
)
_KNOWN = "Name a GGUF, ONNX, OpenVINO (.xml) or TensorFlow Lite file, or a Hugging Face or MLX folder."


@dataclass(frozen=True)
class Found:
    """The path that a reader takes: a file, or the folder of a checkpoint. ``beside`` are models left out."""

    format: ModelFormat
    path: Path
    beside: tuple[str, ...] = ()


def recognise(path: Path) -> Found:
    """What ``path`` is. Raises BadInput for what is no model, or several with none before the others."""
    return _in_folder(path) if is_folder(path) else _file(path)


def locate(path: Path, form: ModelFormat) -> Path:
    """The path to read ``path`` as ``form``: the file of that format where a folder was named."""
    if form in {ModelFormat.HUGGING_FACE, ModelFormat.MLX} or not is_folder(path):
        return path
    wanted = ModelFormat.ONNX if form is ModelFormat.QNN_CONTEXT else form
    return _only(path, [file for file in _candidates(path) if _SUFFIXES[file.suffix.lower()] is wanted])


def _file(path: Path) -> Found:
    if path.name in {CONFIG, GENAI_CONFIG}:
        return _in_folder(path.parent)
    with opened(path) as file:
        head = file.read(HEAD_BYTES)
    if not head:
        raise BadInput(f"{path.name} is empty.", "Download or convert it again.")
    for form, test in _TESTS:
        if test(path, head):
            return Found(form, path)
    if safetensors.looks_like(head):
        return _checkpoint_of(path)
    raise _unknown(path, head)


def _is_gguf(path: Path, head: bytes) -> bool:
    return head.startswith(gguf.MAGIC)


def _is_tflite(path: Path, head: bytes) -> bool:
    return head[4:8] == tflite.IDENTIFIER


def _is_ir(path: Path, head: bytes) -> bool:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return text.startswith((b"<?xml", b"<net", b"<!DOCTYPE")) or b"<net" in head


def _is_onnx(path: Path, head: bytes) -> bool:
    """ONNX has no magic. A model begins with its IR version; by name, any beginning is left to the parser."""
    begins = len(head) > 2 and head[0] == 0x08 and 0 < head[1] < 64 and head[2] & 7 in (0, 2)
    named = path.suffix.lower() == ".onnx" and _foreign(head) is None
    return named or (begins and onnx.is_onnx(path))


_TESTS: tuple[tuple[ModelFormat, Callable[[Path, bytes], bool]], ...] = (
    (ModelFormat.GGUF, _is_gguf),
    (ModelFormat.TFLITE, _is_tflite),
    (ModelFormat.OPENVINO, _is_ir),
    (ModelFormat.ONNX, _is_onnx),
)


def _foreign(head: bytes) -> tuple[str, str] | None:
    """What well-known thing that is no model begins so, and what to do with it."""
    if head[_TAR_MARK] == b"ustar":
        return "an archive", _UNPACK
    return next(((what, remedy) for magic, what, remedy in _OTHERS if head.startswith(magic)), None)


def _unknown(path: Path, head: bytes) -> BadInput:
    """Why a file is none of ours. A pickle raises by itself."""
    refuse_pickle(path, head)
    if head.startswith(_OLD_GGML):
        return BadInput(f"{path.name} is an old GGML file.", "Convert the model to GGUF.")
    foreign = _foreign(head)
    if foreign is not None:
        return BadInput(f"{path.name} is {foreign[0]}, not a model.", foreign[1])
    if path.suffix.lower() == ".bin" and path.with_suffix(".xml").exists():
        return BadInput(
            f"{path.name} holds only the weights of an OpenVINO model.", "Name the .xml file beside it."
        )
    form = _SUFFIXES.get(path.suffix.lower())
    if form is not None:
        start = printable(repr(head[:4]))
        return BadInput(
            f"{path.name} is not a {form.value} file, whatever its name says: it begins with {start}.",
            "Download or convert it again.",
        )
    return BadInput(f"{path.name} is no model that can be read here.", _KNOWN)


def _checkpoint_of(path: Path) -> Found:
    """A safetensors file stands for its folder: alone it has no architecture."""
    folder = path.absolute().parent
    if not (folder / CONFIG).is_file():
        raise BadInput(
            f"{path.name} has weights but no {CONFIG} beside it, so its architecture is not known.",
            f"Put {CONFIG} and the tokenizer into its folder.",
        )
    return _checkpoint(folder)


def _checkpoint(folder: Path) -> Found:
    beside = tuple(file.name for file in _candidates(folder))
    form = ModelFormat.MLX if mlx.is_quantized_by_mlx(folder) else ModelFormat.HUGGING_FACE
    return Found(form, folder, beside)


def _in_folder(folder: Path) -> Found:
    """The model of a folder: a checkpoint goes before single files, which must be only one."""
    if has_weights(folder):
        return _checkpoint(folder)
    decoder = _genai_decoder(folder)
    if decoder is not None:
        return _file(decoder)
    candidates = _candidates(folder)
    if not candidates:
        raise _nothing_in(folder)
    return _file(_only(folder, candidates))


def _candidates(folder: Path) -> list[Path]:
    """Model files right in ``folder``: not later shards, tokenizers saved as IR, or image encoders."""
    files = (file for file in files_in(folder) if file.suffix.lower() in _SUFFIXES)
    return [file for file in files if not gguf.is_later_shard(file) and not _is_companion(file.name.lower())]


def _is_companion(name: str) -> bool:
    return "tokenizer" in name or name.startswith("mmproj")


def _only(folder: Path, candidates: list[Path]) -> Path:
    if len(candidates) == 1:
        return inside(folder, candidates[0].name, candidates[0])
    if not candidates:
        raise _nothing_in(folder)
    names = ", ".join(printable(file.name) for file in candidates[:4])
    more = f" and {len(candidates) - 4} more" if len(candidates) > 4 else ""
    raise BadInput(f"{folder} holds several models: {names}{more}.", "Name the file you want.")


def _genai_decoder(folder: Path) -> Path | None:
    """The ONNX file that onnxruntime-genai would open."""
    path = folder / GENAI_CONFIG
    if not path.is_file():
        return None
    model = read_json(path).get("model")
    decoder = model.get("decoder") if isinstance(model, dict) else None
    name = decoder.get("filename") if isinstance(decoder, dict) else None
    return inside(folder, name, path) if isinstance(name, str) else None


def _nothing_in(folder: Path) -> BadInput:
    """Why there is no model in ``folder``. Pickles raise by themselves."""
    refuse_pickles_of(folder)
    below = [sub.name for sub in folders_in(folder) if _holds_model(sub)]
    if below:
        return BadInput(
            f"{folder} has no model itself, but there are some in {', '.join(below)}.", "Name one of them."
        )
    return BadInput(f"{folder} holds no model.", _KNOWN)


def _holds_model(folder: Path) -> bool:
    try:
        return has_weights(folder) or bool(_candidates(folder))
    except BadInput:  # not readable
        return False
