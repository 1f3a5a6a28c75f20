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


def kind(inputs: Iterable[TensorSpec]) -> ModelKind:
    """A language model has a key/value cache; a vision model takes an image.

    Token ids alone make none: classifiers of tokens and masked language models take them as well.
    """
    inputs = tuple(inputs)
    names = {spec.name for spec in inputs}
    if any(PAST_KEY.search(name) for name in names):
        return ModelKind.LANGUAGE
    return ModelKind.VISION if any(_is_image(spec) for spec in inputs) else ModelKind.TENSOR


def without_cache(
    kind: ModelKind, inputs: Iterable[TensorSpec], outputs: Iterable[TensorSpec]
) -> tuple[str, ...]:
    """A sentence where a tensor model may be a decoder that was exported without its cache."""
    takes = any(spec.name in _TOKEN_INPUTS for spec in inputs)
    scores = any(spec.name == "logits" and len(spec.shape) == 3 for spec in outputs)
    if kind is ModelKind.LANGUAGE or not (takes and scores):
        return ()
    return (
        "It scores tokens and has no key/value cache, so it counts as a tensor model. If it is a decoder of "
        "text, export it with its cache.",
    )


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
