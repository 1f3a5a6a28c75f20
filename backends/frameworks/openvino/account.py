"""What is in an OpenVINO model and what really runs, told from the graph. Needs no OpenVINO itself."""

from __future__ import annotations

from collections import Counter
from typing import Any

INTEGERS = ("i4", "u4", "i8", "u8")
WORKERS = (
    "Convolution",
    "FullyConnected",
    "MatMul",
    "ScaledDotProductAttention",
    "GroupConvolution",
    "RNNSeq",
)


def quantized_operators(model: Any) -> Counter[str]:
    """Operators with integer weights, or with weights and activations on an integer grid (FakeQuantize)."""
    counts: Counter[str] = Counter()
    for node in model.get_ops():
        kind = node.get_type_name()
        if kind in ("MatMul", "Convolution", "GroupConvolution", "Gather", "ConvolutionBackpropData"):
            weights = node.input_value(0 if kind == "Gather" else 1).get_node()
            if _is_integer(weights):
                counts[kind] += 1
    return counts


def weight_types(model: Any) -> dict[str, int]:
    """Element type to number of weight tensors, of those with at least two dimensions."""
    counts: Counter[str] = Counter()
    for node in model.get_ops():
        if node.get_type_name() == "Constant" and len(node.get_output_shape(0)) >= 2:
            counts[node.get_output_element_type(0).get_type_name()] += 1
    return dict(counts)


def cache_bytes_per_token(model: Any, element_bytes: float) -> float:
    """Of the state that holds keys and values, batch 1."""
    total = 0
    for node in model.get_ops():
        if node.get_type_name() == "ReadValue":
            elements = 1
            for dimension in list(node.get_output_partial_shape(0))[1:]:
                elements *= 1 if dimension.is_dynamic else dimension.get_length()
            total += elements
    return total * element_bytes


def executed(runtime_model: Any) -> str:
    """ "FullyConnected f32 × 31, ScaledDotProductAttention f32 × 6": the work as the device does it."""
    counts: Counter[str] = Counter()
    for node in runtime_model.get_ops():
        info = node.get_rt_info()
        kind = _text(info, "layerType")
        if kind in WORKERS:
            counts[f"{kind} {_text(info, 'runtimePrecision')}"] += 1
    return ", ".join(f"{what} × {count}" for what, count in sorted(counts.items())) or "nothing of weight"


def _is_integer(node: Any) -> bool:
    """Follows a weight back through the operators that restore it."""
    while node.get_type_name() in ("Convert", "Multiply", "Subtract", "Reshape", "Transpose", "FakeQuantize"):
        if node.get_type_name() == "FakeQuantize":
            return True
        node = node.input_value(0).get_node()
    is_constant = node.get_type_name() == "Constant"
    return is_constant and node.get_output_element_type(0).get_type_name() in INTEGERS


def _text(info: Any, key: str) -> str:
    return str(info[key].value) if key in info else ""
