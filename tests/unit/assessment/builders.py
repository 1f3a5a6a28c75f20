"""Small valid model files of every format, made on the spot."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import flatbuffers
import gguf
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

REPOSITORY = Path(__file__).parents[3]
SHARED = REPOSITORY.parent / "shared" / "data"

LLAMA: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "vocab_size": 32,
}


def make_gguf(
    path: Path,
    *,
    types: Sequence[str] = ("Q4_K", "Q6_K"),
    file_type: int | None = 15,
    layers: int = 2,
    tokens: int = 8,
    rows: int | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Path:
    """A GGUF with one weight (256×4) of the next of ``types`` and one F32 norm in each layer."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("Tiny")
    writer.add_license("mit")
    if file_type is not None:
        writer.add_file_type(file_type)
    writer.add_context_length(512)
    writer.add_block_count(layers)
    writer.add_embedding_length(256)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([f"t{i}" for i in range(tokens)])
    writer.add_pad_token_id(4294967295)
    for key, value in (extra or {}).items():
        writer.add_key_value(key, value, *_gguf_type(value))
    embedding_rows = tokens if rows is None else rows
    writer.add_tensor("token_embd.weight", np.ones((embedding_rows, 256), np.float32))
    for layer in range(layers):
        _add_quantized(writer, f"blk.{layer}.ffn_up.weight", types[layer % len(types)])
        writer.add_tensor(f"blk.{layer}.attn_norm.weight", np.ones(256, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _gguf_type(value: Any) -> tuple[Any, ...]:
    if isinstance(value, list):
        return (gguf.GGUFValueType.ARRAY, gguf.GGUFValueType.get_type(value[0]))
    return (gguf.GGUFValueType.get_type(value),)


def _add_quantized(writer: gguf.GGUFWriter, name: str, kind: str) -> None:
    number = gguf.GGMLQuantizationType[kind]
    block, nbytes = gguf.GGML_QUANT_SIZES[number]
    data = np.zeros((4, 256 // block * nbytes), np.uint8)
    writer.add_tensor(name, data, raw_dtype=number)


def make_safetensors(path: Path, tensors: Mapping[str, tuple[str, tuple[int, ...]]]) -> Path:
    """Tensors of zeros, given as name -> (dtype, shape)."""
    bits = {"F32": 32, "F16": 16, "BF16": 16, "U32": 32, "I32": 32, "U8": 8, "I8": 8, "I64": 64}
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    position = 0
    for name, (dtype, shape) in tensors.items():
        nbytes = int(np.prod(shape)) * bits[dtype] // 8
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [position, position + nbytes]}
        position += nbytes
    return write_safetensors(path, header, position)


def write_safetensors(path: Path, header: Any, data_bytes: int) -> Path:
    """A safetensors file with this header, true or not."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(data_bytes))
    return path


def llama_tensors(dtype: str = "BF16", layers: int = 2) -> dict[str, tuple[str, tuple[int, ...]]]:
    tensors: dict[str, tuple[str, tuple[int, ...]]] = {"model.embed_tokens.weight": (dtype, (32, 64))}
    for layer in range(layers):
        tensors[f"model.layers.{layer}.mlp.up_proj.weight"] = (dtype, (128, 64))
        tensors[f"model.layers.{layer}.input_layernorm.weight"] = (dtype, (64,))
    return tensors


def make_hf(folder: Path, config: Mapping[str, Any] = LLAMA, dtype: str = "BF16") -> Path:
    """A Hugging Face folder with a SentencePiece tokenizer of 32 pieces."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    make_safetensors(folder / "model.safetensors", llama_tensors(dtype))
    make_sentencepiece(folder / "tokenizer.model", 32)
    return folder


def make_sentencepiece(path: Path, pieces: int) -> Path:
    """Field 1 of ModelProto, each with a text as field 1 of SentencePiece."""
    texts = [f"p{i}".encode() for i in range(pieces)]
    path.write_bytes(b"".join(bytes((0x0A, len(t) + 2, 0x0A, len(t))) + t for t in texts))
    return path


def onnx_model(
    nodes: Sequence[Any], initializers: Sequence[Any], inputs: Sequence[Any] = (), outputs: Sequence[Any] = ()
) -> onnx.ModelProto:
    inputs = inputs or [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 8, 8])]
    outputs = outputs or [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 10])]
    graph = helper.make_graph(list(nodes), "graph", list(inputs), list(outputs), list(initializers))
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def array(name: str, values: np.ndarray) -> Any:
    return numpy_helper.from_array(values, name)


def make_onnx(path: Path) -> Path:
    """A convolution and a dense layer in FP32: 4·3·3·3 + 4·10 weights."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("GlobalAveragePool", ["c"], ["p"]),
        helper.make_node("Reshape", ["p", "shape"], ["r"]),
        helper.make_node("MatMul", ["r", "d"], ["y"]),
    ]
    weights = [
        array("w", np.ones((4, 3, 3, 3), np.float32)),
        array("d", np.ones((4, 10), np.float32)),
        array("shape", np.array([-1, 4], np.int64)),
    ]
    onnx.save(onnx_model(nodes, weights), path)
    return path


def make_masked(path: Path) -> Path:
    """The least of a masked language model: token ids in, a row of logits (32) out for each. No cache."""
    generator = np.random.default_rng(20261128)
    value = helper.make_tensor_value_info
    tokens = ["batch", "sequence"]
    nodes = [
        helper.make_node("Gather", ["embedding", "input_ids"], ["rows"]),
        helper.make_node("MatMul", ["rows", "head"], ["logits"]),
    ]
    weights = [
        array("embedding", generator.normal(size=(32, 64)).astype(np.float32)),
        array("head", generator.normal(size=(64, 32)).astype(np.float32)),
    ]
    inputs = [value(name, TensorProto.INT64, tokens) for name in ("input_ids", "attention_mask")]
    outputs = [value("logits", TensorProto.FLOAT, [*tokens, 32])]
    onnx.save(onnx_model(nodes, weights, inputs, outputs), path)
    return path


def make_ir(path: Path, *, element: str = "i8", doctype: str = "") -> Path:
    """y = x · (weight − zero point) · scale, with a weight of 4×(2×64) in two groups; returns the .xml."""
    width = {"u4": 4, "i4": 4, "i8": 8, "u8": 8}[element]
    sizes = (512 * width // 8, 8 * width // 8, 16)
    places = np.cumsum((0, *sizes))
    path.with_suffix(".bin").write_bytes(bytes(int(places[-1])))
    layers = [
        _layer(0, "x", "Parameter", 'shape="?,128" element_type="f32"'),
        _layer(1, "w", "Const", f'element_type="{element}" shape="4, 2, 64" offset="0" size="{sizes[0]}"'),
        _layer(2, "w16", "Convert", 'destination_type="f16"'),
        _layer(
            3,
            "z",
            "Const",
            f'element_type="{element}" shape="4, 2, 1" offset="{places[1]}" size="{sizes[1]}"',
        ),
        _layer(4, "z16", "Convert", 'destination_type="f16"'),
        _layer(5, "sub", "Subtract"),
        _layer(6, "s", "Const", f'element_type="f16" shape="4, 2, 1" offset="{places[2]}" size="16"'),
        _layer(7, "mul", "Multiply"),
        _layer(8, "mm", "MatMul"),
        _layer(9, "y", "Result"),
    ]
    edges = [
        (1, 2, 0),
        (3, 4, 0),
        (2, 5, 0),
        (4, 5, 1),
        (5, 7, 0),
        (6, 7, 1),
        (0, 8, 0),
        (7, 8, 1),
        (8, 9, 0),
    ]
    lines = "".join(
        f'<edge from-layer="{a}" from-port="0" to-layer="{b}" to-port="{p}"/>' for a, b, p in edges
    )
    text = f'<net name="tiny" version="11"><layers>{"".join(layers)}</layers><edges>{lines}</edges></net>'
    path.write_text(f'<?xml version="1.0"?>{doctype}{text}')
    return path


def _layer(number: int, name: str, kind: str, data: str = "") -> str:
    port = '<port id="0" precision="FP32"><dim>-1</dim><dim>4</dim></port>'
    ports = f"<input>{port}</input>" if kind == "Result" else f"<output>{port}</output>"
    content = f"<data {data}/>" if data else ""
    return f'<layer id="{number}" name="{name}" type="{kind}" version="opset1">{content}{ports}</layer>'


def make_tflite(path: Path, weights: bytes = bytes(64)) -> Path:
    """A fully connected layer 16 → 4 with INT8 weights (scale 1) and an INT32 bias of 0, float in and out."""
    builder = flatbuffers.Builder(1024)
    buffers = [_buffer(builder, data) for data in (b"", weights, bytes(16))]
    tensors = [
        _tflite_tensor(builder, "x", 0, (1, 16), 0, signature=(-1, 16)),
        _tflite_tensor(builder, "w", 9, (4, 16), 1, scales=4),
        _tflite_tensor(builder, "b", 2, (4,), 2, scales=4),
        _tflite_tensor(builder, "y", 0, (1, 4), 0, signature=(-1, 4)),
    ]
    graph = _table(
        builder,
        {
            0: _offsets(builder, tensors),
            1: _integers(builder, (0,)),
            2: _integers(builder, (3,)),
            3: _offsets(builder, [_fully_connected(builder)]),
        },
    )
    builder.StartObject(4)
    builder.PrependInt8Slot(0, 9, 0)  # FULLY_CONNECTED
    operator = builder.EndObject()
    vectors = {
        1: _offsets(builder, [operator]),
        2: _offsets(builder, [graph]),
        4: _offsets(builder, buffers),
    }
    builder.StartObject(5)
    builder.PrependUint32Slot(0, 3, 0)  # version
    for number, offset in vectors.items():
        builder.PrependUOffsetTRelativeSlot(number, offset, 0)
    builder.Finish(builder.EndObject(), file_identifier=b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def _fully_connected(builder: flatbuffers.Builder) -> int:
    """Operator 0 over x, w, b to y, with empty FullyConnectedOptions (number 8 of the union)."""
    inputs, outputs = _integers(builder, (0, 1, 2)), _integers(builder, (3,))
    options = _table(builder, {})
    builder.StartObject(5)
    builder.PrependUOffsetTRelativeSlot(1, inputs, 0)
    builder.PrependUOffsetTRelativeSlot(2, outputs, 0)
    builder.PrependUint8Slot(3, 8, 0)
    builder.PrependUOffsetTRelativeSlot(4, options, 0)
    return int(builder.EndObject())


def _buffer(builder: flatbuffers.Builder, data: bytes) -> int:
    return _table(builder, {0: builder.CreateByteVector(data)} if data else {})


def _tflite_tensor(
    builder: flatbuffers.Builder,
    name: str,
    kind: int,
    shape: Sequence[int],
    buffer: int,
    scales: int = 0,
    signature: Sequence[int] = (),
) -> int:
    fields = {0: _integers(builder, shape), 3: builder.CreateString(name)}
    if scales:
        values = builder.CreateNumpyVector(np.ones(scales, np.float32))
        zeros = builder.CreateNumpyVector(np.zeros(scales, np.int64))
        fields[4] = _table(builder, {2: values, 3: zeros})
    if signature:
        fields[7] = _integers(builder, signature)
    builder.StartObject(10)
    for number, offset in fields.items():
        builder.PrependUOffsetTRelativeSlot(number, offset, 0)
    builder.PrependInt8Slot(1, kind, 0)
    builder.PrependUint32Slot(2, buffer, 0)
    return int(builder.EndObject())


def _integers(builder: flatbuffers.Builder, values: Sequence[int]) -> int:
    return int(builder.CreateNumpyVector(np.array(values, np.int32)))


def _offsets(builder: flatbuffers.Builder, items: Sequence[int]) -> int:
    builder.StartVector(4, len(items), 4)
    for item in reversed(items):
        builder.PrependUOffsetTRelative(item)
    return int(builder.EndVector())


def _table(builder: flatbuffers.Builder, fields: Mapping[int, int]) -> int:
    builder.StartObject(max(fields, default=0) + 1)
    for number, offset in fields.items():
        builder.PrependUOffsetTRelativeSlot(number, offset, 0)
    return int(builder.EndObject())
