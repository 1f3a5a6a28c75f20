"""TensorFlow Lite: a bounded reader of the flatbuffer's tables. Weight data are not read.

Field numbers are those of the public schema:
https://github.com/google-ai-edge/LiteRT/blob/main/tflite/converter/schema/schema.fbs
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from backends.assessment.counting import Weight, element_count, label, packed_bytes, tally
from backends.assessment.cursor import Cursor
from backends.assessment.folder import damaged, file_size, model_name, opened, printable
from backends.assessment.licence import licence_beside
from backends.assessment.signature import family, kind
from backends.domain.model import ModelFormat, ModelProfile, TensorContents, TensorSpec

IDENTIFIER = b"TFL3"  # at byte 4
_MOST_ITEMS = 1_000_000
_MOST_DIMENSIONS = 64
_LONGEST_NAME = 512

# TensorType: short name, bits, NumPy's name
_TYPES: Mapping[int, tuple[str, int, str]] = {
    0: ("FLOAT32", 32, "float32"),
    1: ("FLOAT16", 16, "float16"),
    2: ("INT32", 32, "int32"),
    3: ("UINT8", 8, "uint8"),
    4: ("INT64", 64, "int64"),
    5: ("STRING", 0, "str"),
    6: ("BOOL", 8, "bool"),
    7: ("INT16", 16, "int16"),
    8: ("COMPLEX64", 64, "complex64"),
    9: ("INT8", 8, "int8"),
    10: ("FLOAT64", 64, "float64"),
    11: ("COMPLEX128", 128, "complex128"),
    12: ("UINT64", 64, "uint64"),
    13: ("RESOURCE", 0, "resource"),
    14: ("VARIANT", 0, "variant"),
    15: ("UINT32", 32, "uint32"),
    16: ("UINT16", 16, "uint16"),
    17: ("INT4", 4, "int4"),
    18: ("BFLOAT16", 16, "bfloat16"),
    19: ("INT2", 2, "int2"),
    20: ("UINT4", 4, "uint4"),
}
# BuiltinOperator, only those that tell the kind of network
_OPERATORS = {3: "CONV_2D", 4: "DEPTHWISE_CONV_2D", 9: "FULLY_CONNECTED", 16: "LSTM", 24: "RNN"}
_PRECISIONS = {"FLOAT32": "FP32", "FLOAT16": "FP16", "BFLOAT16": "BF16", "FLOAT64": "FP64"}
_NO_WEIGHTS = frozenset(("INT64", "UINT64", "UINT32", "BOOL", "STRING", "RESOURCE", "VARIANT"))
_QUANTIZED = frozenset(("INT8", "UINT8", "INT16", "INT4", "INT2", "UINT4"))


@dataclass(frozen=True)
class _Tensor:
    name: str
    type: str
    bits: int
    numpy: str
    shape: tuple[int, ...]
    signature: tuple[int, ...]  # the shape with -1 for dynamic dimensions, or empty
    buffer: int
    scale_bytes: int  # of its quantization: float32 scales, int64 zero points
    sparse: bool

    @property
    def quantized(self) -> bool:
        return self.scale_bytes > 0


@dataclass(frozen=True)
class _Graph:
    tensors: tuple[_Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class _Model:
    operators: tuple[str, ...]
    graphs: tuple[_Graph, ...]
    buffers: tuple[int, ...]  # bytes of each

    def weights(self, path: Path) -> Iterator[Weight]:
        """Tensors with stored data, each buffer once. Raises BadInput where the data are too short."""
        seen: set[int] = set()
        for tensor in (t for graph in self.graphs for t in graph.tensors):
            if tensor.buffer >= len(self.buffers):
                raise damaged(path, f"tensor {tensor.name!r} has no buffer")
            nbytes = self.buffers[tensor.buffer]
            if not nbytes or tensor.buffer in seen or not _is_weight(tensor):
                continue
            seen.add(tensor.buffer)
            elements = element_count(tensor.shape, path, tensor.name)
            if not tensor.sparse and nbytes < packed_bytes(elements, tensor.bits):
                raise damaged(path, f"tensor {tensor.name!r} has less data than its shape needs")
            yield Weight(tensor.type, elements, nbytes + tensor.scale_bytes)


def read(path: Path) -> ModelProfile:
    """The profile of a TFLite file. Raises BadInput."""
    model = _parse(path)
    found = list(model.weights(path))
    contents = tally(found)
    first = model.graphs[0]
    inputs = tuple(_spec(path, first, i) for i in first.inputs)
    outputs = tuple(_spec(path, first, i) for i in first.outputs)
    does = kind(inputs)
    quantized = Counter(t.type for graph in model.graphs for t in graph.tensors if t.quantized)
    return ModelProfile(
        path=path,
        format=ModelFormat.TFLITE,
        kind=does,
        architecture=family(model.operators, does),
        name=model_name(path),
        size_bytes=file_size(path),
        contents=contents,
        precision=label(Weight(_PRECISIONS.get(w.type, w.type), w.elements, w.nbytes) for w in found),
        inputs=inputs,
        outputs=outputs,
        licence=licence_beside(path),
        files=(path,),
        warnings=() if contents.parameters else ("It holds no weights.",),
        quantized_operators={f"{name} tensor": count for name, count in sorted(quantized.items())},
    )


def contents(path: Path) -> TensorContents:
    """What is inside. Raises BadInput."""
    return tally(_parse(path).weights(path))


def _is_weight(tensor: _Tensor) -> bool:
    """Stored numbers that are no shape or index: INT32 only where it is quantized (a bias)."""
    wanted = tensor.quantized if tensor.type == "INT32" else tensor.type not in _NO_WEIGHTS
    return wanted and bool(tensor.shape)


def _spec(path: Path, graph: _Graph, index: int) -> TensorSpec:
    if not 0 <= index < len(graph.tensors):
        raise damaged(path, "an input or output of it does not exist")
    tensor = graph.tensors[index]
    shape = tensor.signature if len(tensor.signature) == len(tensor.shape) else tensor.shape
    return TensorSpec(tensor.name, tensor.numpy, tuple("?" if n < 0 else n for n in shape))


def _parse(path: Path) -> _Model:
    size = file_size(path)
    with opened(path, buffering=0) as file:  # a flatbuffer is read here and there: buffers would not help
        cursor = Cursor(file, path, size)
        if size < 8 or _at(cursor, 4, 4) != IDENTIFIER:
            raise damaged(path, "it is no TensorFlow Lite file")
        root = _Table(cursor, _reference(cursor, 0))
        graphs = tuple(_graph(table) for table in root.tables(2))
        buffers = tuple(_buffer_bytes(table, size) for table in root.tables(4))
        if not graphs:
            raise damaged(path, "it has no graph")
        return _Model(tuple(_operator(table) for table in root.tables(1)), graphs, buffers)


def _operator(table: _Table) -> str:
    """Name of a builtin operator. Numbers over 126 have a field of their own, added later."""
    return _OPERATORS.get(max(table.integer(0, "i8"), table.integer(3, "i32")), "")


def _graph(table: _Table) -> _Graph:
    tensors = tuple(_tensor(t) for t in table.tables(0))
    return _Graph(tensors, table.integers(1, _MOST_ITEMS), table.integers(2, _MOST_ITEMS))


def _tensor(table: _Table) -> _Tensor:
    number = table.integer(1, "i8")
    if number not in _TYPES:
        raise damaged(table.cursor.path, f"a tensor has the unknown type {number}")
    quantization = table.table(4)
    return _Tensor(
        table.text(3),
        *_TYPES[number],
        shape=table.integers(0, _MOST_DIMENSIONS),
        signature=table.integers(7, _MOST_DIMENSIONS),
        buffer=table.integer(2, "u32"),
        scale_bytes=_scale_bytes(quantization) if quantization is not None else 0,
        sparse=table.table(6) is not None,
    )


def _scale_bytes(quantization: _Table) -> int:
    scales = quantization.vector_length(2, _MOST_ITEMS, 4)
    return 4 * scales + 8 * quantization.vector_length(3, _MOST_ITEMS, 8) if scales else 0


def _buffer_bytes(table: _Table, size: int) -> int:
    """Bytes of a buffer, inside the flatbuffer or (in files over 2 GB) behind it."""
    inline = table.vector_length(0, size, 1)
    offset, length = table.integer(1, "u64"), table.integer(2, "u64")
    if offset > 1 and offset + length > size:
        raise damaged(table.cursor.path, "the data of a tensor lie beyond its end")
    return inline or (length if offset > 1 else 0)


def _at(cursor: Cursor, position: int, count: int) -> bytes:
    cursor.go(position)
    return cursor.take(count)


def _reference(cursor: Cursor, position: int) -> int:
    """Where the offset stored at ``position`` leads. Offsets lead forward, so no walk can be endless."""
    cursor.go(position)
    return position + cursor.integer("u32")


class _Table:
    """A flatbuffer table: fields by number, absent ones have their default."""

    def __init__(self, cursor: Cursor, position: int) -> None:
        self.cursor = cursor
        self._position = position
        cursor.go(position)
        vtable = position - cursor.integer("i32")
        cursor.go(vtable)
        length = cursor.integer("u16")
        if length < 4 or length % 2:
            raise damaged(cursor.path, "a table in it has no fields")
        cursor.take(2)
        fields = cursor.take(length - 4)
        self._fields = [int.from_bytes(fields[i : i + 2], "little") for i in range(0, len(fields), 2)]

    def _place(self, field: int) -> int | None:
        offset = self._fields[field] if field < len(self._fields) else 0
        return self._position + offset if offset else None

    def integer(self, field: int, kind: str) -> int:
        place = self._place(field)
        if place is None:
            return 0
        self.cursor.go(place)
        return self.cursor.integer(kind)

    def table(self, field: int) -> _Table | None:
        place = self._place(field)
        return None if place is None else _Table(self.cursor, _reference(self.cursor, place))

    def vector_length(self, field: int, most: int, item_bytes: int) -> int:
        """Elements of a vector that fits into the file, 0 where absent. The cursor stands at the first."""
        place = self._place(field)
        if place is None:
            return 0
        self.cursor.go(_reference(self.cursor, place))
        count = self.cursor.integer("u32")
        if count > most or count * item_bytes > self.cursor.left:
            raise damaged(self.cursor.path, f"it claims a list of {count:,}")
        return count

    def integers(self, field: int, most: int) -> tuple[int, ...]:
        """A vector of int32."""
        count = self.vector_length(field, most, 4)
        data = self.cursor.take(4 * count) if count else b""
        return tuple(int.from_bytes(data[i : i + 4], "little", signed=True) for i in range(0, 4 * count, 4))

    def tables(self, field: int) -> Iterator[_Table]:
        """A vector of tables."""
        count = self.vector_length(field, _MOST_ITEMS, 4)
        first = self.cursor.position
        return (_Table(self.cursor, _reference(self.cursor, first + 4 * i)) for i in range(count))

    def text(self, field: int) -> str:
        """A text, cut where it is long."""
        length = self.vector_length(field, self.cursor.size, 1)
        return printable(self.cursor.take(min(length, _LONGEST_NAME))) if length else ""
