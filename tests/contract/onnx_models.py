"""Tiny ONNX models, made on the spot: random weights, real structure, always the same bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper
from sentencepiece import SentencePieceTrainer

from tests.contract.tiny_models import TEXT

HIDDEN, FEED_FORWARD, LAYERS, HEADS, KV_HEADS = 64, 96, 2, 4, 2
VOCABULARY = 320
POSITIONS = 4096
DOMAIN = "com.microsoft"


class Graph:
    """Nodes and weights as they are added; every weight of the same random stream."""

    def __init__(self, seed: int = 0) -> None:
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []
        self._random = np.random.default_rng(seed)

    def add(
        self, operator: str, inputs: Sequence[str], output: str, domain: str = "", **attributes: object
    ) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], output, domain=domain, **attributes))
        return output

    def constant(self, name: str, array: np.ndarray) -> str:
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def weight(self, name: str, *shape: int) -> str:
        return self.constant(
            name, (self._random.standard_normal(shape) * shape[0] ** -0.5).astype(np.float32)
        )

    def model(
        self,
        inputs: Sequence[ValueInfoProto],
        outputs: Sequence[ValueInfoProto],
        opset: int = 21,
        ir: int = 10,
    ) -> ModelProto:
        graph = helper.make_graph(self.nodes, "tiny", inputs, outputs, self.weights)
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid(DOMAIN, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=ir)


def language_onnx(folder: Path, heads: int = HEADS, attention: str = "grouped") -> Path:
    """A Llama of two layers as onnxruntime-genai's builder writes it, with a tokenizer beside.

    ``attention`` "grouped" is one GroupQueryAttention a layer, with its rotary embedding; "plain" is
    written in ONNX's own operators without one, and appends to the cache by Concat.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.onnx"
    onnx.save(language_model(heads, attention), path)
    (folder / "tokenizer.model").write_bytes(tokenizer())
    return path


def language_model(heads: int = HEADS, attention: str = "grouped") -> ModelProto:
    graph, size = Graph(), HIDDEN // heads
    kv_heads = heads // 2
    rows = graph.weight("lm_head.MatMul.weight", HIDDEN, VOCABULARY)
    table = graph.add("Transpose", [rows], "embeddings", perm=[1, 0])
    stream = graph.add("Gather", [table, "input_ids"], "embedded")
    if attention == "grouped":
        _lengths(graph)
        angles = np.arange(POSITIONS)[:, None] / 10_000 ** (np.arange(size // 2) / (size // 2))
        graph.constant("cos_cache", np.cos(angles).astype(np.float32))
        graph.constant("sin_cache", np.sin(angles).astype(np.float32))
    for layer in range(LAYERS):
        stream = _layer(graph, f"layer{layer}", layer, stream, heads, kv_heads, attention)
    normal = _norm(graph, "final", stream)
    graph.add("MatMul", [normal, rows], "logits")
    axes = ("batch", kv_heads, "past", size)
    pasts = [_value(f"past_key_values.{i}.{part}", axes) for i in range(LAYERS) for part in ("key", "value")]
    presents = [
        _value(f"present.{i}.{part}", ("batch", kv_heads, "total", size))
        for i in range(LAYERS)
        for part in ("key", "value")
    ]
    ids = [
        _value("input_ids", ("batch", "sequence"), TensorProto.INT64),
        _value("attention_mask", ("batch", "total"), TensorProto.INT64),
    ]
    return graph.model([*ids, *pasts], [_value("logits", ("batch", "sequence", VOCABULARY)), *presents])


def tokenizer() -> bytes:
    """A SentencePiece model with byte fallback, trained on one sentence."""
    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter([TEXT] * 20),
        model_writer=model,
        model_type="bpe",
        vocab_size=VOCABULARY,
        byte_fallback=True,
        hard_vocab_limit=False,
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()


def old_classifier(path: Path) -> Path:
    """Opset 8 and IR 3, when every weight was an input too, and a weight came through a Reshape."""
    graph = Graph()
    graph.weight("kernel", 4, 1, 3, 3)
    graph.weight("dense", 4, 36, 10)
    graph.constant("flat", np.array([1, 144], np.int64))
    graph.constant("matrix", np.array([144, 10], np.int64))
    graph.add("Conv", ["image", "kernel"], "features", kernel_shape=[3, 3])
    graph.add("Relu", ["features"], "active")
    graph.add("Reshape", ["active", "flat"], "row")
    graph.add("Reshape", ["dense", "matrix"], "weights")
    graph.add("MatMul", ["row", "weights"], "scores")
    inputs = [_value("image", (1, 1, 8, 8))]
    inputs += [_value(tensor.name, tensor.dims, tensor.data_type) for tensor in graph.weights]
    onnx.save(graph.model(inputs, [_value("scores", (1, 10))], opset=8, ir=3), path)
    return path


def branching(path: Path) -> Path:
    """All weights inside the branches of an If, where no quantizer looks."""
    branches = {}
    for name in ("then_branch", "else_branch"):
        inner = Graph(seed=len(name))
        inner.weight(f"{name}.weight", 32, 32)
        inner.add("MatMul", ["x", f"{name}.weight"], f"{name}.y")
        branches[name] = helper.make_graph(
            inner.nodes, name, [], [_value(f"{name}.y", ("batch", 32))], inner.weights
        )
    graph = Graph()
    graph.constant("zero", np.float32(0))
    graph.add("ReduceSum", ["x"], "sum", keepdims=0)
    graph.add("Greater", ["sum", "zero"], "positive")
    graph.add("If", ["positive"], "y", **branches)
    onnx.save(graph.model([_value("x", ("batch", 32))], [_value("y", ("batch", 32))], opset=17, ir=8), path)
    return path


def _lengths(graph: Graph) -> None:
    """Index of the last token, and how many there are: what the attention wants to know."""
    graph.constant("one", np.array([1], np.int64))
    graph.constant("scalar_one", np.int64(1))
    graph.add("ReduceSum", ["attention_mask", "one"], "count", keepdims=0)
    graph.add("Sub", ["count", "one"], "last64")
    graph.add("Cast", ["last64"], "last", to=TensorProto.INT32)
    graph.add("Shape", ["attention_mask"], "mask_shape")
    graph.add("Gather", ["mask_shape", "scalar_one"], "total64", axis=0)
    graph.add("Cast", ["total64"], "total", to=TensorProto.INT32)


def _layer(
    graph: Graph, stem: str, index: int, stream: str, heads: int, kv_heads: int, attention: str
) -> str:
    size = HIDDEN // heads
    normal = _norm(graph, f"{stem}.before", stream)
    past = [f"past_key_values.{index}.{part}" for part in ("key", "value")]
    present = [f"present.{index}.{part}" for part in ("key", "value")]
    if attention == "grouped":
        width = (heads + 2 * kv_heads) * size
        packed = graph.add("MatMul", [normal, graph.weight(f"{stem}.qkv", HIDDEN, width)], f"{stem}.packed")
        inputs = [packed, "", "", *past, "last", "total", "cos_cache", "sin_cache"]
        graph.nodes.append(
            helper.make_node(
                "GroupQueryAttention",
                inputs,
                [f"{stem}.mixed", *present],
                f"{stem}.attention",
                domain=DOMAIN,
                num_heads=heads,
                kv_num_heads=kv_heads,
                do_rotary=1,
                scale=size**-0.5,
            )
        )
    else:
        _plain_attention(graph, stem, normal, past, present, kv_heads, size)
    width = heads * size if attention == "grouped" else kv_heads * size
    mixed = graph.add("MatMul", [f"{stem}.mixed", graph.weight(f"{stem}.out", width, HIDDEN)], f"{stem}.o")
    stream = graph.add("Add", [stream, mixed], f"{stem}.middle")
    normal = _norm(graph, f"{stem}.after", stream)
    gate = graph.add("MatMul", [normal, graph.weight(f"{stem}.gate", HIDDEN, FEED_FORWARD)], f"{stem}.g")
    up = graph.add("MatMul", [normal, graph.weight(f"{stem}.up", HIDDEN, FEED_FORWARD)], f"{stem}.u")
    active = graph.add("Mul", [gate, graph.add("Sigmoid", [gate], f"{stem}.s")], f"{stem}.silu")
    wide = graph.add("Mul", [active, up], f"{stem}.wide")
    down = graph.add("MatMul", [wide, graph.weight(f"{stem}.down", FEED_FORWARD, HIDDEN)], f"{stem}.d")
    return graph.add("Add", [stream, down], f"{stem}.end")


def _plain_attention(
    graph: Graph, stem: str, normal: str, past: list[str], present: list[str], heads: int, size: int
) -> None:
    """Causal attention from the lengths of its tensors; no rotary embedding."""
    parts = {}
    shape = graph.constant(f"{stem}.shape", np.array([0, 0, heads, size], np.int64))
    for part in ("q", "k", "v"):
        weight = graph.weight(f"{stem}.{part}.weight", HIDDEN, heads * size)
        flat = graph.add("MatMul", [normal, weight], f"{stem}.{part}.flat")
        split = graph.add("Reshape", [flat, shape], f"{stem}.{part}.split")
        parts[part] = graph.add("Transpose", [split], f"{stem}.{part}", perm=[0, 2, 1, 3])
    for cached, name, new in zip(past, present, ("k", "v"), strict=True):
        graph.add("Concat", [cached, parts[new]], name, axis=2)
    turned = graph.add("Transpose", [present[0]], f"{stem}.turned", perm=[0, 1, 3, 2])
    raw = graph.add("MatMul", [parts["q"], turned], f"{stem}.raw")
    scale = graph.constant(f"{stem}.scale", np.float32(size**-0.5))
    scaled = graph.add("Mul", [raw, scale], f"{stem}.scaled")
    weights = graph.add("Softmax", [_hide_future(graph, stem, scaled, past[0])], f"{stem}.weights", axis=-1)
    mixed = graph.add("MatMul", [weights, present[1]], f"{stem}.heads")
    rows = graph.add("Transpose", [mixed], f"{stem}.rows", perm=[0, 2, 1, 3])
    joined = graph.constant(f"{stem}.joined", np.array([0, 0, heads * size], np.int64))
    graph.add("Reshape", [rows, joined], f"{stem}.mixed")


def _hide_future(graph: Graph, stem: str, scores: str, past: str) -> str:
    """Trilu keeps what stands on or below the diagonal that begins after the past."""
    length = graph.add("Shape", [past], f"{stem}.length", start=2, end=3)
    after = graph.add("Squeeze", [length], f"{stem}.after")
    lowest = graph.constant(f"{stem}.lowest", np.full((1, 1, 1, 1), -1e9, np.float32))
    extent = graph.add("Shape", [scores], f"{stem}.extent")
    hidden = graph.add("Expand", [lowest, extent], f"{stem}.hidden")
    one = graph.constant(f"{stem}.one", np.int64(1))
    start = graph.add("Add", [after, one], f"{stem}.start")
    mask = graph.add("Trilu", [hidden, start], f"{stem}.mask", upper=1)
    return graph.add("Add", [scores, mask], f"{stem}.visible")


def _norm(graph: Graph, stem: str, stream: str) -> str:
    scale = graph.constant(f"{stem}.scale", np.ones(HIDDEN, np.float32))
    return graph.add(
        "SimplifiedLayerNormalization", [stream, scale], f"{stem}.norm", axis=-1, epsilon=1e-5, stash_type=1
    )


def _value(name: str, shape: Sequence[int | str], kind: int = TensorProto.FLOAT) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, list(shape))
