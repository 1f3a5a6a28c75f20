"""Multiple choice by log-likelihood.

The score of a choice is the *sum* of the log-probabilities of its tokens after the query (every choice ends
with a full stop, so none is the beginning of another). Ids are `[bos] + encode(query + " " + choice)`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sentencepiece

# Maps ids (length,) to logits (length, vocabulary).
LogitsOf = Callable[[Sequence[int]], np.ndarray]
BOS = 1


@dataclass(frozen=True)
class Item:
    """One task: the ids of each choice's full text, and how many ids belong to the query."""

    rows: tuple[tuple[int, ...], ...]
    start: int
    gold: int
    category: str
    kind: str


def load_items(path: Path, tokenizer: sentencepiece.SentencePieceProcessor) -> list[Item]:
    """Read and tokenize a task file; raise ValueError where a choice would change the tokens of its query."""
    items = []
    for line in path.read_text(encoding="ascii").splitlines():
        raw = json.loads(line)
        query = [BOS, *tokenizer.encode(raw["query"])]
        rows = tuple((BOS, *tokenizer.encode(f"{raw['query']} {choice}")) for choice in raw["choices"])
        if any(list(row[: len(query)]) != query for row in rows):
            raise ValueError(f"the query is no token prefix: {raw['query']}")
        items.append(Item(rows, len(query), raw["gold"], raw["category"], raw["kind"]))
    return items


def choice_score(logits: np.ndarray, row: Sequence[int], start: int) -> float:
    """Sum the log-probabilities of row[start:], given logits (length, vocabulary) of the same row."""
    part = logits[start - 1 : len(row) - 1].astype(np.float64)
    part -= part.max(axis=1, keepdims=True)
    log_norm = np.log(np.exp(part).sum(axis=1))
    return float((part[np.arange(len(part)), list(row[start:])] - log_norm).sum())


def is_right(item: Item, logits_of: LogitsOf) -> bool:
    """Say whether the right choice has the highest score."""
    scores = [choice_score(logits_of(row), row, item.start) for row in item.rows]
    return int(np.argmax(scores)) == item.gold


def accuracy_table(items: Sequence[Item], right: Sequence[bool]) -> dict[str, float]:
    """Return the accuracy overall, per category and per kind."""
    groups: dict[str, list[bool]] = defaultdict(list)
    for item, ok in zip(items, right, strict=True):
        for key in ("all", item.category, f"{item.category}/{item.kind}"):
            groups[key].append(ok)
    return {key: sum(oks) / len(oks) for key, oks in sorted(groups.items())}


def chance(items: Sequence[Item]) -> float:
    """Return the expected accuracy of guessing."""
    return sum(1 / len(item.rows) for item in items) / len(items)
