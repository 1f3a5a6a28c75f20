"""A made SentencePiece vocabulary of any size: letters in all combinations, the shortest first.

It splits a text into words and parts of words as a trained one would, roughly, so that a model's speed can be
measured on text. What the pieces mean is nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, count, islice, product
from string import ascii_lowercase, digits, printable

from sentencepiece import sentencepiece_model_pb2 as pb  # type: ignore[attr-defined]

from backends.domain.errors import BadInput

UNKNOWN, BEGIN, END = 0, 1, 2
SPACE = "▁"
BYTES = 256
_SPECIAL = ("<unk>", "<s>", "</s>")
_SINGLE = dict.fromkeys(c for c in printable if c.isprintable() and c != " ")
LEAST_PIECES = len(_SPECIAL) + BYTES + 1 + len(_SINGLE)


def made_tokenizer(pieces: int) -> bytes:
    """A ``tokenizer.model`` with exactly ``pieces`` pieces: BPE with byte fallback, unk, bos and eos first.

    Raises BadInput where that is fewer than the bytes and single letters need.
    """
    if pieces < LEAST_PIECES:
        raise BadInput(
            f"A vocabulary of {pieces} pieces is too small for a made tokenizer.",
            f"Set vocab_size in config.json to {LEAST_PIECES} or more.",
        )
    model = pb.ModelProto()
    kinds = pb.ModelProto.SentencePiece
    for text in _SPECIAL:
        kind = kinds.UNKNOWN if text == _SPECIAL[UNKNOWN] else kinds.CONTROL
        model.pieces.add(piece=text, score=0.0, type=kind)
    for value in range(BYTES):
        model.pieces.add(piece=f"<0x{value:02X}>", score=0.0, type=kinds.BYTE)
    for rank, text in enumerate(islice(_texts(), pieces - len(model.pieces))):
        model.pieces.add(piece=text, score=-float(rank), type=kinds.NORMAL)
    _specify(model, pieces)
    serialized: bytes = model.SerializeToString()
    return serialized


def _specify(model: pb.ModelProto, pieces: int) -> None:
    trainer = model.trainer_spec
    trainer.model_type = pb.TrainerSpec.BPE
    trainer.vocab_size = pieces
    trainer.byte_fallback = True
    trainer.unk_id, trainer.bos_id, trainer.eos_id, trainer.pad_id = UNKNOWN, BEGIN, END, -1
    normalizer = model.normalizer_spec
    normalizer.name = "identity"
    normalizer.add_dummy_prefix = True
    normalizer.remove_extra_whitespaces = False


def _texts() -> Iterator[str]:
    """The space and all printable characters; then words and their parts, letter by letter longer."""
    words = chain.from_iterable(_of_length(length) for length in count(2))
    return chain((SPACE,), _SINGLE, (f"{SPACE}{letter}" for letter in ascii_lowercase + digits), words)


def _of_length(length: int) -> Iterator[str]:
    for letters in product(ascii_lowercase, repeat=length):
        text = "".join(letters)
        yield text
        yield SPACE + text
