"""Making an ONNX graph fit for Hexagon, which takes fixed shapes only; with the onnx package alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto, checker, helper, version_converter

from backends.domain.artifact import Option
from backends.domain.errors import BadInput
from backends.frameworks.files import require_file

OPSET = 17  # of what the quantizer writes; older graphs are raised to it where that can be done
AGAIN = "Download or export it again."


def read(path: Path) -> tuple[Path, ModelProto]:
    """The file and its model with all weights. Raises BadInput."""
    path = require_file(path, "ONNX")
    try:
        model = onnx.load(path)
    except (DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"“{path}” is damaged, or no ONNX model.", AGAIN) from error
    except (OSError, ValueError, checker.ValidationError) as error:
        raise BadInput(f"The weights that “{path}” refers to cannot be read: {error}", AGAIN) from error
    if not model.graph.node or not model.opset_import:
        raise BadInput(f"“{path}” is damaged, or no ONNX model: it has no operators.", AGAIN)
    return path, model


def raised(model: ModelProto) -> ModelProto:
    """At opset 17 or later; as it was where the converter cannot."""
    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)
    if opset >= OPSET:
        return model
    try:
        converted = version_converter.convert_version(model, OPSET)
        checker.check_model(converted)
    except (RuntimeError, ValueError, IndexError, checker.ValidationError):
        return model
    return converted


def dynamic_dimensions(graph: GraphProto) -> tuple[str, ...]:
    """Names of the inputs' dimensions that are no numbers, in their order."""
    names = (
        dimension.dim_param or f"{entry.name}[{axis}]"
        for entry in real_inputs(graph)
        for axis, dimension in enumerate(entry.type.tensor_type.shape.dim)
        if not dimension.dim_value
    )
    return tuple(dict.fromkeys(names))


def fix_shapes(model: ModelProto, options: Mapping[str, Option]) -> None:
    """Give every dynamic dimension a number, in place: the first axis of an input is the batch and becomes 1.

    Others are named with the option ``dim.NAME``. Raises BadInput for one that has no number.
    """
    graph = model.graph
    known: dict[str, int] = {}
    for entry in real_inputs(graph):
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


def real_inputs(graph: GraphProto) -> list[ValueInfoProto]:
    """Without the weights, which graphs of old versions list as inputs too."""
    weights = {tensor.name for tensor in graph.initializer}
    return [entry for entry in graph.input if entry.name not in weights]


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
