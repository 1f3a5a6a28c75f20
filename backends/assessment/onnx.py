"""ONNX: inputs, outputs, opset, and what the weights really are. Parsed by the onnx package, never run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backends.assessment.beside import beside
from backends.assessment.counting import label, tally
from backends.assessment.folder import (
    damaged,
    file_size,
    inside,
    model_name,
    printable,
    read_bytes,
)
from backends.assessment.licence import licence_beside
from backends.assessment.onnx_graph import ELEMENT_TYPES, nodes, weights
from backends.assessment.signature import family, kind, without_cache
from backends.domain.errors import BadInput
from backends.domain.model import SHAPE_ONLY_KEY, ModelFormat, ModelProfile, TensorContents, TensorSpec

SIZE_LIMIT_BYTES = 2**31  # protobuf itself can hold no more; larger models have external data
_LARGEST_IR = 64
_PLAIN_DOMAINS = ("", "ai.onnx")


def read(path: Path) -> ModelProfile:
    """The profile of an ONNX file and of what belongs to it. Raises BadInput."""
    model = _parse(path)
    found, operators, external = weights(model, path)
    inputs, outputs = signature(model)
    does = kind(inputs)
    context = _context_binaries(model, path)
    parts = beside(path, does, inputs, outputs)
    files = tuple(dict.fromkeys((path, *external, *(context or ()), *parts.files)))
    contents = tally(found)
    return ModelProfile(
        path=path,
        format=ModelFormat.ONNX if context is None else ModelFormat.QNN_CONTEXT,
        kind=does,
        architecture=parts.architecture or family((node.op_type for node in nodes(model)), does),
        name=model_name(path),
        size_bytes=sum(file_size(file) for file in files),
        contents=contents,
        precision=label(found),
        multimodal=parts.multimodal,
        inputs=inputs,
        outputs=outputs,
        opset=_opset(model),
        tokenizer=parts.tokenizer,
        licence=_licence(model) or licence_beside(path),
        files=files,
        warnings=_warnings(contents, operators, context is not None) + without_cache(does, inputs, outputs),
        shape_only=any(entry.key == SHAPE_ONLY_KEY for entry in model.metadata_props),
        quantized_operators=operators,
        **parts.facts,
    )


def contents(path: Path) -> TensorContents:
    """What is inside, without looking at anything beside external data. Raises BadInput."""
    return tally(weights(_parse(path), path)[0])


def external_files(path: Path) -> tuple[Path, ...]:
    """The files of external data that belong to an ONNX file. Raises BadInput."""
    return weights(_parse(path), path)[2]


def is_onnx(path: Path) -> bool:
    """Whether the whole file parses as an ONNX model. For files that do not say so by their name."""
    try:
        _parse(path)
    except BadInput:
        return False
    return True


def signature(model: Any) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Inputs and outputs. Old files list their initializers among the inputs: those are left out."""
    stored = {tensor.name for tensor in model.graph.initializer}
    inputs = tuple(_spec(value) for value in model.graph.input if value.name not in stored)
    return inputs, tuple(_spec(value) for value in model.graph.output)


def _parse(path: Path) -> Any:
    # Imported here: the window's process must start without it.
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from onnx import ModelProto

    if not file_size(path):
        raise BadInput(f"{path.name} is empty.", "Download or convert it again.")
    model = ModelProto()
    try:
        model.ParseFromString(read_bytes(path, SIZE_LIMIT_BYTES))
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:  # the last two: without upb
        raise damaged(path, "it is not a whole ONNX file") from error
    if not model.HasField("graph") or not 0 < model.ir_version <= _LARGEST_IR or not model.graph.output:
        raise damaged(path, "it is not an ONNX model, or a part of one is missing")
    return model


def _spec(value: Any) -> TensorSpec:
    tensor = value.type.tensor_type
    element = ELEMENT_TYPES.get(tensor.elem_type)
    shape = tuple(_dimension(dimension) for dimension in tensor.shape.dim)
    return TensorSpec(printable(value.name), element.numpy if element else "unknown", shape)


def _dimension(dimension: Any) -> int | str:
    if dimension.HasField("dim_value") and dimension.dim_value >= 0:
        return int(dimension.dim_value)
    return printable(dimension.dim_param) or "?"


def _opset(model: Any) -> int | None:
    versions = (o.version for o in model.opset_import if o.domain in _PLAIN_DOMAINS)
    return max(versions, default=None)


def _context_binaries(model: Any, path: Path) -> tuple[Path, ...] | None:
    """Files of the Hexagon context that EPContext nodes wrap; ``None`` for an ordinary graph."""
    wrappers = [node for node in nodes(model) if node.op_type == "EPContext"]
    if not wrappers:
        return None
    files = []
    for node in wrappers:
        attributes = {attribute.name: attribute for attribute in node.attribute}
        _check_provider(attributes, path)
        if (
            "embed_mode" in attributes
            and attributes["embed_mode"].i == 0
            and "ep_cache_context" in attributes
        ):
            name = attributes["ep_cache_context"].s.decode("utf-8", "replace")
            files.append(inside(path.parent, name, path))
    return tuple(dict.fromkeys(files))


def _check_provider(attributes: Mapping[str, Any], path: Path) -> None:
    source = attributes["source"].s.decode("utf-8", "replace") if "source" in attributes else ""
    if source and not source.upper().startswith("QNN"):
        raise BadInput(
            f"{path.name} was compiled for {printable(source)} and runs nowhere else.",
            "Use the ONNX model it was compiled from.",
        )


def _licence(model: Any) -> str:
    stated = {entry.key.lower(): entry.value for entry in model.metadata_props}
    return printable(stated.get("license") or stated.get("licence") or "")


def _warnings(contents: TensorContents, operators: Mapping[str, int], compiled: bool) -> tuple[str, ...]:
    if compiled:
        return ("Its weights are inside a compiled context and cannot be counted.",)
    if not contents.parameters:
        return ("It holds no weights.",)
    quantized = any(name.startswith(("INT", "UINT", "NF4", "FP4")) for name in contents.tensor_types)
    if operators and not quantized:
        return ("It has quantized operators, but none of its weights are quantized.",)
    return ()
