"""Weight-only quantization of an ONNX graph: MatMul to MatMulNBits, embedding to GatherBlockQuantized."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from backends.frameworks.onnxruntime.blocks import Quantized, pack, quantize_rows

DOMAIN = "com.microsoft"
EMBEDDING_BITS = 8
CONSTANT_TABLES = ("GroupQueryAttention", "RotaryEmbedding", "MultiHeadAttention")  # cosines and sines


@dataclass(frozen=True)
class Recipe:
    """How weights are quantized. ``accuracy_level`` 4: activations become INT8 inside the matrix product."""

    bits: int
    block: int = 32
    method: str = "rtn"
    symmetric: bool = True
    accuracy_level: int = 4
    embeddings: bool = True


@dataclass
class Outcome:
    matmuls: int = 0
    embeddings: int = 0
    kept: list[tuple[str, int]] = field(
        default_factory=list
    )  # weights that stayed floating point: name, bytes

    def warnings(self) -> tuple[str, ...]:
        """A sentence on what stayed as it was, where there is something to say."""
        if not self.matmuls and not self.embeddings:
            return ("Nothing was quantized: the graph has no MatMul with a constant weight matrix.",)
        if not self.kept:
            return ()
        total = sum(size for _, size in self.kept)
        names = ", ".join(name for name, _ in sorted(self.kept, key=lambda entry: -entry[1])[:3])
        what = "1 weight tensor" if len(self.kept) == 1 else f"{len(self.kept)} weight tensors"
        return (f"{what} ({total / 1e6:.1f} MB) stayed floating point, the largest being {names}.",)


class WeightQuantizer:
    """Rewrites ``model`` in place. ``tick(done, total)`` is called as the work proceeds and may raise."""

    def __init__(self, model: ModelProto, recipe: Recipe, tick: Callable[[int, int], None]) -> None:
        self._graph = model.graph
        self._model = model
        self._recipe = recipe
        self._tick = tick
        self._weights = {tensor.name: tensor for tensor in model.graph.initializer}
        self._producers = {name: node for node in model.graph.node for name in node.output}
        self._made: set[str] = set()

    def run(self) -> Outcome:
        outcome = Outcome()
        nodes = list(self._graph.node)
        for done, node in enumerate(nodes):
            self._tick(done, len(nodes))
            if (matrix := self._matmul_weight(node)) is not None:
                self._to_matmul_nbits(node, matrix)
                outcome.matmuls += 1
            elif (matrix := self._embedding(node)) is not None:
                self._to_gather_blocks(node, *matrix)
                outcome.embeddings += 1
        self._drop_unused()
        self._import_domain()
        outcome.kept = list(self._kept())
        return outcome

    def _matmul_weight(self, node: NodeProto) -> TensorProto | None:
        weight = self._weights.get(node.input[1]) if node.op_type == "MatMul" else None
        return weight if weight is not None and len(weight.dims) == 2 and _is_float(weight) else None

    def _embedding(self, node: NodeProto) -> tuple[TensorProto, bool] | None:
        """The table of a Gather over rows, and whether it is stored transposed (tied to the head)."""
        if node.op_type != "Gather" or not self._recipe.embeddings or _attribute(node, "axis", 0) != 0:
            return None
        table, transposed = self._weights.get(node.input[0]), False
        before = self._producers.get(node.input[0])
        if table is None and before is not None and before.op_type == "Transpose":
            table, transposed = self._weights.get(before.input[0]), True
        if table is None or len(table.dims) != 2 or not _is_float(table):
            return None
        width = table.dims[0] if transposed else table.dims[1]
        return (table, transposed) if width % self._recipe.block == 0 else None

    def _to_matmul_nbits(self, node: NodeProto, weight: TensorProto) -> None:
        recipe = self._recipe
        attributes = {
            "K": weight.dims[0],
            "N": weight.dims[1],
            "bits": recipe.bits,
            "block_size": recipe.block,
        }
        if recipe.accuracy_level:
            attributes["accuracy_level"] = recipe.accuracy_level
        names = self._store(weight, recipe.bits, recipe.method, transpose=True)
        made = helper.make_node(
            "MatMulNBits", [node.input[0], *names], list(node.output), node.name, domain=DOMAIN, **attributes
        )
        node.CopyFrom(made)

    def _to_gather_blocks(self, node: NodeProto, table: TensorProto, transposed: bool) -> None:
        names = self._store(table, EMBEDDING_BITS, "rtn", transpose=transposed, flat=True)
        attributes = {"gather_axis": 0, "quantize_axis": 1, "block_size": self._recipe.block}
        codes, *rest = names
        made = helper.make_node(
            "GatherBlockQuantized",
            [codes, node.input[1], *rest],
            list(node.output),
            node.name,
            domain=DOMAIN,
            bits=EMBEDDING_BITS,
            **attributes,
        )
        node.CopyFrom(made)

    def _store(
        self, weight: TensorProto, bits: int, method: str, transpose: bool, flat: bool = False
    ) -> list[str]:
        """Add codes, scales and zero points to the graph once for each weight. Returns their names."""
        stem = f"{weight.name}.rows{bits}" if flat else f"{weight.name}.q{bits}"
        symmetric = self._recipe.symmetric or flat
        names = [f"{stem}.codes", f"{stem}.scales"]
        if method != "rtn" or not symmetric:
            names.append(f"{stem}.zeros")
        if stem in self._made:
            return names
        self._made.add(stem)
        matrix = numpy_helper.to_array(weight)
        rows = np.ascontiguousarray(matrix.T if transpose else matrix)
        quantized = quantize_rows(
            rows, bits, self._recipe.block, method, symmetric, lambda: self._tick(-1, 0)
        )
        arrays = _arrays(quantized, bits, rows.shape[1] if flat else None, matrix.dtype)
        self._graph.initializer.extend(map(numpy_helper.from_array, arrays, names))
        return names

    def _drop_unused(self) -> None:
        """A weight that another node still reads stays; so do the tables it cannot do without."""
        live = {output.name for output in self._graph.output}
        for node in reversed(list(self._graph.node)):
            if live & set(node.output):
                live |= set(node.input)
            else:
                self._graph.node.remove(node)
        for tensor in [t for t in self._graph.initializer if t.name not in live]:
            self._graph.initializer.remove(tensor)
        for entry in [i for i in self._graph.input if i.name in self._weights and i.name not in live]:
            self._graph.input.remove(entry)

    def _import_domain(self) -> None:
        if DOMAIN not in {opset.domain for opset in self._model.opset_import}:
            self._model.opset_import.append(helper.make_opsetid(DOMAIN, 1))

    def _kept(self) -> Iterator[tuple[str, int]]:
        tables = {
            name
            for node in self._graph.node
            if node.op_type in CONSTANT_TABLES
            for name in node.input
            if name
        }
        for tensor in self._graph.initializer:
            mine = tensor.name.endswith((".scales", ".zeros", ".codes"))
            if len(tensor.dims) >= 2 and _is_float(tensor) and not mine and tensor.name not in tables:
                yield tensor.name, numpy_helper.to_array(tensor).nbytes


QUANTIZED_OPERATORS = (
    "MatMulNBits",
    "GatherBlockQuantized",
    "MatMulInteger",
    "ConvInteger",
    "DynamicQuantizeMatMul",
    "DynamicQuantizeLSTM",
    "QLinearConv",
    "QLinearMatMul",
    "QGemm",
)


def quantized_operators(model: ModelProto) -> Counter[str]:
    """What is really quantized: integer operators, and those whose weight comes from a DequantizeLinear."""
    weights = {tensor.name for tensor in model.graph.initializer}
    restored = {
        node.output[0]
        for node in model.graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in weights
    }
    counts: Counter[str] = Counter()
    for node in model.graph.node:
        if node.op_type in QUANTIZED_OPERATORS or any(name in restored for name in node.input[1:2]):
            counts[node.op_type] += 1
    return counts


def _arrays(quantized: Quantized, bits: int, width: int | None, dtype: Any) -> list[Any]:
    """``width``: the codes as one (rows, width) matrix, else a (rows, blocks, bytes) tensor."""
    codes = pack(quantized.codes, bits)
    if width is not None:
        codes = codes.reshape(len(codes), -1)
    arrays = [codes, quantized.scales.astype(dtype)]
    if quantized.zeros is not None:
        whole = quantized.zeros.dtype == np.uint8
        arrays.append(pack(quantized.zeros, bits) if whole else quantized.zeros.astype(dtype))
    return arrays


def _is_float(tensor: TensorProto) -> bool:
    return tensor.data_type in (TensorProto.FLOAT, TensorProto.FLOAT16)


def _attribute(node: NodeProto, name: str, default: int) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == name), default)
