"""A made SentencePiece vocabulary of any size: letters in all combinations, the shortest first.

It splits a text into words and parts of words as a trained one would, roughly, so that a model's speed can be
measured on text. What the pieces mean is nothing.

Fields: https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, count, islice, product
from string import ascii_lowercase, digits, printable

from backends.domain.errors import BadInput
from backends.sources.protobuf import content, integer, real

UNKNOWN, BEGIN, END, NO_PAD = 0, 1, 2, -1
SPACE = "▁"
# llama.cpp looks for the last in every model that is called Phi-3, and does not load one that has it not.
_SPECIAL = ("<unk>", "<s>", "</s>", "<|endoftext|>")
_BYTES = tuple(f"<0x{value:02X}>" for value in range(256))
_SINGLE = tuple(letter for letter in printable if letter.isprintable() and letter != " ")
_NORMAL_PIECE, _UNKNOWN_PIECE, _CONTROL_PIECE, _BYTE_PIECE = 1, 2, 3, 6  # ModelProto.SentencePiece.Type
_BPE = 2  # TrainerSpec.ModelType
LEAST_PIECES = len(_SPECIAL) + len(_BYTES) + 1 + len(_SINGLE)


def made_tokenizer(pieces: int) -> bytes:
    """A ``tokenizer.model`` with exactly ``pieces`` pieces: BPE with byte fallback; unk, bos and eos first.

    Raises BadInput where that is fewer than the bytes and single letters need.
    """
    if pieces < LEAST_PIECES:
        raise BadInput(
            f"A vocabulary of {pieces} pieces is too small for a made tokenizer.",
            f"Set vocab_size in config.json to {LEAST_PIECES} or more.",
        )
    texts = islice(_texts(), pieces - len(_SPECIAL) - len(_BYTES))
    return b"".join(
        (
            *(_piece(text, 0.0, _CONTROL_PIECE if text != "<unk>" else _UNKNOWN_PIECE) for text in _SPECIAL),
            *(_piece(text, 0.0, _BYTE_PIECE) for text in _BYTES),
            *(_piece(text, -float(rank), _NORMAL_PIECE) for rank, text in enumerate(texts)),
            content(2, _trainer(pieces)),
            content(3, _normalizer()),
        )
    )


def _piece(text: str, score: float, kind: int) -> bytes:
    return content(1, content(1, text) + real(2, score) + integer(3, kind))


def _trainer(pieces: int) -> bytes:
    model_type, vocab_size, byte_fallback = integer(3, _BPE), integer(4, pieces), integer(35, True)
    ids = ((40, UNKNOWN), (41, BEGIN), (42, END), (43, NO_PAD))
    return model_type + vocab_size + byte_fallback + b"".join(integer(*entry) for entry in ids)


def _normalizer() -> bytes:
    """Text as it is, with a space before the first word."""
    name, add_dummy_prefix, remove_extra_whitespaces = (
        content(1, "identity"),
        integer(3, True),
        integer(4, False),
    )
    return name + add_dummy_prefix + remove_extra_whitespaces


def _texts() -> Iterator[str]:
    """The space and all printable characters; then words and their parts, letter by letter longer."""
    words = chain.from_iterable(_of_length(length) for length in count(2))
    return chain((SPACE,), _SINGLE, (f"{SPACE}{letter}" for letter in ascii_lowercase + digits), words)


def _of_length(length: int) -> Iterator[str]:
    for letters in product(ascii_lowercase, repeat=length):
        text = "".join(letters)
        yield text
        yield SPACE + text
