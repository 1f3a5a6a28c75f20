"""What a graph does, told by the names and shapes of what goes in and out. Any format."""

from __future__ import annotations

import re
from collections.abc import Iterable

from backends.domain.model import ModelKind, TensorSpec

PAST_KEY = re.compile(r"(?:^|\.)past(?:_key_values)?[._](\d+)[._]key$|^past_key_(\d+)$")
# The first family that has one of its operators in the graph names it; ONNX, OpenVINO and TFLite names.
_FAMILIES = (
    ("transformer", {"GroupQueryAttention", "MultiHeadAttention", "Attention", "ScaledDotProductAttention"}),
    ("recurrent network", {"LSTM", "GRU", "RNN", "LSTMSequence", "GRUSequence", "LSTMCell", "GRUCell"}),
    (
        "convolutional network",
        {
            "Conv",
            "ConvInteger",
            "QLinearConv",
            "Convolution",
            "GroupConvolution",
            "CONV_2D",
            "DEPTHWISE_CONV_2D",
        },
    ),
    ("dense network", {"MatMul", "Gemm", "MatMulInteger", "MatMulNBits", "QLinearMatMul", "FULLY_CONNECTED"}),
)
_TOKEN_INPUTS = {"input_ids", "tokens"}
_IMAGE_CHANNELS = (1, 3, 4)


def kind(inputs: Iterable[TensorSpec], outputs: Iterable[TensorSpec]) -> ModelKind:
    """A language model has a cache, or token ids in and logits out; a vision model takes an image."""
    inputs = tuple(inputs)
    names = {spec.name for spec in inputs}
    if any(PAST_KEY.search(name) for name in names):
        return ModelKind.LANGUAGE
    if names & _TOKEN_INPUTS and any(spec.name == "logits" and len(spec.shape) == 3 for spec in outputs):
        return ModelKind.LANGUAGE
    return ModelKind.VISION if any(_is_image(spec) for spec in inputs) else ModelKind.TENSOR


def family(operators: Iterable[str], kind: ModelKind) -> str:
    """The kind of network, told by its operators: "convolutional network". "" for none of them."""
    if kind is ModelKind.LANGUAGE:  # attention need not be fused into one operator
        return "transformer"
    present = set(operators)
    return next((name for name, members in _FAMILIES if members & present), "")


def _is_image(spec: TensorSpec) -> bool:
    """Four axes with 1, 3 or 4 channels, first or last: NCHW or NHWC."""
    shape = spec.shape
    return len(shape) == 4 and (shape[1] in _IMAGE_CHANNELS or shape[3] in _IMAGE_CHANNELS)
