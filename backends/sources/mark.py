"""Saying in a model's own files that its weights are random, so that a file moved elsewhere still tells.

Hugging Face and MLX folders carry the mark in ``config.json``, GGUF as its description; their tools hand both
on. What is written here is for the formats whose tools do not. Reading the mark is the assessment's.
"""

from __future__ import annotations

import mmap
from dataclasses import replace
from pathlib import Path

from backends.domain.artifact import Artifact
from backends.domain.errors import JobFailed
from backends.domain.model import SHAPE_ONLY_KEY, SHAPE_ONLY_WORDS, ModelFormat
from backends.sources.protobuf import content

_METADATA_PROPS = 14  # field of ONNX's ModelProto: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
_KEY, _VALUE = 1, 2  # fields of its StringStringEntryProto
_NET_END, _INFO_END = b"</net>", b"</rt_info>"


def marked(artifact: Artifact) -> Artifact:
    """An artifact of random weights that says so, in its files and in its description."""
    mark(artifact.path, artifact.format)
    return replace(artifact, shape_only=True, warnings=(*artifact.warnings, SHAPE_ONLY_WORDS))


def mark(path: Path, form: ModelFormat) -> None:
    """Mark a model of this format, a file or a folder of them. One that is marked already stays as it is."""
    suffixes = {ModelFormat.ONNX: ".onnx", ModelFormat.QNN_CONTEXT: ".onnx", ModelFormat.OPENVINO: ".xml"}
    if form not in suffixes:
        return
    write = _mark_ir if form is ModelFormat.OPENVINO else _mark_onnx
    for file in [path] if path.is_file() else sorted(path.rglob(f"*{suffixes[form]}")):
        if not _is_marked(file):
            write(file)


def _is_marked(path: Path) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        return mapped.find(SHAPE_ONLY_KEY.encode()) >= 0


def _mark_onnx(path: Path) -> None:
    """One more entry of a repeated field: in Protocol Buffers that may simply stand at the end."""
    entry = content(_KEY, SHAPE_ONLY_KEY) + content(_VALUE, SHAPE_ONLY_WORDS)
    with path.open("ab") as file:
        file.write(content(_METADATA_PROPS, entry))


def _mark_ir(path: Path) -> None:
    """Into the runtime information of the network, which OpenVINO keeps when it reads and writes a model."""
    text = path.read_bytes()
    end = text.rfind(_NET_END)
    if end < 0:
        raise JobFailed(f"“{path}” is no OpenVINO model: it has no end.", "Make it again.")
    words = f'<{SHAPE_ONLY_KEY} value="{SHAPE_ONLY_WORDS}" />'.encode()
    info = text.rfind(_INFO_END, 0, end)
    own = info >= 0 and not text[info + len(_INFO_END) : end].strip()  # the network's, not a layer's
    place = info if own else end
    path.write_bytes(text[:place] + (words if own else b"<rt_info>" + words + _INFO_END) + text[place:])
