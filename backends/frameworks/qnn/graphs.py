"""Making an ONNX graph fit for Hexagon, which takes fixed shapes only; with the onnx package alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto, helper

from backends.domain.artifact import Option
from backends.domain.errors import BadInput

CONTEXT = 64  # tokens, for which a language model's operators are tried


def fix_shapes(model: ModelProto, options: Mapping[str, Option]) -> None:
    """Give every dynamic dimension a number, in place: the first axis of an input is the batch and becomes 1.

    Others are named with the option ``dim.NAME``. Raises BadInput for one that has no number.
    """
    graph = model.graph
    known: dict[str, int] = {}
    for entry in graph.input:
        for axis, dimension in enumerate(entry.type.tensor_type.shape.dim):
            if not dimension.dim_value:
                name = dimension.dim_param or f"{entry.name}[{axis}]"
                size = options.get(f"dim.{name}", known.get(name, 1 if axis == 0 else 0))
                known[name] = _positive(size, name, entry.name)
                dimension.dim_value = known[name]
    for entry in [*graph.output, *graph.value_info]:
        for dimension in entry.type.tensor_type.shape.dim:
            if dimension.dim_param in known:
                dimension.dim_value = known[dimension.dim_param]
    del graph.value_info[:]


def _positive(size: Option, name: str, entry: str) -> int:
    if isinstance(size, int) and size > 0:
        return size
    raise BadInput(
        f"Hexagon takes fixed shapes, and the dimension “{name}” of the input “{entry}” has none.",
        f"Give it one with --option dim.{name}=NUMBER.",
    )


def language_shapes(graph: GraphProto) -> dict[str, Option]:
    """Sizes for the dynamic dimensions of a language model: one new token after a context."""
    shapes: dict[str, Option] = {}
    for entry in graph.input:
        past = entry.name.startswith("past_key_values")
        size = CONTEXT - 1 if past else CONTEXT if entry.name == "attention_mask" else 1
        for axis, dimension in enumerate(entry.type.tensor_type.shape.dim):
            if not dimension.dim_value:
                name = dimension.dim_param or f"{entry.name}[{axis}]"
                shapes.setdefault(f"dim.{name}", size if axis else 1)
    return shapes


def single_nodes(model: ModelProto) -> Iterator[tuple[str, int, ModelProto | None]]:
    """(operator, how many there are, a model of one of them) for each operator; shapes must be inferred.

    ``None`` for one whose shapes are not known.
    """
    types = _types(model.graph)
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    examples: dict[str, list[NodeProto]] = {}
    for node in model.graph.node:
        if node.op_type == "Constant":
            continue
        examples.setdefault(node.op_type, []).append(node)
    for operator, nodes in examples.items():
        node = next(
            (n for n in nodes if all(name in types or name in weights or not name for name in _names(n))),
            None,
        )
        if node is None:
            yield operator, len(nodes), None
            continue
        inputs = [types[name] for name in dict.fromkeys(node.input) if name and name not in weights]
        outputs = [types[name] for name in node.output if name]
        own = [weights[name] for name in dict.fromkeys(node.input) if name in weights]
        graph = helper.make_graph([node], operator, inputs, outputs, own)
        yield (
            operator,
            len(nodes),
            helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version),
        )


def _names(node: NodeProto) -> list[str]:
    return [*node.input, *node.output]


def _types(graph: GraphProto) -> dict[str, ValueInfoProto]:
    return {entry.name: entry for entry in [*graph.value_info, *graph.input, *graph.output]}
