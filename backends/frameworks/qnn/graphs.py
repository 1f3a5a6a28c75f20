"""Making an ONNX graph fit for Hexagon, which takes fixed shapes only; with the onnx package alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from onnx import GraphProto, ModelProto, NodeProto, TensorShapeProto, ValueInfoProto, helper

from backends.domain.artifact import Option
from backends.domain.errors import BadInput

CONTEXT = 64  # tokens, for which a language model's operators are tried
DIMENSION = "dim."  # what the options that give sizes begin with


def fix_shapes(model: ModelProto, options: Mapping[str, Option]) -> None:
    """Give every dynamic dimension a number, in place: the first axis of an input is the batch and becomes 1.

    Others are named with the option ``dim.NAME``. Raises BadInput for one that has no number, and for a name
    that no dimension has.
    """
    graph = model.graph
    open_ones = list(_open_dimensions(graph))
    _refuse_unknown(options, dict.fromkeys(name for _, _, name, _ in open_ones))
    known: dict[str, int] = {}
    for entry, axis, name, dimension in open_ones:
        size = options.get(f"{DIMENSION}{name}", known.get(name, 1 if axis == 0 else 0))
        known[name] = _positive(size, name, entry)
        dimension.dim_value = known[name]
    for entry in [*graph.output, *graph.value_info]:
        for dimension in entry.type.tensor_type.shape.dim:
            if dimension.dim_param in known:
                dimension.dim_value = known[dimension.dim_param]
    del graph.value_info[:]


def _open_dimensions(graph: GraphProto) -> Iterator[tuple[str, int, str, TensorShapeProto.Dimension]]:
    """(input, axis, name, dimension) of each without a number; those without a name are called "x[1]"."""
    for entry in graph.input:
        for axis, dimension in enumerate(entry.type.tensor_type.shape.dim):
            if not dimension.dim_value:
                yield entry.name, axis, dimension.dim_param or f"{entry.name}[{axis}]", dimension


def _refuse_unknown(options: Mapping[str, Option], names: Collection[str]) -> None:
    given = (option.removeprefix(DIMENSION) for option in options if option.startswith(DIMENSION))
    unknown = [name for name in given if name not in names]
    if unknown:
        known = ", ".join(f"“{name}”" for name in names)
        raise BadInput(
            f"The model has no open dimension “{unknown[0]}”.",
            f"Choose from: {known}." if known else "Leave it out: every shape of the model is fixed.",
        )


def _positive(size: Option, name: str, entry: str) -> int:
    if isinstance(size, int) and size > 0:
        return size
    raise BadInput(
        f"Hexagon takes fixed shapes, and the dimension “{name}” of the input “{entry}” has none.",
        f"Give it one with the option “{DIMENSION}{name}”.",
    )


def language_shapes(graph: GraphProto) -> dict[str, Option]:
    """Sizes for the dynamic dimensions of a language model: one new token after a context."""
    shapes: dict[str, Option] = {}
    for entry, axis, name, _ in _open_dimensions(graph):
        past = entry.startswith("past_key_values")
        size = CONTEXT - 1 if past else CONTEXT if entry == "attention_mask" else 1
        shapes.setdefault(f"{DIMENSION}{name}", size if axis else 1)
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
