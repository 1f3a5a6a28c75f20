"""OpenVINO IR: the XML is streamed once, the weights in the .bin are only measured.

Layout: https://docs.openvino.ai/2025/documentation/openvino-ir-format.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from backends.assessment.beside import beside
from backends.assessment.counting import Weight, element_count, label, overhead, packed_bytes, tally
from backends.assessment.folder import damaged, file_size, inside, model_name, opened, printable
from backends.assessment.licence import licence_beside
from backends.assessment.signature import family, kind, without_cache
from backends.domain.errors import BadInput
from backends.domain.model import (
    SHAPE_ONLY_KEY,
    ModelFormat,
    ModelKind,
    ModelProfile,
    TensorContents,
    TensorSpec,
)

XML_LIMIT_BYTES = 64 * 2**20  # that of a large language model has under 10
_LARGEST_VERSION = 99
_CHUNK_BYTES = 2**18
_LONGEST_DIMENSION = 32

_BITS: Mapping[str, int] = {
    "u1": 1, "u2": 2, "u3": 3, "u4": 4, "u6": 6, "i4": 4, "nf4": 4, "f4e2m1": 4, "f8e4m3": 8, "f8e5m2": 8,
    "f8e8m0": 8, "i8": 8, "u8": 8, "i16": 16, "u16": 16, "f16": 16, "bf16": 16, "i32": 32, "u32": 32,
    "f32": 32, "i64": 64, "u64": 64, "f64": 64, "boolean": 8, "string": 0,
}  # fmt: skip
_NO_WEIGHTS = frozenset({"i16", "u16", "i32", "u32", "i64", "u64", "boolean", "string"})
_NUMPY: Mapping[str, str] = {
    "boolean": "bool", "string": "str", "bf16": "bfloat16", "f16": "float16", "f32": "float32",
    "f64": "float64",
}  # fmt: skip
_PRECISIONS: Mapping[str, str] = {
    "u4": "UINT4", "i4": "INT4", "i8": "INT8", "u8": "UINT8", "f16": "FP16", "bf16": "BF16", "f32": "FP32",
    "f64": "FP64", "nf4": "NF4", "f4e2m1": "FP4", "f8e4m3": "FP8", "f8e5m2": "FP8", "u2": "UINT2",
    "u1": "UINT1",
}  # fmt: skip
_QUANTIZED = frozenset({"u1", "u2", "u3", "u4", "u6", "i4", "nf4", "f4e2m1", "i8", "u8", "f8e4m3", "f8e5m2"})
_BODY = "/"
_PASSING = frozenset({"Convert", "Reshape"})  # between a stored weight and its scale


@dataclass
class Layer:
    """One layer of the IR. ``sources``: input position -> the layer and the port its value comes from."""

    name: str
    kind: str
    data: Mapping[str, str] = field(default_factory=dict)
    shape: list[str] = field(default_factory=list)  # of the first port
    precision: str = ""  # of the first port
    names: dict[str, str] = field(default_factory=dict)  # port -> name of the tensor that leaves it
    sources: dict[int, tuple[str, str]] = field(default_factory=dict)

    def source(self, position: int) -> str | None:
        """The layer that feeds this input."""
        return self.sources.get(position, (None, ""))[0]


@dataclass(frozen=True)
class Constant:
    """A stored tensor. ``place`` is its offset and its bytes in the .bin."""

    kind: str
    shape: tuple[int, ...]
    elements: int
    place: tuple[int, int]

    @property
    def nbytes(self) -> int:
        return self.place[1]


def read(path: Path) -> ModelProfile:
    """The profile of an IR, given its .xml. Raises BadInput."""
    net, weights_file = _open(path)
    found = list(net.weights(path, file_size(weights_file)))
    contents = tally(found)
    inputs, outputs = net.signature()
    does = ModelKind.LANGUAGE if net.is_stateful_text() else kind(inputs)
    parts = beside(path, does, inputs, outputs)
    files = (path, weights_file, *parts.files)
    return ModelProfile(
        path=path,
        format=ModelFormat.OPENVINO,
        kind=does,
        architecture=parts.architecture or family((layer.kind for layer in net.layers.values()), does),
        name=model_name(path),
        size_bytes=sum(file_size(file) for file in files),
        contents=contents,
        precision=label(Weight(_common(w.type), w.elements, w.nbytes) for w in found),
        multimodal=parts.multimodal,
        inputs=inputs,
        outputs=outputs,
        tokenizer=parts.tokenizer,
        licence=licence_beside(path),
        files=files,
        warnings=(() if contents.parameters else ("It holds no weights.",))
        + without_cache(does, inputs, outputs),
        shape_only=net.shape_only,
        quantized_operators=net.quantized_operators(),
        **parts.facts,
    )


def contents(path: Path) -> TensorContents:
    """What is inside, given the .xml. Raises BadInput."""
    net, weights_file = _open(path)
    return tally(net.weights(path, file_size(weights_file)))


def weights_file(path: Path) -> Path:
    """The .bin that belongs to an .xml. Raises BadInput where it is missing."""
    return inside(path.parent, path.with_suffix(".bin").name, path)


def _open(path: Path) -> tuple[Network, Path]:
    return parse(path), weights_file(path)


def _common(kind: str) -> str:
    """The name other formats have for an element type: "u4 group 64" → "UINT4 group 64"."""
    element, _, group = kind.partition(" ")
    return f"{_PRECISIONS.get(element, element.upper())} {group}".strip()


class Network:
    """The layers of an IR by id, and what they say. Those of loop bodies are called "7/body/3"."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.layers: dict[str, Layer] = {}
        self.shape_only = False

    def signature(self) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
        """Inputs from the Parameter layers, outputs from what the Result layers receive."""
        own = [layer for key, layer in self.layers.items() if _BODY not in key]
        inputs = tuple(_input(layer) for layer in own if layer.kind == "Parameter")
        return inputs, tuple(self._output(layer) for layer in own if layer.kind == "Result")

    def is_stateful_text(self) -> bool:
        """A language model that keeps its cache inside: token ids in, state kept by ReadValue layers."""
        named = any(spec.name == "input_ids" for spec in self.signature()[0])
        return named and any(x.kind == "ReadValue" for x in self.layers.values())

    def quantized_operators(self) -> dict[str, int]:
        """FakeQuantize layers, and Multiply layers that scale stored integers."""
        fake = sum(layer.kind == "FakeQuantize" for layer in self.layers.values())
        multiplied = (layer for layer in self.layers.values() if layer.kind == "Multiply")
        scaled = sum(self._scaled_weight(layer) is not None for layer in multiplied)
        return {k: n for k, n in (("FakeQuantize", fake), ("Decompression", scaled)) if n}

    def weights(self, path: Path, available: int) -> Iterator[Weight]:
        """Weights among the Const layers; scales and zero points as overhead. Raises BadInput."""
        constants = {
            key: _constant(layer, path, available)
            for key, layer in self.layers.items()
            if layer.kind == "Const"
        }
        scales, groups = self._scales(), self._groups(constants)
        seen: set[tuple[int, int]] = set()
        for key, constant in constants.items():
            if constant.place in seen:  # equal constants are stored once
                continue
            seen.add(constant.place)
            if key in scales:
                yield overhead(constant.nbytes)
            elif constant.kind not in _NO_WEIGHTS and constant.shape:
                name = f"{constant.kind} group {groups[key]}" if key in groups else constant.kind
                yield Weight(name, constant.elements, constant.nbytes)

    def _scales(self) -> set[str]:
        """Const layers that are the scale or zero point of another, or a range of FakeQuantize."""
        found: set[str] = set()
        for layer in self.layers.values():
            if layer.kind == "FakeQuantize":
                found |= {c for port in range(1, 5) if (c := self._stored(layer.source(port)))}
            elif layer.kind in {"Multiply", "Subtract"} and self._scaled_weight(layer) is not None:
                found |= {c for c in (self._stored(layer.source(1)),) if c}
        return found

    def _groups(self, constants: Mapping[str, Constant]) -> dict[str, int]:
        """Group size of each integer weight whose scale has one value per group: (rows, groups, group)."""
        groups: dict[str, int] = {}
        for layer in self.layers.values():
            weight = self._scaled_weight(layer) if layer.kind == "Multiply" else None
            if weight and len(constants[weight].shape) == 3:
                groups[weight] = constants[weight].shape[2]
        return groups

    def _scaled_weight(self, layer: Layer) -> str | None:
        """The quantized Const behind the first input of a Multiply or Subtract whose second is stored."""
        if layer.kind not in {"Multiply", "Subtract"} or self._stored(layer.source(1)) is None:
            return None
        weight = self._stored(layer.source(0), through_zero_point=layer.kind == "Multiply")
        is_quantized = weight and self.layers[weight].data.get("element_type") in _QUANTIZED
        return weight if is_quantized else None

    def _stored(self, key: str | None, through_zero_point: bool = False) -> str | None:
        """The Const layer that ``key`` is, seen through conversions and, if asked, a zero point."""
        for _ in range(6):  # weight, Convert, Subtract, Reshape, Convert: never longer
            layer = self.layers.get(key) if key is not None else None
            if layer is None or layer.kind == "Const":
                return key if layer else None
            if layer.kind not in _PASSING and not (through_zero_point and layer.kind == "Subtract"):
                return None
            key = layer.source(0)
        return None

    def _output(self, result: Layer) -> TensorSpec:
        key, port = result.sources.get(0, ("", ""))
        source = self.layers.get(key, result)
        name = source.names.get(port) or source.name
        return TensorSpec(name, _numpy(result.precision.lower()), tuple(map(_dimension, result.shape)))


def parse(path: Path) -> Network:
    """Stream the XML into layers. A DOCTYPE is refused: it can define endless entities or read files."""
    size = file_size(path)
    if size > XML_LIMIT_BYTES:
        raise BadInput(f"{path.name} is too large for an OpenVINO model.", "Name the model's .xml file.")
    builder = _Builder(path)
    parser = expat.ParserCreate("utf-8")  # whatever encoding the file claims
    parser.StartDoctypeDeclHandler = builder.doctype
    parser.StartElementHandler = builder.start
    parser.CharacterDataHandler = builder.text
    parser.EndElementHandler = builder.end
    try:
        with opened(path) as file:
            while chunk := file.read(_CHUNK_BYTES):
                parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise damaged(path, f"its XML breaks off or is wrong ({error})") from error
    return builder.network()


class _Builder:
    """Turns the events of the XML parser into a Network."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tags: list[str] = []
        self._open: list[str] = []  # keys of the layers we are in: a loop has layers inside
        self._net: Network | None = None
        self._ports = 0  # seen in the layer we are in
        self._text = ""

    def network(self) -> Network:
        if self._net is None or not self._net.layers:
            raise damaged(self._path, "it is no OpenVINO model: it has no layers")
        return self._net

    def doctype(self, *_: object) -> None:
        raise BadInput(
            f"{self._path.name} has a DOCTYPE, which no OpenVINO model has and which is refused.",
            "Convert the model again.",
        )

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._tags.append(tag)
        self._text = ""
        match self._tags[-3:]:
            case ["net"]:
                self._begin(attributes)
            case [_, "layers", "layer"]:
                self._add_layer(attributes)
            case [_, "layer", "data"] if self._open:
                self._layer.data = attributes
            case ["layer", "input" | "output" as side, "port"] if self._open:
                self._add_port(side, attributes)
            case [_, "edges", "edge"]:
                self._connect(attributes)
        if tag == SHAPE_ONLY_KEY and self._tags[:2] == ["net", "rt_info"]:
            self._network.shape_only = True

    def text(self, text: str) -> None:
        if self._tags[-1:] == ["dim"] and len(self._text) < _LONGEST_DIMENSION:
            self._text += text

    def end(self, tag: str) -> None:
        if tag == "dim" and self._open and self._ports == 1:
            self._layer.shape.append(self._text.strip())
        if tag == "layer" and self._open and self._tags[-2:-1] == ["layers"]:
            self._open.pop()
        self._tags.pop()

    @property
    def _layer(self) -> Layer:
        return self._network.layers[self._open[-1]]

    @property
    def _network(self) -> Network:
        if self._net is None:
            raise damaged(self._path, "it is no OpenVINO model: it does not begin with <net>")
        return self._net

    def _begin(self, attributes: Mapping[str, str]) -> None:
        version = attributes.get("version", "")
        if not _is_number(version) or not 10 <= int(version) <= _LARGEST_VERSION:
            raise BadInput(
                f"{self._path.name} is IR version {printable(version) or 'none'}; 10 and later can be read.",
                "Convert the model again with a current OpenVINO.",
            )
        self._net = Network(printable(attributes.get("name", "")))

    def _key(self, number: str) -> str:
        """Unique over all bodies: the numbers of the layers around it and the name of the body it is in."""
        around = [self._open[-1], self._tags[-3]] if self._open else []
        return _BODY.join([*around, number])

    def _add_layer(self, attributes: Mapping[str, str]) -> None:
        number = attributes.get("id", "")
        key = self._key(number)
        if not _is_number(number) or key in self._network.layers:
            raise damaged(self._path, f"it has layer {printable(number)!r} twice or without a number")
        self._network.layers[key] = Layer(printable(attributes.get("name", "")), attributes.get("type", ""))
        self._open.append(key)
        self._ports = 0

    def _add_port(self, side: str, attributes: Mapping[str, str]) -> None:
        self._ports += 1
        layer = self._layer
        layer.precision = layer.precision or attributes.get("precision", "")
        if side == "output" and attributes.get("names"):
            layer.names[attributes.get("id", "")] = printable(attributes["names"].split(",")[0])

    def _connect(self, attributes: Mapping[str, str]) -> None:
        """Layers count their ports through, inputs first: the port's number is the input's position."""
        target = self._network.layers.get(self._key(attributes.get("to-layer", "")))
        port = attributes.get("to-port", "")
        if target is not None and _is_number(port):
            source = self._key(attributes.get("from-layer", ""))
            target.sources[int(port)] = (source, attributes.get("from-port", ""))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _constant(layer: Layer, path: Path, available: int) -> Constant:
    """What a Const layer says of itself, checked against the size of the .bin."""
    kind, name = layer.data.get("element_type", ""), layer.name
    if kind not in _BITS:
        raise damaged(path, f"constant {name!r} has the unknown type {printable(kind)!r}")
    try:
        shape = tuple(map(int, filter(str.strip, layer.data.get("shape", "").split(","))))
        offset, size = int(layer.data.get("offset", "")), int(layer.data.get("size", ""))
    except ValueError as error:
        raise damaged(path, f"constant {name!r} has no shape or place") from error
    elements = element_count(shape, path, name)
    if offset < 0 or size < 0 or (kind != "string" and size != packed_bytes(elements, _BITS[kind])):
        raise damaged(path, f"the size of constant {name!r} is not that of its shape")
    if offset + size > available:
        raise damaged(path.with_suffix(".bin"), f"constant {name!r} lies beyond its end")
    return Constant(kind, shape, elements, (offset, size))


def _input(layer: Layer) -> TensorSpec:
    name = next(iter(layer.names.values()), layer.name)
    text = layer.data.get("shape", "")
    shape = tuple(map(_dimension, text.split(","))) if text.strip() else ()
    return TensorSpec(name, _numpy(layer.data.get("element_type", "")), shape)


def _dimension(text: str) -> int | str:
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    return "?" if text in {"-1", "?", ""} else printable(text)


def _numpy(kind: str) -> str:
    kind = {"fp16": "f16", "fp32": "f32", "fp64": "f64", "bool": "boolean"}.get(kind, kind)
    if kind in _NUMPY:
        return _NUMPY[kind]
    if kind in _BITS and kind[0] in "iu":
        return ("int" if kind[0] == "i" else "uint") + kind[1:]
    return printable(kind) or "unknown"
