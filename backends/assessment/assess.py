"""The assessment of a model: one function that takes whatever a user names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from backends.assessment import gguf, huggingface, mlx, onnx, openvino, tflite
from backends.assessment.recognise import recognise
from backends.domain.model import SHAPE_ONLY_WORDS, ModelFormat, ModelProfile

READERS: Mapping[ModelFormat, Callable[[Path], ModelProfile]] = {
    ModelFormat.GGUF: gguf.read,
    ModelFormat.HUGGING_FACE: huggingface.read,
    ModelFormat.MLX: mlx.read,
    ModelFormat.ONNX: onnx.read,
    ModelFormat.QNN_CONTEXT: onnx.read,
    ModelFormat.OPENVINO: openvino.read,
    ModelFormat.TFLITE: tflite.read,
}


def assess(path: Path) -> ModelProfile:
    """What the model at ``path`` is. Headers are read, weights are not, and nothing of it is ever run.

    Args:
        path: a GGUF, ONNX, OpenVINO (.xml) or TensorFlow Lite file, a Hugging Face or MLX folder or a file in
            it, or a folder with one such file.

    Raises:
        BadInput: with a sentence that names the file, and a remedy.
    """
    found = recognise(path)
    profile = READERS[found.format](found.path)
    more = []
    if profile.shape_only:
        more.append(SHAPE_ONLY_WORDS)
    if found.beside:
        more.append(f"Its folder also holds {', '.join(found.beside[:4])}; the checkpoint was read.")
    return replace(profile, warnings=(*profile.warnings, *more)) if more else profile
