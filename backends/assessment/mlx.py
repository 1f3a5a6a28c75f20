"""A folder that mlx-lm quantized: ``config.json`` with "quantization", weights packed into 32-bit words.

A quantized layer has ``weight`` (uint32), ``scales`` and, in affine mode, ``biases``, a value per group:
https://ml-explore.github.io/mlx/build/html/python/_autosummary/mlx.core.quantize.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from backends.assessment.checkpoint import Checkpoint, load
from backends.assessment.counting import Weight, overhead
from backends.assessment.facts import CONFIG
from backends.assessment.folder import damaged, printable, read_json
from backends.assessment.huggingface import profile
from backends.assessment.safetensors import StoredTensor
from backends.domain.model import ModelFormat, ModelKind, ModelProfile

_WORD_BITS = 32
_BITS = (2, 3, 4, 5, 6, 8)


def is_quantized_by_mlx(folder: Path) -> bool:
    """Whether the folder's configuration has mlx-lm's "quantization". Raises BadInput for a damaged one."""
    return isinstance(read_json(folder / CONFIG).get("quantization"), dict)


def read(folder: Path) -> ModelProfile:
    """The profile of an MLX folder; bits are computed from the shapes, layer by layer. Raises BadInput."""
    checkpoint = load(folder)
    read = profile(checkpoint, ModelFormat.MLX, _weights(checkpoint))
    return replace(read, kind=ModelKind.LANGUAGE)  # mlx-lm writes no other, and may leave out the class name


def _weights(checkpoint: Checkpoint) -> Iterator[Weight]:
    tensors, settings = checkpoint.tensors, checkpoint.config["quantization"]
    for name, tensor in tensors.items():
        layer, _, part = name.rpartition(".")
        scales = tensors.get(f"{layer}.scales")
        if scales is None or part not in {"weight", "scales", "biases"}:
            yield Weight(tensor.dtype, tensor.elements, tensor.nbytes)
        elif part == "weight":
            yield _packed(tensor, scales, _group(settings, layer), checkpoint.folder / CONFIG)
        else:
            yield overhead(tensor.nbytes)


def _group(settings: Mapping[str, Any], layer: str) -> Any:
    """The group size of a layer: its own, where mixed quantization gives it one."""
    own = settings.get(layer)
    default = settings.get("group_size", 64)
    return own.get("group_size", default) if isinstance(own, dict) else default


def _packed(tensor: StoredTensor, scales: StoredTensor, group: Any, config: Path) -> Weight:
    if type(group) is not int or group <= 0 or tensor.dtype != "U32" or not tensor.shape or not scales.shape:
        raise damaged(config, f"its quantization does not fit tensor {printable(tensor.name)!r}")
    columns = scales.shape[-1] * group
    bits, rest = divmod(tensor.shape[-1] * _WORD_BITS, columns) if columns else (0, 0)
    if rest or bits not in _BITS or tensor.shape[:-1] != scales.shape[:-1]:
        raise damaged(config, f"its quantization does not fit tensor {printable(tensor.name)!r}")
    return Weight(f"INT{bits} group {group}", tensor.elements * _WORD_BITS // bits, tensor.nbytes)
