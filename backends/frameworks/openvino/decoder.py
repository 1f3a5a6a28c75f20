"""Turns the graph of a language model that was read from ONNX into a stateful one that can be saved as IR.

OpenVINO reads the contrib operator GroupQueryAttention, but cannot keep it: ``save_model`` writes a file that
``read_model`` refuses. So the operator is written out here in plain ones (rotary embedding, concatenation
with the cache, ScaledDotProductAttention), in the arrangement that the CPU plug-in fuses back into one
kernel. The key/value cache then becomes state of the model instead of inputs and outputs.

OpenVINO's operators are handed in as ``ops``, so this file needs no OpenVINO itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends.domain.errors import BadInput

ATTENTION = "GroupQueryAttention"
CACHE_INPUT, CACHE_OUTPUT = "past_key_values.", "present."

# Inputs of the attention node after OpenVINO's ONNX reader has split and transposed query, key and value.
QUERY, KEY, VALUE, PAST_KEY, PAST_VALUE, LAST_INDEX, TOTAL, COS, SIN, POSITIONS, BIAS, SINK = range(12)
NEUTRAL = {
    "causal": True,
    "local_window_size": -1,
    "smooth_softmax": False,
    "kv_cache_bit_width": 0,
    "sliding_window_cache": False,
}


@dataclass(frozen=True)
class Positions:
    """What all layers share: cosines and sines of the new positions, and who may look at whom."""

    cos: Any
    sin: Any
    mask: Any  # (1, 1, new, total) float: 0 where key ≤ query, else -inf


def names(ports: Iterable[Any], prefix: str) -> list[str]:
    """The names that begin with ``prefix``, one a port, sorted."""
    found = (next((name for name in port.get_names() if name.startswith(prefix)), "") for port in ports)
    return sorted(name for name in found if name)


def is_stateful(model: Any) -> bool:
    return len(model.get_sinks()) > 0


def write_out_attention(model: Any, ops: Any) -> int:
    """Replace every GroupQueryAttention by plain operators. Returns how many there were.

    Raises BadInput for variants of the operator that are not written out (windows, sinks, a quantized cache).
    """
    nodes = [node for node in model.get_ordered_ops() if node.get_type_name() == ATTENTION]
    shared: dict[str, Positions] = {}
    for node in nodes:
        _refuse_variants(node)
        key = node.input_value(LAST_INDEX).get_node().get_friendly_name()
        if key not in shared:
            shared[key] = _positions(node, ops)
        _replace(node, _attention(node, shared[key], ops))
    model.validate_nodes_and_infer_types()
    return len(nodes)


def make_stateful(model: Any, ops: Any, transform: Any) -> None:
    """Hide the cache inputs and outputs inside the model; ``transform`` is OpenVINO's own pass.

    As in the models of optimum-intel, ``beam_idx`` reorders the cache by batch row, and the cache begins
    empty with the batch size of ``input_ids``.
    """
    inputs, outputs = names(model.inputs, CACHE_INPUT), names(model.outputs, CACHE_OUTPUT)
    pairs = {name: name.replace(CACHE_INPUT, CACHE_OUTPUT) for name in inputs}
    if not inputs or sorted(pairs.values()) != outputs:
        raise BadInput("The model's key/value cache inputs and outputs do not belong together.")
    rows = ops.parameter([-1], np.int32, name="beam_idx")
    rows.output(0).get_tensor().add_names({"beam_idx"})
    model.add_parameters([rows])
    for name in inputs:
        past = model.input(name)
        consumers = past.get_target_inputs()
        chosen = ops.gather(past, rows, ops.constant(0))
        for consumer in consumers:
            consumer.replace_source_output(chosen.output(0))
    model.validate_nodes_and_infer_types()
    transform(model, pairs)
    _begin_empty(model, ops)


def keep_last_logits(model: Any, ops: Any, first: str) -> bool:
    """Add an input that names the first position whose logits are wanted.

    The head is the largest matrix of a small model; a prompt needs it for one position only. Returns whether
    the head was found.
    """
    node = model.output("logits").get_node()
    while node.get_type_name() in ("Result", "Convert", "Add"):
        node = node.input_value(0).get_node()
    if node.get_type_name() != "MatMul" or node.input_value(0).get_partial_shape().rank.get_length() != 3:
        return False
    start = ops.parameter([1], np.int64, name=first)
    start.output(0).get_tensor().add_names({first})
    model.add_parameters([start])
    end, step, axis = (ops.constant(np.array([number])) for number in (np.iinfo(np.int64).max, 1, 1))
    wanted = ops.slice(node.input_value(0), start, end, step, axis)
    node.input(0).replace_source_output(wanted.output(0))
    model.validate_nodes_and_infer_types()
    return True


def _refuse_variants(node: Any) -> None:
    attributes = node.get_attributes()
    odd = [name for name, usual in NEUTRAL.items() if attributes.get(name, usual) != usual]
    if attributes.get("softcap", 0.0):
        odd.append("softcap")
    odd += [what for what, at in (("attention bias", BIAS), ("head sink", SINK)) if _given(node, at)]
    if odd:
        raise BadInput(
            f"The model's attention uses what cannot be written out for OpenVINO: {', '.join(odd)}.",
            "Run it in ONNX Runtime or llama.cpp, or convert it to OpenVINO from its Hugging Face folder.",
        )


def _given(node: Any, index: int) -> bool:
    """The reader stands an empty constant for an input that is not there."""
    if index >= node.get_input_size():
        return False
    shape = node.input_value(index).get_partial_shape()
    return not (shape.is_static and 0 in list(shape.to_shape()))


def _positions(node: Any, ops: Any) -> Positions:
    """New tokens stand at total − new … total − 1, where ``total`` counts the attention mask."""
    new = _dimension(node.input_value(QUERY), 2, ops)
    total = ops.add(ops.convert(node.input_value(LAST_INDEX), "i64"), ops.constant(np.int64(1)))
    zero, one = ops.constant(np.int64(0)), ops.constant(np.int64(1))
    total = ops.reduce_max(total, ops.constant(np.array([0])), keep_dims=False)
    new = ops.squeeze(new, ops.constant(np.array([0])))
    queries = ops.range(ops.subtract(total, new), total, one, "i64")
    keys = ops.range(zero, total, one, "i64")
    column = ops.unsqueeze(queries, ops.constant(np.array([1])))
    visible = ops.less_equal(ops.unsqueeze(keys, ops.constant(np.array([0]))), column)
    nothing, hidden = ops.constant(np.float32(0)), ops.constant(np.float32(-np.inf))
    kind = node.input_value(QUERY).get_element_type()
    mask = ops.select(visible, ops.convert(nothing, kind), ops.convert(hidden, kind))
    mask = ops.unsqueeze(mask, ops.constant(np.array([0, 1])))
    if not node.get_attributes()["do_rotary"]:
        return Positions(None, None, mask)
    if _given(node, POSITIONS):
        queries = ops.reshape(node.input_value(POSITIONS), ops.constant(np.array([-1])), False)
    cos, sin = (_angles(node.input_value(at), queries, ops) for at in (COS, SIN))
    return Positions(cos, sin, mask)


def _angles(table: Any, positions: Any, ops: Any) -> Any:
    """(1, 1, new, 2 · columns): rows of a table of cosines or sines, once for each half of a head."""
    rows = ops.gather(table, positions, ops.constant(np.int64(0)))
    return ops.unsqueeze(ops.concat([rows, rows], 1), ops.constant(np.array([0, 1])))


def _attention(node: Any, positions: Positions, ops: Any) -> tuple[Any, Any, Any]:
    attributes = node.get_attributes()
    query, key, value = (node.input_value(at) for at in (QUERY, KEY, VALUE))
    if positions.cos is not None:
        interleaved = attributes["rotary_interleaved"]
        query, key = (_rotate(tensor, positions, interleaved, ops) for tensor in (query, key))
    present_key = ops.concat([node.input_value(PAST_KEY), key], 2)
    present_value = ops.concat([node.input_value(PAST_VALUE), value], 2)
    heads, kv_heads = attributes["num_heads"], attributes["kv_num_heads"]
    keys, values = (_repeat(tensor, heads, kv_heads, ops) for tensor in (present_key, present_value))
    inputs = [query, keys, values, positions.mask]
    if attributes.get("scale"):
        inputs.append(ops.convert(ops.constant(np.float32(attributes["scale"])), query.get_element_type()))
    mixed = ops.scaled_dot_product_attention(*inputs, causal=False)
    rows = ops.transpose(mixed, ops.constant(np.array([0, 2, 1, 3])))
    return ops.reshape(rows, ops.constant(np.array([0, 0, -1])), True), present_key, present_value


def _rotate(tensor: Any, positions: Positions, interleaved: bool, ops: Any) -> Any:
    """Rotary embedding (Su et al. 2021) of the first width(cos) elements: x · cos + turned(x) · sin."""
    width = positions.cos.output(0).get_partial_shape()[3].get_length()
    size = tensor.get_partial_shape()[3].get_length()
    axis = ops.constant(np.int64(3))
    head, *rest = ops.variadic_split(tensor, axis, ops.constant(_lengths(width, size))).outputs()
    if width == size:
        head = tensor
    if interleaved:
        head = _reorder(head, np.arange(width).reshape(-1, 2).T, ops)
    first, second = ops.variadic_split(head, axis, ops.constant(np.array([width // 2, -1]))).outputs()
    turned = ops.concat([ops.multiply(second, ops.constant(np.float32(-1))), first], 3)
    mixed = ops.add(ops.multiply(head, positions.cos), ops.multiply(turned, positions.sin))
    if interleaved:
        mixed = _reorder(mixed, np.arange(width).reshape(2, -1).T, ops)
    return ops.concat([mixed, *rest], 3) if rest else mixed


def _reorder(tensor: Any, order: Any, ops: Any) -> Any:
    """Interleaved pairs to halves or back: the same rotation, another order of a head's elements."""
    return ops.gather(tensor, ops.constant(order.reshape(-1)), ops.constant(np.int64(3)))


def _lengths(turned: int, size: int) -> Any:
    return np.array([turned] if turned == size else [turned, size - turned])


def _repeat(tensor: Any, heads: int, kv_heads: int, ops: Any) -> Any:
    """(batch, kv_heads, total, size) to (batch, heads, total, size), in the form the CPU plug-in knows."""
    if heads == kv_heads:
        return tensor
    size = tensor.output(0).get_partial_shape()[3].get_length()
    groups = ops.constant(np.array([1, 1, heads // kv_heads, 1, 1]))
    apart = ops.unsqueeze(tensor, ops.constant(np.array([2])))
    spread = ops.broadcast(apart, groups, broadcast_spec="BIDIRECTIONAL")
    return ops.reshape(spread, ops.constant(np.array([0, heads, -1, size])), True)


def _dimension(tensor: Any, axis: int, ops: Any) -> Any:
    """One dimension as a tensor of one element."""
    return ops.gather(ops.shape_of(tensor, "i64"), ops.constant(np.array([axis])), ops.constant(0))


def _replace(node: Any, new: tuple[Any, Any, Any]) -> None:
    for port, replacement in zip(node.outputs(), new, strict=True):
        tensor_names = port.get_names()
        for consumer in port.get_target_inputs():
            consumer.replace_source_output(replacement.output(0))
        replacement.output(0).get_tensor().add_names(tensor_names)
    new[0].set_friendly_name(node.get_friendly_name())


def _begin_empty(model: Any, ops: Any) -> None:
    """Without an initial value a state of unknown batch size begins with no rows at all."""
    batch = _dimension(model.input("input_ids"), 0, ops)
    for node in model.get_ops():
        if node.get_type_name() != "ReadValue":
            continue
        shape = node.get_output_partial_shape(0)
        rest = np.array([0 if dim.is_dynamic else dim.get_length() for dim in list(shape)[1:]])
        zero = ops.convert(ops.constant(np.float32(0)), node.get_output_element_type(0))
        node.set_arguments([ops.broadcast(zero, ops.concat([batch, ops.constant(rest)], 0))])
    model.validate_nodes_and_infer_types()
