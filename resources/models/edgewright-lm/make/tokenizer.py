"""Train the SentencePiece tokenizer on the training text.

    python tokenizer.py --work WORK

Llama's conventions: BPE, byte fallback (llama.cpp aborts on a vocabulary without byte tokens), single
digits, no normalisation (the newline must survive), unk/bos/eos = 0/1/2.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import sentencepiece

VOCABULARY = 1536
SKIP_LINES, SAMPLE_LINES = 3_000, 20_000  # the early lines are no fair sample


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    work = parser.parse_args().work
    with (work / "train.txt").open(encoding="ascii") as lines, (work / "tokenizer.model").open("wb") as out:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=itertools.islice((line.rstrip("\n") for line in lines), SKIP_LINES, SKIP_LINES + SAMPLE_LINES),
            model_writer=out, model_type="bpe", vocab_size=VOCABULARY, byte_fallback=True,
            unk_id=0, bos_id=1, eos_id=2, pad_id=-1, split_digits=True, character_coverage=1.0,
            normalization_rule_name="identity", remove_extra_whitespaces=False, add_dummy_prefix=True,
            allow_whitespace_only_pieces=True, num_threads=1,
            # Letters that the training text hardly has must not fall back to bytes in ordinary English.
            required_chars="abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,;:!?'\"()-+=/*%&#<>_",
        )  # fmt: skip


if __name__ == "__main__":
    main()
