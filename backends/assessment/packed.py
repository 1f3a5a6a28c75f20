"""Weights that other quantizers packed into integers: how many there really are, and of how many bits.

Names and layouts as transformers saves them for GPTQ, AWQ, bitsandbytes, compressed-tensors, FP8 and MXFP4
(transformers/quantizers).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from backends.assessment.counting import Weight, overhead
from backends.assessment.folder import damaged, printable
from backends.assessment.safetensors import StoredTensor

_CONTAINER_BITS = {"I32": 32, "U32": 32, "U8": 8, "I8": 8}
_BITS = (1, 2, 3, 4, 5, 6, 8)
_PACKED = (".qweight", ".weight_packed", "_blocks")
_OVERHEAD = (
    ".qzeros", ".scales", ".g_idx", ".weight_scale", ".weight_scale_inv", ".weight_zero_point",
    ".weight_shape", ".weight_g_idx", ".input_scale", ".absmax", ".quant_map", ".nested_absmax",
    ".nested_quant_map", "__nf4", "__fp4", ".SCB", ".weight_format", "_scales",
)  # fmt: skip
_NO_WEIGHTS = ("BOOL", "I64", "U64", "I32", "U32")  # masks, positions and counters


def weights(
    tensors: Mapping[str, StoredTensor], quantization: Mapping[str, Any], config: Path
) -> Iterator[Weight]:
    """The weights of a checkpoint; ``quantization`` is its ``quantization_config``, or empty."""
    bits, group = _bits(quantization, config), quantization.get("group_size")
    group_name = f" group {group}" if isinstance(group, int) and group > 0 else ""
    for name, tensor in tensors.items():
        if quantization and name.endswith(_OVERHEAD):
            yield overhead(tensor.nbytes)
        elif quantization and _is_packed(name, tensor, tensors):
            elements = tensor.elements * _CONTAINER_BITS[tensor.dtype] // bits
            yield Weight(f"INT{bits}{group_name}", elements, tensor.nbytes)
        elif tensor.dtype not in _NO_WEIGHTS:
            yield Weight(tensor.dtype, tensor.elements, tensor.nbytes)


def method(quantization: Mapping[str, Any]) -> str:
    """The quantizer's name, as the configuration has it."""
    name = quantization.get("quant_method", "")
    return printable(name) if isinstance(name, str) else ""


def _is_packed(name: str, tensor: StoredTensor, tensors: Mapping[str, StoredTensor]) -> bool:
    if tensor.dtype not in _CONTAINER_BITS:
        return False
    return name.endswith(_PACKED) or (tensor.dtype == "U8" and f"{name}.absmax" in tensors)


def _bits(quantization: Mapping[str, Any], config: Path) -> int:
    """Bits per packed weight; 4 where the method knows no other and therefore does not say."""
    value = quantization.get("bits", quantization.get("w_bit", _bits_of_groups(quantization)))
    if type(value) is not int or value not in _BITS:
        raise damaged(config, f"it claims weights of {printable(str(value))} bits")
    return value


def _bits_of_groups(quantization: Mapping[str, Any]) -> Any:
    """compressed-tensors: ``config_groups.*.weights.num_bits``."""
    groups = quantization.get("config_groups")
    for group in groups.values() if isinstance(groups, dict) else ():
        scheme = group.get("weights") if isinstance(group, dict) else None
        if isinstance(scheme, dict) and "num_bits" in scheme:
            return scheme["num_bits"]
    return 4
