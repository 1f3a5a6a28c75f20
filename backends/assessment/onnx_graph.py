"""Walking an ONNX graph: its tensors with their real sizes, and the part each plays in quantization.

The ``onnx`` package is used for the protobuf classes only. Nothing is run, no external data are loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.assessment.counting import Weight, element_count, overhead, packed_bytes
from backends.assessment.folder import damaged, file_size, inside, printable


@dataclass(frozen=True)
class ElementType:
    """An ONNX element type: our short name, its bits, and NumPy's name."""

    name: str
    bits: int
    numpy: str


# TensorProto.DataType, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
ELEMENT_TYPES: Mapping[int, ElementType] = {
    number: ElementType(*row)
    for number, row in enumerate(
        (
            ("FP32", 32, "float32"),
            ("UINT8", 8, "uint8"),
            ("INT8", 8, "int8"),
            ("UINT16", 16, "uint16"),
            ("INT16", 16, "int16"),
            ("INT32", 32, "int32"),
            ("INT64", 64, "int64"),
            ("STRING", 0, "str"),
            ("BOOL", 8, "bool"),
            ("FP16", 16, "float16"),
            ("FP64", 64, "float64"),
            ("UINT32", 32, "uint32"),
            ("UINT64", 64, "uint64"),
            ("COMPLEX64", 64, "complex64"),
            ("COMPLEX128", 128, "complex128"),
            ("BF16", 16, "bfloat16"),
            ("FP8E4M3FN", 8, "float8_e4m3fn"),
            ("FP8E4M3FNUZ", 8, "float8_e4m3fnuz"),
            ("FP8E5M2", 8, "float8_e5m2"),
            ("FP8E5M2FNUZ", 8, "float8_e5m2fnuz"),
            ("UINT4", 4, "uint4"),
            ("INT4", 4, "int4"),
            ("FP4E2M1", 4, "float4_e2m1fn"),
            ("FP8E8M0", 8, "float8_e8m0fnu"),
            ("UINT2", 2, "uint2"),
            ("INT2", 2, "int2"),
        ),
        start=1,
    )
}
_NO_WEIGHTS = frozenset({"INT64", "INT32", "UINT32", "UINT64", "BOOL", "STRING"})  # shapes, indices, masks
_EXTERNAL = 1  # TensorProto.DataLocation
_WIDEST_BYTES = 8  # of one value in a typed field

# Operator -> positions of its inputs that are scales, zero points or group indices.
_SCALES: Mapping[str, tuple[int, ...]] = {
    "QuantizeLinear": (1, 2),
    "DequantizeLinear": (1, 2),
    "QLinearConv": (1, 2, 4, 5, 6, 7),
    "QLinearMatMul": (1, 2, 4, 5, 6, 7),
    "QGemm": (1, 2, 4, 5, 7, 8),
    "MatMulInteger": (2, 3),
    "ConvInteger": (2, 3),
    "DynamicQuantizeMatMul": (2, 3),
    "MatMulIntegerToFloat": (2, 3, 4, 5),
    "QAttention": (3, 4, 6, 7),
    "MatMulNBits": (2, 3, 4),
    "MatMulBnb4": (2,),
    "GatherBlockQuantized": (2, 3),
    "QMoE": (3, 6, 9, 11, 12, 13),
}
_QUANTIZED = frozenset(_SCALES) | {
    "DynamicQuantizeLinear", "DynamicQuantizeLSTM", "QLinearAdd", "QLinearMul", "QLinearSigmoid",
    "QLinearSoftmax", "QLinearLeakyRelu", "QLinearAveragePool", "QLinearGlobalAveragePool", "QLinearConcat",
    "QLinearWhere",
}  # fmt: skip
_BIASES: Mapping[str, int] = {"DequantizeLinear": 0, "QLinearConv": 8, "QGemm": 6}  # may be INT32 weights


@dataclass(frozen=True)
class Packing:
    """How an operator reads a byte blob: as ``elements`` values of ``bits`` bits, named ``name``.

    ``elements`` 0: as many as fit. ``bits`` 0: the tensor's own type already tells.
    """

    name: str
    suffix: str
    bits: int
    elements: int = 0


class Roles:
    """What the nodes say about the tensors they read, by tensor name."""

    def __init__(self, nodes: Iterable[Any]) -> None:
        self.scales: set[str] = set()
        self.biases: set[str] = set()
        self.packed: dict[str, Packing] = {}
        self.operators: dict[str, int] = {}
        for node in nodes:
            if node.op_type in _QUANTIZED:
                self._take(node)

    def _take(self, node: Any) -> None:
        kind, inputs = node.op_type, node.input
        self.operators[kind] = self.operators.get(kind, 0) + 1
        self.scales.update(inputs[i] for i in _SCALES.get(kind, ()) if i < len(inputs))
        if kind in _BIASES and _BIASES[kind] < len(inputs):
            self.biases.add(inputs[_BIASES[kind]])
        for position, packing in _packings(node):
            if position < len(inputs):
                self.packed[inputs[position]] = packing


def _packings(node: Any) -> Iterator[tuple[int, Packing]]:
    """Inputs of ``node`` that hold packed weights: attributes as in onnxruntime's ContribOperators.md."""
    kind = node.op_type
    block = _integer(node, "block_size", 0)
    blocks = f" block {block}" if block > 0 else ""
    bits = _integer(node, "expert_weight_bits" if kind == "QMoE" else "bits", 4)
    if kind == "MatMulNBits":
        yield 1, Packing(f"INT{bits}", blocks, bits, _integer(node, "K", 0) * _integer(node, "N", 0))
    elif kind == "GatherBlockQuantized":
        yield 0, Packing(f"INT{bits}", blocks, bits)
    elif kind == "MatMulBnb4":
        name = ("FP4", "NF4")[_integer(node, "quant_type", 1) & 1]
        yield 1, Packing(name, blocks, 4, _integer(node, "K", 0) * _integer(node, "N", 0))
    elif kind == "QMoE":
        yield from ((position, Packing(f"INT{bits}", blocks, bits)) for position in (2, 5, 8))
    elif kind == "DequantizeLinear" and blocks:
        yield 0, Packing("", blocks, 0)


def _integer(node: Any, name: str, default: int) -> int:
    return next((int(a.i) for a in node.attribute if a.name == name), default)


class Tensors:
    """Measures tensors of one file, its external data included."""

    def __init__(self, path: Path, roles: Roles) -> None:
        self._path = path
        self._roles = roles
        self._sizes: dict[str, tuple[Path, int]] = {}

    @property
    def external_files(self) -> tuple[Path, ...]:
        return tuple(file for file, _ in self._sizes.values())

    def weight(self, key: str, tensor: Any) -> Weight | None:
        """``tensor``, known to the nodes as ``key``, as a weight or overhead; ``None`` for shapes, indices.

        Raises BadInput where its data are not where or not as many as it says.
        """
        name = printable(key)
        kind = ELEMENT_TYPES.get(tensor.data_type)
        if kind is None:
            raise damaged(self._path, f"tensor {name!r} has the unknown type {tensor.data_type}")
        elements = element_count(tensor.dims, self._path, name)
        nbytes = packed_bytes(elements, kind.bits)
        self._check_data(tensor, name, elements, nbytes)
        if key in self._roles.scales:
            return overhead(nbytes)
        packing = self._roles.packed.get(key)
        if packing is not None:
            return self._packed(packing, kind, elements, nbytes)
        is_weight = kind.name not in _NO_WEIGHTS or (kind.name == "INT32" and key in self._roles.biases)
        return Weight(kind.name, elements, nbytes) if is_weight and tensor.dims else None

    def _packed(self, packing: Packing, kind: ElementType, elements: int, nbytes: int) -> Weight:
        if packing.bits == 0 or kind.bits != 8:
            return Weight(kind.name + packing.suffix, elements, nbytes)
        if packing.bits not in (2, 4, 8):
            raise damaged(self._path, f"it claims weights of {packing.bits} bits")
        room = nbytes * 8 // packing.bits
        if not 0 <= packing.elements <= room:
            raise damaged(self._path, f"it claims {packing.elements:,} weights where {room:,} fit")
        return Weight(packing.name + packing.suffix, packing.elements or room, nbytes)

    def _check_data(self, tensor: Any, name: str, elements: int, nbytes: int) -> None:
        if tensor.data_location == _EXTERNAL:
            self._check_external(tensor, name, nbytes)
        elif tensor.HasField("raw_data"):
            if len(tensor.raw_data) != nbytes:
                raise damaged(self._path, f"the data of tensor {name!r} do not have the size of its shape")
        elif _stored_values(tensor) * _WIDEST_BYTES < nbytes:
            raise damaged(self._path, f"tensor {name!r} has less data than its shape needs")

    def _check_external(self, tensor: Any, name: str, nbytes: int) -> None:
        entries = {entry.key: entry.value for entry in tensor.external_data}
        file, size = self._external(entries.get("location") or "", name)
        try:
            offset, length = int(entries.get("offset", 0)), int(entries.get("length", nbytes))
        except ValueError as error:
            raise damaged(self._path, f"the place of tensor {name!r} is no number") from error
        if length != nbytes or offset < 0:
            raise damaged(self._path, f"the data of tensor {name!r} do not have the size of its shape")
        if offset + length > size:
            raise damaged(file, f"the data of tensor {name!r} lie beyond its end")

    def _external(self, location: str | bytes, name: str) -> tuple[Path, int]:
        if isinstance(location, bytes) or not location:
            raise damaged(self._path, f"it does not say where tensor {name!r} is")
        if location not in self._sizes:
            file = inside(self._path.parent, location, self._path)
            self._sizes[location] = (file, file_size(file))
        return self._sizes[location]


def _stored_values(tensor: Any) -> int:
    """Values in the typed fields. Small types share a field, so the number is a bound, not the count."""
    fields = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data")
    return sum(len(getattr(tensor, field)) for field in fields)


def nodes(model: Any) -> Iterator[Any]:
    """All nodes, those of branches, loop bodies and local functions included."""
    for graph in graphs(model):
        yield from graph.node
    for function in model.functions:
        yield from function.node


def graphs(model: Any) -> Iterator[Any]:
    """The main graph and every graph inside its nodes."""
    waiting = [model.graph]
    for function in model.functions:
        waiting.extend(_graphs_of(function.node))
    while waiting:
        graph = waiting.pop()
        yield graph
        waiting.extend(_graphs_of(graph.node))


def _graphs_of(nodes: Iterable[Any]) -> Iterator[Any]:
    for node in nodes:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield attribute.g
            yield from attribute.graphs


def stored_tensors(model: Any) -> Iterator[tuple[str, Any]]:
    """Every stored tensor by name: initializers (of subgraphs too) and the values of Constant nodes."""
    for graph in graphs(model):
        yield from ((tensor.name, tensor) for tensor in graph.initializer)
        yield from ((sparse.values.name, sparse.values) for sparse in graph.sparse_initializer)
    for node in nodes(model):
        if node.op_type == "Constant" and node.output:
            yield from ((node.output[0], a.t) for a in node.attribute if a.HasField("t"))


def weights(model: Any, path: Path) -> tuple[list[Weight], Mapping[str, int], tuple[Path, ...]]:
    """Weights and overhead, counts of quantized operators, and external files. Raises BadInput."""
    roles = Roles(nodes(model))
    tensors = Tensors(path, roles)
    found = [w for name, tensor in stored_tensors(model) if (w := tensors.weight(name, tensor)) is not None]
    return found, dict(sorted(roles.operators.items())), tensors.external_files
