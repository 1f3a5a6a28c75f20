"""Models of a few hundred kilobytes, made on the spot: random weights, real structure, always the same."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import gguf
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HIDDEN = 256  # one K-quant block: rows of this length are really quantized to K and IQ types
FEED_FORWARD = 512
LAYERS = 2
HEADS = 4
KV_HEADS = 2
CONTEXT = 4096
BOS_ID = 1

CLASSES = 10
IMAGE = (3, 16, 16)

_WORDS = ("", "the", "a", "and", "to", "cat", "dog", "sat", "ran")
_PARTS = ("in", "on", "at", "er", "ing", "ed", "th", "he", "an", "re", "nd")
_PIECES = [*(f"\u2581{word}" for word in _WORDS), *_PARTS, *"abcdefghijklmnopqrstuvwxyz.,?!"]  # ▁ is a space
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6

TEXT = "the cat sat on the mat and the dog ran to the cat, then it sat at the door. "


def language_gguf(
    path: Path, bytes_in_vocabulary: bool = True, embedding_seed: int = 0, experts: int = 0
) -> Path:
    """A Llama of 2 layers in F16 with a SentencePiece-like vocabulary; with experts, a mixture of them."""
    random = np.random.default_rng(embedding_seed)
    vocabulary = _vocabulary(bytes_in_vocabulary)
    writer = gguf.GGUFWriter(path, "llama")
    _write_shape(writer)
    if experts:
        writer.add_expert_count(experts)
        writer.add_expert_used_count(2)
    _write_vocabulary(writer, vocabulary)
    for name, shape in _weights(len(vocabulary), experts).items():
        scale = shape[-1] ** -0.5
        dtype = np.float32 if "gate_inp" in name else np.float16
        writer.add_tensor(name, (random.standard_normal(shape) * scale).astype(dtype))
    for name in ("output_norm", *(f"blk.{i}.{n}_norm" for i in range(LAYERS) for n in ("attn", "ffn"))):
        writer.add_tensor(f"{name}.weight", np.ones(HIDDEN, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def vision_onnx(path: Path) -> Path:
    """Two convolutions, a pooled feature vector and a classifier; batch of any size."""
    random = np.random.default_rng(0)
    channels = (IMAGE[0], 16, 32)
    nodes, weights, previous = [], [], "images"
    for layer, (before, after) in enumerate(pairwise(channels)):
        weights += [
            _weight(f"kernel{layer}", random, (after, before, 3, 3)),
            _weight(f"bias{layer}", random, (after,)),
        ]
        inputs = [previous, f"kernel{layer}", f"bias{layer}"]
        nodes.append(helper.make_node("Conv", inputs, [f"conv{layer}"], pads=[1, 1, 1, 1], strides=[2, 2]))
        nodes.append(helper.make_node("Relu", [f"conv{layer}"], [f"relu{layer}"]))
        previous = f"relu{layer}"
    weights += [_weight("dense", random, (channels[-1], CLASSES)), _weight("offset", random, (CLASSES,))]
    nodes += [
        helper.make_node("GlobalAveragePool", [previous], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
        helper.make_node("Gemm", ["features", "dense", "offset"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", *IMAGE])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", CLASSES])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def images(path: Path, count: int = 64) -> Path:
    random = np.random.default_rng(1)
    np.savez(path, images=random.random((count, *IMAGE), dtype=np.float32))
    return path


def calibration_text(path: Path) -> Path:
    """Some 2,000 tokens: enough for an importance matrix of a few chunks."""
    path.write_text(TEXT * 60, encoding="utf-8")
    return path


def _vocabulary(with_bytes: bool) -> list[tuple[str, int]]:
    special = [("<unk>", _UNKNOWN), ("<s>", _CONTROL), ("</s>", _CONTROL)]
    single = [(f"<0x{value:02X}>", _BYTE) for value in range(256)] if with_bytes else []
    return [*special, *single, *((piece, _NORMAL) for piece in _PIECES)]


def _write_shape(writer: gguf.GGUFWriter) -> None:
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)


def _write_vocabulary(writer: gguf.GGUFWriter, vocabulary: list[tuple[str, int]]) -> None:
    writer.add_tokenizer_model("llama")
    writer.add_token_list([piece.encode() for piece, _ in vocabulary])
    writer.add_token_scores([float(len(piece)) for piece, _ in vocabulary])  # longer pieces win
    writer.add_token_types([kind for _, kind in vocabulary])
    writer.add_bos_token_id(BOS_ID)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)


def _weights(vocabulary: int, experts: int) -> dict[str, tuple[int, ...]]:
    """Name → (outputs, inputs), as NumPy has it; those of experts one after the other."""
    kv = HIDDEN // HEADS * KV_HEADS
    forward: dict[str, tuple[int, ...]] = {
        "ffn_gate": (FEED_FORWARD, HIDDEN),
        "ffn_up": (FEED_FORWARD, HIDDEN),
        "ffn_down": (HIDDEN, FEED_FORWARD),
    }
    if experts:
        forward = {f"{name}_exps": (experts, *shape) for name, shape in forward.items()}
        forward["ffn_gate_inp"] = (experts, HIDDEN)
    layer: dict[str, tuple[int, ...]] = {
        "attn_q": (HIDDEN, HIDDEN),
        "attn_k": (kv, HIDDEN),
        "attn_v": (kv, HIDDEN),
        "attn_output": (HIDDEN, HIDDEN),
        **forward,
    }
    blocks = {f"blk.{i}.{name}.weight": shape for i in range(LAYERS) for name, shape in layer.items()}
    return {"token_embd.weight": (vocabulary, HIDDEN), **blocks}


def _weight(name: str, random: np.random.Generator, shape: tuple[int, ...]) -> onnx.TensorProto:
    return numpy_helper.from_array((random.standard_normal(shape) * 0.2).astype(np.float32), name)
