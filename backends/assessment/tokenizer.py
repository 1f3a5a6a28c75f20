"""Which tokenizer lies beside a model, and how many tokens it has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.assessment.folder import damaged, inside, read_bytes, read_json
from backends.domain.errors import BadInput

_LIMIT_BYTES = 64 * 2**20  # a tokenizer.json of 256,000 tokens has 35 MB
_KINDS = {"BPE": "bpe", "Unigram": "unigram", "WordPiece": "wordpiece", "WordLevel": "wordlevel"}
_PIECES = 0x0A  # field 1, length-delimited, of sentencepiece's ModelProto
_FILES = (
    "tokenizer.model",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
)


@dataclass(frozen=True)
class Tokenizer:
    """``tokens`` is ``None`` where the file does not tell; ``path`` is ``None`` where there is none."""

    kind: str = ""
    tokens: int | None = None
    path: Path | None = None


def tokenizer_in(folder: Path) -> Tokenizer:
    """The tokenizer in ``folder``: SentencePiece's own file first, as the converters do. Raises BadInput."""
    if (path := _named(folder, "tokenizer.model")) is not None:
        return Tokenizer("sentencepiece", _count_pieces(path), path)
    if (path := _named(folder, "tokenizer.json")) is not None:
        return _from_json(path)
    if (path := _named(folder, "vocab.txt")) is not None:
        return Tokenizer("wordpiece", None, path)
    if _named(folder, "merges.txt") is not None and (path := _named(folder, "vocab.json")) is not None:
        return Tokenizer("bpe", None, path)
    return Tokenizer()


def tokenizer_files(folder: Path) -> tuple[Path, ...]:
    """The files in ``folder`` that belong to its tokenizer."""
    found = (_named(folder, name) for name in (*_FILES, "merges.txt", "vocab.txt"))
    return tuple(path for path in found if path is not None)


def check_vocabulary(tokenizer: Tokenizer, rows: int | None) -> None:
    """Raise BadInput where the tokenizer can give ids for which the model has no embedding."""
    if tokenizer.tokens is not None and rows is not None and tokenizer.tokens > rows:
        name = tokenizer.path.name if tokenizer.path else "The tokenizer"
        raise BadInput(
            f"{name} has {tokenizer.tokens:,} tokens, but the model has {rows:,} embeddings:"
            " they do not belong together.",
            "Use the tokenizer that came with the model.",
        )


def _named(folder: Path, name: str) -> Path | None:
    path = folder / name
    return inside(folder, name, path) if path.is_file() else None


def _from_json(path: Path) -> Tokenizer:
    model = read_json(path, _LIMIT_BYTES).get("model")
    if not isinstance(model, dict):
        raise damaged(path, "it describes no tokenizer")
    kind = model.get("type")
    # Old files name no type; merges mean BPE.
    kind = kind if isinstance(kind, str) else "BPE" if "merges" in model else ""
    return Tokenizer(_KINDS.get(kind, kind.lower()), _count_tokens(model.get("vocab")), path)


def _count_tokens(vocabulary: Any) -> int | None:
    """One more than the highest id: ids need not be dense. Unigram lists its tokens instead."""
    if isinstance(vocabulary, list):
        return len(vocabulary)
    if not isinstance(vocabulary, dict):
        return None
    return max((n for n in vocabulary.values() if isinstance(n, int)), default=-1) + 1


def _count_pieces(path: Path) -> int:
    """Pieces of a SentencePiece model: a walk over the outermost fields of the protobuf."""
    data = read_bytes(path, _LIMIT_BYTES)
    position = pieces = 0
    while position < len(data):
        tag = data[position]
        if tag & 7 != 2:  # pieces and specifications are all length-delimited
            raise damaged(path, "it is no SentencePiece model")
        length, start = _varint(data, position + 1, path)
        position = start + length
        pieces += tag == _PIECES
    if position != len(data) or not pieces:
        raise damaged(path, "it is no SentencePiece model, or not a whole one")
    return pieces


def _varint(data: bytes, position: int, path: Path) -> tuple[int, int]:
    """The protobuf integer at ``position``, and where it ends."""
    value = 0
    for shift in range(0, 64, 7):
        if position >= len(data):
            break
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise damaged(path, "it ends too early")
