"""Building blocks shared by the text generators: split templates, scenes and their rendering.

A *scene* is a short passage with questions whose answers are known, because the generator made both.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

Split = Literal["train", "heldout"]
T = TypeVar("T")

NAMES = (
    "Tom", "Lily", "Ben", "Anna", "Sam", "Mia", "Max", "Ella", "Leo", "Rosa", "Finn", "Nora",
    "Hugo", "Ida", "Omar", "Zoe", "Paul", "Vera", "Carl", "June", "Ravi", "Emma", "Noah", "Lucy",
)  # fmt: skip
THINGS = (
    "ball", "kite", "book", "hat", "cup", "drum", "lamp", "boat", "doll", "train", "coat", "bell",
    "box", "bag", "bike", "flute", "map", "ring", "spoon", "clock",
)  # fmt: skip
COLORS = ("red", "blue", "green", "yellow", "white", "black", "brown", "pink")
PLACES = (
    "the kitchen", "the garden", "the park", "the school", "the library", "the market", "the beach",
    "the forest", "the office", "the station", "the farm", "the museum",
)  # fmt: skip
SPOTS = (
    "under a tree", "behind the door", "in a basket", "near the river", "on a shelf", "under the bed",
    "next to the wall", "on the roof",
)  # fmt: skip


@dataclass(frozen=True)
class Templates:
    """Surface forms of one meaning. The held-out ones never reach the training text."""

    train: tuple[str, ...]
    heldout: tuple[str, ...]

    def __post_init__(self) -> None:
        if set(self.train) & set(self.heldout):
            raise ValueError(f"template in both splits: {set(self.train) & set(self.heldout)}")

    def fill(self, rng: random.Random, split: Split, **slots: object) -> str:
        """Return one filled template of the split, with a capital first letter."""
        text = rng.choice(getattr(self, split)).format(**slots)
        return text[0].upper() + text[1:]


@dataclass(frozen=True)
class Ask:
    """A question with its answer and wrong answers; none of them carries the final full stop."""

    question: str
    answer: str
    wrong: tuple[str, ...]


@dataclass(frozen=True)
class Scene:
    """A passage (may be empty) and questions about it."""

    category: str
    kind: str
    passage: str
    asks: tuple[Ask, ...] = field(default=())


def some(rng: random.Random, pool: Sequence[T], count: int) -> list[T]:
    """Draw `count` different members."""
    return rng.sample(list(pool), count)


def how_many(rng: random.Random, split: Split, most: int) -> int:
    """Draw the number of things in a scene: easier ones too in training, the full number in tasks."""
    return most if split == "heldout" else rng.randint(1, most)


def others(pool: Sequence[str], answer: str) -> tuple[str, ...]:
    """Every member but the answer: the wrong choices."""
    return tuple(member for member in pool if member != answer)


def render_document(rng: random.Random, scene: Scene) -> str:
    """Write a scene as one training document with up to six of its questions."""
    asks = some(rng, scene.asks, min(len(scene.asks), rng.randint(2, 6)))
    layout = rng.choice(("Question: {q} Answer: {a}.", "Question: {q} Answer: {a}.", "{q} {a}."))
    lines = [layout.format(q=ask.question, a=ask.answer) for ask in asks]
    return " ".join(([scene.passage] if scene.passage else []) + lines)


def render_query(scene: Scene, ask: Ask) -> str:
    """Write the prompt of a task item; a choice follows after one space."""
    head = f"{scene.passage} " if scene.passage else ""
    return f"{head}Question: {ask.question} Answer:"
