"""GGUF: the header only, in one bounded pass. Layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from backends.assessment.counting import Weight, element_count, tally
from backends.assessment.cursor import Cursor
from backends.assessment.facts import Facts
from backends.assessment.folder import damaged, file_size, files_in, inside, model_name, opened, printable
from backends.assessment.ggml import TENSOR_TYPES, TensorType, file_type_label, gguf_precision, tensor_bytes
from backends.assessment.licence import licence_beside
from backends.domain.errors import BadInput
from backends.domain.model import SHAPE_ONLY_WORDS, ModelFormat, ModelKind, ModelProfile, TensorContents

MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf")
_BLOCK = re.compile(r"(?:^|\.)blk\.(\d+)\.")
_TOKENIZERS = {"llama": "sentencepiece", "gpt2": "bpe", "bert": "wordpiece", "t5": "unigram"}
_NO_MODEL = {"adapter": "a LoRA adapter", "imatrix": "an importance matrix", "vocab": "a vocabulary"}
_PROJECTORS = ("clip", "mmproj")
_SEEING = re.compile(r"^(v\.|mm\.|a\.|vision|audio)")  # tensors of an image or sound encoder
_SEEING_ARCHITECTURES = ("qwen2vl", "qwen3vl", "mllama", "cogvlm", "pixtral")

# Far above any real model: a lying count may cost a second, not an hour.
_MOST_ENTRIES = 100_000
_MOST_TENSORS = 262_144
_MOST_STRINGS = 4_000_000
_KEPT_ITEMS = 4_096
_LONGEST_NAME = 65_535
_MOST_DIMENSIONS = 4

_STRING, _ARRAY, _BOOL = 8, 9, 7
_INTEGER_KINDS = {0: "u8", 1: "i8", 2: "u16", 3: "i16", 4: "u32", 5: "i32", 10: "u64", 11: "i64"}
_WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


@dataclass(frozen=True)
class Array:
    """An array of the metadata. ``items`` is empty for texts and where there are more than 4,096."""

    length: int
    items: tuple[int | float | bool, ...] = ()


Value = int | float | bool | str | Array


@dataclass(frozen=True)
class GgufTensor:
    """``dimensions`` in ggml's order: the row length first. ``offset`` counts from the data section."""

    name: str
    type: TensorType
    dimensions: tuple[int, ...]
    elements: int
    offset: int

    @property
    def nbytes(self) -> int:
        return tensor_bytes(self.type, self.elements)


@dataclass(frozen=True)
class GgufHeader:
    """What a GGUF file says before its data, checked against the file's size."""

    path: Path
    version: int
    metadata: Mapping[str, Value]
    tensors: tuple[GgufTensor, ...]
    data_offset: int
    size: int

    def text(self, key: str) -> str:
        value = self.metadata.get(key, "")
        return printable(value) if isinstance(value, str) else ""

    def number(self, key: str) -> int | None:
        """A non-negative integer; the largest where each layer has its own."""
        value = self.metadata.get(key)
        if isinstance(value, Array):
            value = max((n for n in value.items if isinstance(n, int)), default=None)
        if value is None or isinstance(value, bool | str):
            return None
        if isinstance(value, float) or value < 0:
            raise damaged(self.path, f"its {key} is {value}")
        return value


def read(path: Path) -> ModelProfile:
    """The profile of a GGUF model, all its shards included. Raises BadInput."""
    headers = _shards(read_header(path))
    first = headers[0]
    _refuse_what_is_no_model(first)
    tensors = [tensor for header in headers for tensor in header.tensors]
    contents = _contents(tensors)
    if not contents.parameters:
        raise BadInput(f"{path.name} holds no weights.", "Name a GGUF file of a whole model.")
    precision, warnings = gguf_precision(
        file_type_label(first.number("general.file_type")), contents.tensor_types
    )
    facts = _facts(first, tensors)
    tokenizer = _tokenizer(first)
    return ModelProfile(
        path=path,
        format=ModelFormat.GGUF,
        kind=ModelKind.VISION if _is_projector(first) else ModelKind.LANGUAGE,
        architecture=first.text("general.architecture"),
        name=first.text("general.name") or model_name(path),
        size_bytes=sum(header.size for header in headers),
        contents=contents,
        precision=precision,
        multimodal=_is_multimodal(first, tensors),
        tokenizer=tokenizer,
        licence=first.text("general.license") or licence_beside(path),
        files=tuple(header.path for header in headers),
        warnings=warnings + (() if tokenizer or _is_projector(first) else ("It has no tokenizer.",)),
        shape_only=first.text("general.description") == SHAPE_ONLY_WORDS,
        **facts,
    )


def contents(path: Path) -> TensorContents:
    """What is inside, all shards included. Raises BadInput."""
    return _contents(tensor for header in _shards(read_header(path)) for tensor in header.tensors)


def read_header(path: Path) -> GgufHeader:
    """Metadata and tensor list of one file; tensor data are not read. Raises BadInput for a lying header."""
    size = file_size(path)
    with opened(path) as file:
        cursor = Cursor(file, path, size)
        version = _version(cursor)
        tensor_count = _bounded(cursor, cursor.integer("u64"), _MOST_TENSORS, 24, "tensors")
        entries = _bounded(cursor, cursor.integer("u64"), _MOST_ENTRIES, 13, "metadata entries")
        metadata = _Metadata(cursor).read(entries)
        tensors = _unique(path, (_tensor(cursor) for _ in range(tensor_count)))
        alignment = _alignment(path, metadata)
        data_offset = -(-cursor.position // alignment) * alignment
    _check_layout(path, tensors, alignment, size - data_offset)
    return GgufHeader(path, version, metadata, tensors, data_offset, size)


def is_later_shard(path: Path) -> bool:
    """Whether the name says that this is not the first file of a model that was split."""
    match = _SHARD.fullmatch(path.name)
    return match is not None and match["number"] != "00001"


def _version(cursor: Cursor) -> int:
    if cursor.take(4) != MAGIC:
        raise BadInput(f"{cursor.path.name} is not a GGUF file.", "Name a GGUF file or convert the model.")
    version = cursor.integer("u32")
    if version and version & 0xFFFF == 0:
        raise BadInput(
            f"{cursor.path.name} is a GGUF for big-endian machines.", "Convert the model again on this one."
        )
    if version not in _VERSIONS:
        raise BadInput(
            f"{cursor.path.name} is GGUF version {version}; versions 2 and 3 can be read.",
            "Convert the model again with a current llama.cpp.",
        )
    return version


def _bounded(cursor: Cursor, count: int, most: int, smallest: int, what: str) -> int:
    """``count``, if so many records of at least ``smallest`` bytes fit into what is left of the file."""
    if count > most or count * smallest > cursor.left:
        raise damaged(cursor.path, f"it claims {count:,} {what}")
    return count


class _Metadata:
    """Reads the key-value section; long arrays are walked over, not kept."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._strings_left = _MOST_STRINGS

    def read(self, entries: int) -> dict[str, Value]:
        metadata: dict[str, Value] = {}
        for _ in range(entries):
            key = _name(self._cursor)
            if key in metadata:
                raise damaged(self._cursor.path, f"it has {key!r} twice")
            metadata[key] = self._value(self._cursor.integer("u32"))
        return metadata

    def _value(self, kind: int) -> Value:
        if kind == _STRING:
            return self._cursor.take(self._cursor.integer("u64")).decode("utf-8", "replace")
        if kind == _ARRAY:
            return self._array(self._cursor.integer("u32"), self._cursor.integer("u64"))
        return self._scalar(kind)

    def _scalar(self, kind: int) -> int | float | bool:
        if kind in _INTEGER_KINDS:
            return self._cursor.integer(_INTEGER_KINDS[kind])
        if kind == _BOOL:
            return self._cursor.integer("u8") != 0
        if kind not in _WIDTHS:
            raise damaged(self._cursor.path, f"it has a value of unknown type {kind}")
        return self._cursor.real(_WIDTHS[kind])

    def _array(self, kind: int, length: int) -> Array:
        if kind == _STRING:
            self._strings_left -= _bounded(self._cursor, length, self._strings_left, 8, "texts")
            self._cursor.skip_strings(length)
            return Array(length)
        if kind not in _WIDTHS:  # arrays of arrays are in no model, and llama.cpp refuses them
            raise damaged(self._cursor.path, f"it has an array of unknown type {kind}")
        if length > _KEPT_ITEMS:
            self._cursor.skip(length * _WIDTHS[kind])
            return Array(length)
        return Array(length, tuple(self._scalar(kind) for _ in range(length)))


def _name(cursor: Cursor) -> str:
    length = cursor.integer("u64")
    if length > _LONGEST_NAME:
        raise damaged(cursor.path, f"it has a name of {length:,} bytes")
    try:
        return cursor.take(length).decode()
    except UnicodeDecodeError as error:
        raise damaged(cursor.path, "a name in it is not text") from error


def _tensor(cursor: Cursor) -> GgufTensor:
    name = printable(_name(cursor))
    rank = cursor.integer("u32")
    if not 1 <= rank <= _MOST_DIMENSIONS:
        raise damaged(cursor.path, f"tensor {name!r} has {rank} dimensions")
    dimensions = tuple(cursor.integer("u64") for _ in range(rank))
    number = cursor.integer("u32")
    kind = TENSOR_TYPES.get(number)
    if kind is None:
        raise damaged(cursor.path, f"tensor {name!r} has the unknown type {number}")
    if dimensions[0] % kind.block:
        raise damaged(cursor.path, f"the rows of tensor {name!r} do not fill blocks of {kind.name}")
    elements = element_count(dimensions, cursor.path, name)
    return GgufTensor(name, kind, dimensions, elements, cursor.integer("u64"))


def _unique(path: Path, tensors: Iterable[GgufTensor]) -> tuple[GgufTensor, ...]:
    named: dict[str, GgufTensor] = {}
    for tensor in tensors:
        if tensor.name in named:
            raise damaged(path, f"it has tensor {tensor.name!r} twice")
        named[tensor.name] = tensor
    return tuple(named.values())


def _alignment(path: Path, metadata: Mapping[str, Value]) -> int:
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1):
        raise damaged(path, f"its alignment is {alignment}")
    return alignment


def _check_layout(path: Path, tensors: Iterable[GgufTensor], alignment: int, available: int) -> None:
    """Every tensor inside the file, at an aligned place, none over another."""
    ordered = sorted(tensors, key=lambda t: t.offset)
    for tensor in ordered:
        if tensor.offset % alignment:
            raise damaged(path, f"tensor {tensor.name!r} is not aligned")
        if tensor.offset + tensor.nbytes > available:
            raise damaged(path, f"the data of tensor {tensor.name!r} lie beyond its end")
    for before, after in pairwise(ordered):
        if before.offset + before.nbytes > after.offset:
            raise damaged(path, f"tensors {before.name!r} and {after.name!r} overlap")


def _shards(first: GgufHeader) -> list[GgufHeader]:
    """The file and, when it says that it was split, the files after it."""
    count = first.number("split.count") or 1
    if count == 1:
        return [first]
    match = _SHARD.fullmatch(first.path.name)
    if first.number("split.no") or match is None or int(match["count"]) != count or count > _MOST_ENTRIES:
        raise BadInput(
            f"{first.path.name} is one part of a model in {count} files.",
            "Name the first, …-00001-of-….gguf.",
        )
    names = (f"{match['stem']}-{n:05}-of-{count:05}.gguf" for n in range(2, count + 1))
    return [first, *(read_header(inside(first.path.parent, name, first.path)) for name in names)]


def _contents(tensors: Iterable[GgufTensor]) -> TensorContents:
    return tally(Weight(t.type.name, t.elements, t.nbytes) for t in tensors)


def _refuse_what_is_no_model(header: GgufHeader) -> None:
    kind = header.text("general.type")
    if kind in _NO_MODEL:
        raise BadInput(f"{header.path.name} is {_NO_MODEL[kind]}, not a model.", "Name the model's own file.")
    if not header.text("general.architecture"):
        raise damaged(header.path, "it does not say its architecture")


def _is_projector(header: GgufHeader) -> bool:
    return header.text("general.type") in _PROJECTORS or header.text("general.architecture") in _PROJECTORS


def _is_multimodal(header: GgufHeader, tensors: Iterable[GgufTensor]) -> bool:
    seeing = header.text("general.architecture").startswith(_SEEING_ARCHITECTURES)
    return seeing or any(_SEEING.match(tensor.name) for tensor in tensors) or _has_projector(header.path)


def _has_projector(path: Path) -> bool:
    """Whether the folder has this model and one image encoder for it, as llama.cpp keeps them."""
    others = [p.name for p in files_in(path.parent) if p.suffix == ".gguf" and p.name != path.name]
    return len(others) == 1 and others[0].startswith("mmproj")


def _tokenizer(header: GgufHeader) -> str:
    name = header.text("tokenizer.ggml.model")
    return "" if name == "none" else _TOKENIZERS.get(name, name)


def _facts(header: GgufHeader, tensors: list[GgufTensor]) -> Facts:
    architecture = header.text("general.architecture")

    def number(key: str) -> int | None:
        return header.number(f"{architecture}.{key}")

    hidden, heads = number("embedding_length"), number("attention.head_count")
    facts: Facts = {
        "context_length": number("context_length"),
        "layers": number("block_count"),
        "hidden_size": hidden,
        "heads": heads,
        "kv_heads": number("attention.head_count_kv") or heads,
        "head_dim": number("attention.key_length") or (hidden // heads if hidden and heads else None),
        "vocabulary": _vocabulary(header, number("vocab_size"), tensors),
        "experts": number("expert_count") or None,
    }
    _check_layers(header, facts["layers"], tensors)
    return facts


def _vocabulary(header: GgufHeader, said: int | None, tensors: list[GgufTensor]) -> int | None:
    """Rows of the embedding, which must agree with the tokens of the tokenizer."""
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    listed = tokens.length if isinstance(tokens, Array) else None
    embedding = next((t for t in tensors if t.name == "token_embd.weight" and len(t.dimensions) == 2), None)
    if embedding is None:
        return said or listed
    rows = embedding.dimensions[1]
    if listed is not None and listed != rows:
        raise BadInput(
            f"{header.path.name} has {listed:,} tokens but {rows:,} embeddings: they do not belong together.",
            "Convert it again with its own tokenizer.",
        )
    return rows


def _check_layers(header: GgufHeader, said: int | None, tensors: list[GgufTensor]) -> None:
    numbers = {int(match[1]) for t in tensors if (match := _BLOCK.search(t.name))}
    if said is not None and numbers and len(numbers) < said and not _is_projector(header):
        raise damaged(header.path, f"it claims {said} layers but holds {len(numbers)}")
