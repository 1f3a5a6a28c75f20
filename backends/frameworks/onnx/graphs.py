"""Reading, mending and writing ONNX graphs with the onnx package alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError, EncodeError  # type: ignore[import-untyped]
from onnx import GraphProto, ModelProto, checker, external_data_helper, version_converter

from backends.domain.errors import BadInput
from backends.frameworks import making
from backends.frameworks.files import require_file, writing

SINGLE_FILE_BYTES = 1_500_000_000  # Protocol Buffers end at 2 GiB
PER_CHANNEL_OPSET = 13  # QuantizeLinear and DequantizeLinear know an axis since then
SUBGRAPH_OWNERS = ("If", "Loop", "Scan")


def read_model(path: Path) -> tuple[Path, ModelProto]:
    """The file and the model with its external data. Raises BadInput with the file's name."""
    path = require_file(path, "ONNX")
    again = "Download or export it again."
    try:
        model = onnx.load(path)
    except (DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"“{path}” is damaged, or no ONNX model.", again) from error
    except (OSError, ValueError, checker.ValidationError) as error:
        raise BadInput(f"The weights that “{path}” refers to cannot be read: {error}", again) from error
    if not model.graph.node or not model.opset_import:
        raise BadInput(f"“{path}” is damaged, or no ONNX model: it has no operators.", again)
    _hide_weights(model)
    return path, model


def write_model(model: ModelProto, path: Path, beside: bool) -> None:
    """``beside``: weights in a file of their own, which is mapped into memory instead of parsed."""
    size = graph_bytes(model)
    with writing(path.parent, size):
        if beside or size > SINGLE_FILE_BYTES:
            onnx.save(
                model, path, save_as_external_data=True, location=f"{path.name}.data", size_threshold=1024
            )
        else:
            onnx.save(model, path)


def graph_bytes(model: ModelProto) -> int:
    """Bytes of weights and operators, part by part: no message over 2 GiB can tell its own size."""
    return sum(part.ByteSize() for part in (*model.graph.initializer, *model.graph.node))


def model_bytes(path: Path) -> int:
    """The file with its external data, without the tokenizer that may stand beside."""
    return sum(file.stat().st_size for file in (path, *external_files(path)) if file.is_file())


def external_files(path: Path) -> set[Path]:
    """Where the weights lie that are not in the file itself; the format leaves their names open."""
    model = onnx.load(path, load_external_data=False)
    tensors = external_data_helper._get_all_tensors(model)
    found = (tensor for tensor in tensors if external_data_helper.uses_external_data(tensor))
    return {path.parent / external_data_helper.ExternalDataInfo(tensor).location for tensor in found}


def opset(model: ModelProto) -> int:
    return next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)


def raise_opset(model: ModelProto, wanted: int = PER_CHANNEL_OPSET) -> tuple[ModelProto, str]:
    """The model at ``wanted`` or later, or as it was with a sentence on why not."""
    if opset(model) >= wanted:
        return model, ""
    try:
        converted = version_converter.convert_version(model, wanted)
        checker.check_model(converted)
    except (RuntimeError, ValueError, IndexError, EncodeError, checker.ValidationError) as error:
        reason = str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__
        return model, f"The model's opset {opset(model)} could not be raised to {wanted} ({reason})."
    return converted, ""


def nested_weights(graph: GraphProto) -> int:
    """How many weight tensors lie inside the branches of If, Loop and Scan, out of the quantizers' reach."""
    return sum(
        len(inner.initializer) + _constants(inner) + nested_weights(inner) for inner in _subgraphs(graph)
    )


def why_not_smaller(model: ModelProto, quantized: int, before: int, after: int) -> tuple[str, ...]:
    """A sentence where a quantization did nothing, or made the file bigger."""
    nothing = "it has no operator with constant weights that can be quantized"
    if nested_weights(model.graph):
        owners = sorted({node.op_type for node in model.graph.node if node.op_type in SUBGRAPH_OWNERS})
        nothing = f"its weights lie inside branches ({', '.join(owners)}), where the quantizer does not look"
    grown = "what the new operators need is more than the few weights save"
    return making.why_not_smaller(quantized, before, after, nothing, grown)


def _hide_weights(model: ModelProto) -> None:
    """Before IR 4 every weight was an input too, with a default; tools then take weights for inputs."""
    weights = {tensor.name for tensor in model.graph.initializer}
    for entry in [entry for entry in model.graph.input if entry.name in weights]:
        model.graph.input.remove(entry)
    model.ir_version = max(model.ir_version, 4)


def _subgraphs(graph: GraphProto) -> Iterator[GraphProto]:
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield attribute.g
            yield from attribute.graphs


def _constants(graph: GraphProto) -> int:
    return sum(1 for node in graph.node if node.op_type == "Constant")
