"""Write the training text, the task set, the evaluation text and the calibration text.

    python generate.py --work WORK

WORK/train.txt is large and is not kept; tasks.jsonl, eval.txt and calibration.txt go beside this folder.
Everything follows from SEED.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import arithmetic
import edge_ai
import ordering
import recall
import stories
from scenes import Ask, Scene, Split, render_document, render_query

SEED = 20261121
MODEL_DIR = Path(__file__).resolve().parent.parent
MAX_PER_LINE = 4
TASKS_PER_CATEGORY = 300
EVAL_BYTES, CALIBRATION_BYTES = 120_000, 60_000

Maker = Callable[[random.Random, Split], Scene]
Weights = dict[str, int]
MAKERS: dict[str, Maker] = {
    maker.__name__: maker
    for room in (stories, arithmetic, ordering, edge_ai, recall)
    for maker in room.MAKERS
}
# Lines and kinds of each stage: looking things up first, then facts and tables, then everything.
STAGES: tuple[tuple[int, Weights], ...] = (
    (3_000, {
        "links": 75, "echo": 25, "movement": 3, "belongings": 3, "handover": 3, "lost_and_found": 4, "feelings": 1, "bare": 3,
        "drill": 3, "purse": 2, "numbers": 3, "weights": 2, "chain": 2, "steps": 2, "calendar": 1, "definitions": 3,
        "statements": 2, "effects": 1, "formats": 2, "contest": 2, "fitting": 1,
    }),
    (27_000, {
        "links": 3, "echo": 1, "movement": 5, "belongings": 5, "handover": 6, "lost_and_found": 10, "feelings": 4, "bare": 12,
        "drill": 7, "purse": 5, "numbers": 9, "weights": 4, "chain": 3, "steps": 5, "calendar": 5, "definitions": 5,
        "statements": 2, "effects": 2, "formats": 4, "contest": 5, "fitting": 2,
    }),
    (30_000, {
        "links": 3, "movement": 8, "belongings": 10, "handover": 10, "lost_and_found": 5, "feelings": 3, "bare": 7,
        "drill": 2, "purse": 11, "numbers": 6, "weights": 8, "chain": 2, "steps": 8, "calendar": 4, "definitions": 3,
        "effects": 2, "formats": 3, "contest": 7, "fitting": 4,
    }),
)  # fmt: skip
TASK_KINDS: tuple[Weights, ...] = (
    {"lost_and_found": 4, "feelings": 1, "handover": 2},
    {"bare": 1, "purse": 1},
    {"numbers": 3, "calendar": 1, "steps": 3},
    {"definitions": 3, "effects": 1, "formats": 2},
)


def draw(rng: random.Random, kinds: Weights) -> Maker:
    """Draw a kind of scene by weight."""
    return MAKERS[rng.choices(list(kinds), list(kinds.values()))[0]]


def text_lines(rng: random.Random, kinds: Weights) -> Iterator[str]:
    """Yield lines of text without end; a line holds a few unrelated scenes."""
    while True:
        count = rng.randint(1, MAX_PER_LINE)
        yield " ".join(render_document(rng, draw(rng, kinds)(rng, "train")) for _ in range(count))


def task_item(rng: random.Random, scene: Scene, ask: Ask) -> dict[str, object]:
    """Turn one question into an item with shuffled choices; `gold` is the index of the right one."""
    choices = [f"{choice}." for choice in (ask.answer, *ask.wrong)]
    rng.shuffle(choices)
    return {
        "query": render_query(scene, ask), "choices": choices, "gold": choices.index(f"{ask.answer}."),
        "category": scene.category, "kind": scene.kind,
    }  # fmt: skip


def make_tasks(rng: random.Random) -> list[dict[str, object]]:
    """Build the task set from held-out templates: the same number of different items in every category."""
    items: list[dict[str, object]] = []
    for kinds in TASK_KINDS:
        seen: set[str] = set()
        while len(seen) < TASKS_PER_CATEGORY:
            scene = draw(rng, kinds)(rng, "heldout")
            item = task_item(rng, scene, rng.choice(scene.asks))
            if str(item["query"]) not in seen:
                seen.add(str(item["query"]))
                items.append(item)
    rng.shuffle(items)
    return items


def text_of(rng: random.Random, size: int, unwanted: frozenset[str] = frozenset()) -> str:
    """Join lines up to `size` bytes (the text is ASCII), leaving out the unwanted ones."""
    parts: list[str] = []
    total = 0
    for line in text_lines(rng, STAGES[-1][1]):
        if line not in unwanted:
            parts.append(line)
            total += len(line) + 1
        if total >= size:
            break
    return "\n".join(parts) + "\n"


def check_unseen(items: list[dict[str, object]], corpus: str) -> None:
    """Raise ValueError if the question of a task occurs word for word in the training text."""
    for item in items:
        question = str(item["query"]).split("Question: ")[1].removesuffix(" Answer:")
        if question in corpus:
            raise ValueError(f"task question in the training text: {question}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)

    rng = random.Random(SEED)
    corpus = [line for count, kinds in STAGES for line in itertools.islice(text_lines(rng, kinds), count)]
    text = "\n".join(corpus) + "\n"
    (options.work / "train.txt").write_text(text, encoding="ascii")
    known = frozenset(corpus)

    items = make_tasks(random.Random(SEED + 4))
    check_unseen(items, text)
    lines = "".join(json.dumps(item) + "\n" for item in items)
    (MODEL_DIR / "tasks.jsonl").write_text(lines, encoding="ascii")
    (MODEL_DIR / "eval.txt").write_text(text_of(random.Random(SEED + 2), EVAL_BYTES, known), encoding="ascii")
    (MODEL_DIR / "calibration.txt").write_text(
        text_of(random.Random(SEED + 3), CALIBRATION_BYTES), encoding="ascii"
    )
    print(f"{len(corpus)} lines, {len(items)} tasks", Counter(str(item["kind"]) for item in items))


if __name__ == "__main__":
    main()
