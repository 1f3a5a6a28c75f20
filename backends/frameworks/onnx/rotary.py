"""Makes attention with small heads runnable: rotary embedding as an operator of its own.

ONNX Runtime's GroupQueryAttention refuses to rotate heads whose size is no multiple of 16, though it takes
them when query and key come rotated. Small models (stories260k has heads of 8) need that.
"""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

DOMAIN = "com.microsoft"
MULTIPLE = 16
_VALUES = ("last", "one", "total", "new", "start", "axis", "zero", "step", "count", "offsets", "row")
QUERY, KEY, VALUE, PAST_KEY, LAST_INDEX, COS, SIN, POSITIONS = 0, 1, 2, 3, 5, 7, 8, 9


def take_rotary_out(model: ModelProto) -> int:
    """Rewrite the attention nodes that need it, in place. Returns how many did."""
    sizes = {entry.name: _last_dimension(entry) for entry in model.graph.input}
    changed = 0
    nodes: list[NodeProto] = []
    for node in model.graph.node:
        size = sizes.get(node.input[PAST_KEY], 0) if node.op_type == "GroupQueryAttention" else 0
        if size % MULTIPLE and _number(node, "do_rotary"):
            nodes += _rotated(node, size, model)
            changed += 1
        nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return changed


def _rotated(node: NodeProto, size: int, model: ModelProto) -> list[NodeProto]:
    """The nodes that rotate in front of ``node``, which is changed to take what they make."""
    stem = node.name or node.output[0]
    heads, kv_heads = _number(node, "num_heads"), _number(node, "kv_num_heads")
    inputs = [*node.input, *[""] * (POSITIONS + 1 - len(node.input))]
    nodes: list[NodeProto] = []
    if not inputs[KEY]:
        lengths = np.array([heads * size, kv_heads * size, kv_heads * size], np.int64)
        model.graph.initializer.append(numpy_helper.from_array(lengths, f"{stem}.lengths"))
        parts = [f"{stem}.{part}" for part in ("query", "key", "value")]
        nodes.append(helper.make_node("Split", [inputs[QUERY], f"{stem}.lengths"], parts, axis=-1))
        inputs[QUERY : VALUE + 1] = parts
    positions = inputs[POSITIONS]
    if not positions:
        positions = f"{stem}.positions"
        nodes += _positions(stem, inputs[LAST_INDEX], inputs[QUERY], positions)
    interleaved = _number(node, "rotary_interleaved")
    for at, count in ((QUERY, heads), (KEY, kv_heads)):
        nodes.append(
            helper.make_node(
                "RotaryEmbedding",
                [inputs[at], positions, inputs[COS], inputs[SIN]],
                [f"{stem}.{at}.rotated"],
                domain=DOMAIN,
                num_heads=count,
                interleaved=interleaved,
                rotary_embedding_dim=0,
            )
        )
        inputs[at] = f"{stem}.{at}.rotated"
    inputs[COS] = inputs[SIN] = inputs[POSITIONS] = ""
    while inputs and not inputs[-1]:
        inputs.pop()
    del node.input[:]
    node.input.extend(inputs)
    for attribute in node.attribute:
        if attribute.name == "do_rotary":
            attribute.i = 0
    return nodes


def _positions(stem: str, last_index: str, query: str, result: str) -> list[NodeProto]:
    """(1, new tokens), batch 1: from the index of the last token + 1 − how many are new.

    ONNX Runtime would take the first position alone, but OpenVINO then rotates all tokens as if they stood
    there.
    """
    last, one, total, new, start, axis, zero, step, count, offsets, row = (
        f"{stem}.{value}" for value in _VALUES
    )
    return [
        helper.make_node("Cast", [last_index], [last], to=TensorProto.INT64),
        _constant(one, 1, [1]),
        helper.make_node("Add", [last, one], [total]),
        helper.make_node("Shape", [query], [new], start=1, end=2),
        helper.make_node("Sub", [total, new], [start]),
        _constant(axis, 0, [1]),
        _constant(zero, 0, []),
        _constant(step, 1, []),
        helper.make_node("Squeeze", [new, axis], [count]),
        helper.make_node("Range", [zero, count, step], [offsets]),
        helper.make_node("Add", [start, offsets], [row]),
        helper.make_node("Unsqueeze", [row, axis], [result]),
    ]


def _constant(name: str, value: int, shape: list[int]) -> NodeProto:
    return helper.make_node(
        "Constant", [], [name], value=helper.make_tensor("", TensorProto.INT64, shape, [value])
    )


def _number(node: NodeProto, name: str) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == name), 0)


def _last_dimension(entry: object) -> int:
    dims = entry.type.tensor_type.shape.dim  # type: ignore[attr-defined]
    return int(dims[-1].dim_value) if dims else 0
