"""Small sums, in bare form and as stories."""

from __future__ import annotations

import random

from scenes import NAMES, Ask, Scene, Split, Templates, some

LARGEST_OPERAND = 10
GOODS = ("apples", "coins", "books", "stones", "cookies", "shells", "cards", "eggs", "stars", "nuts")

PLUS = Templates(
    (
        "What is {a} plus {b}?", "What is {a} + {b}?", "How much is {a} plus {b}?", "What is the sum of {a} and {b}?",
        "Add {a} and {b}. What do you get?", "{a} + {b} = ?", "{a} and {b} together make what?", "What do you get from {a} plus {b}?",
        "If you add {b} to {a}, what do you get?", "Can you add {a} and {b}?",
    ),
    ("How much is {a} + {b}?", "If you add {a} and {b}, what do you get?", "How much is the sum of {a} and {b}?", "Can you tell me what {a} plus {b} is?"),
)  # fmt: skip
MINUS = Templates(
    (
        "What is {a} minus {b}?", "What is {a} - {b}?", "How much is {a} minus {b}?", "Take {b} from {a}. What is left?",
        "{a} - {b} = ?", "What do you get from {a} minus {b}?", "If you take {b} from {a}, what is left?",
        "What is left of {a} without {b}?", "Can you take {b} from {a}?",
    ),
    ("How much is {a} - {b}?", "If you take {b} from {a}, what do you get?", "How much is left if you take {b} from {a}?", "Can you tell me what {a} minus {b} is?"),
)  # fmt: skip
TIMES = Templates(
    (
        "What is {a} times {b}?", "How much is {a} times {b}?", "What do you get from {a} times {b}?", "{a} x {b} = ?",
        "What is {a} x {b}?", "There are {a} boxes with {b} eggs each. How many eggs are there?",
        "{a} children have {b} coins each. How many coins do they have?", "Can you tell me what {a} x {b} is?",
    ),
    ("How much is {a} x {b}?", "There are {a} children with {b} nuts each. How many nuts are there?", "Can you tell me what {a} times {b} is?"),
)  # fmt: skip
FACT = {
    "+": Templates(("{a} + {b} = {r}.", "{a} plus {b} is {r}.", "{a} and {b} make {r}.", "The sum of {a} and {b} is {r}."), ()),
    "-": Templates(("{a} - {b} = {r}.", "{a} minus {b} is {r}.", "{a} without {b} is {r}.", "Take {b} from {a} and {r} is left."), ()),
    "x": Templates(("{a} x {b} = {r}.", "{a} times {b} is {r}."), ()),
}  # fmt: skip
QUESTION = {"+": PLUS, "-": MINUS, "x": TIMES}

START = Templates(
    (
        "{p} has {a} {g}.", "{p} had {a} {g}.", "there are {a} {g} in the bag of {p}.", "{p} found {a} {g}.",
        "{p} owns {a} {g}.", "at first {p} had {a} {g}.", "{p} came with {a} {g}.",
    ),
    ("at first there are {a} {g} in the bag of {p}.", "{p} came home with {a} {g}.", "{p} now has {a} {g}."),
)  # fmt: skip
GAIN = Templates(
    (
        "{p} gets {b} more.", "{q} gives {p} {b} more {g}.", "then {p} buys {b} more {g}.", "{p} finds {b} more {g}.",
        "{q} brings {b} more {g} to {p}.", "later {p} gets {b} {g} from {q}.", "then {b} more {g} are added.",
    ),
    ("then {q} brings {p} {b} more {g}.", "later {p} finds {b} more.", "then {p} gets {b} more {g} from {q}."),
)  # fmt: skip
SPEND = Templates(
    (
        "{p} gives {b} of them away.", "{p} gives {b} {g} to {q}.", "then {p} loses {b} {g}.", "{q} takes {b} of them.",
        "later {p} sells {b} of the {g}.", "{p} gives away {b} {g}.", "then {b} of the {g} are lost.",
    ),
    ("then {p} gives {b} of the {g} to {q}.", "later {p} loses {b} of them.", "then {q} takes {b} of the {g}."),
)  # fmt: skip
HOW_MANY = Templates(
    (
        "How many {g} does {p} have now?", "How many {g} does {p} have?", "How many {g} are there now?",
        "What is the number of {g} that {p} has now?", "How many {g} does {p} have at the end?",
        "Now {p} has how many {g}?", "At the end, how many {g} does {p} have?", "Can you tell me how many {g} {p} has?",
    ),
    ("At the end, {p} has how many {g}?", "Can you tell me how many {g} {p} has now?", "What is the number of {g} that {p} has at the end?"),
)  # fmt: skip


def operands(rng: random.Random) -> tuple[str, int, int, int]:
    """Draw an operator, two operands and the result."""
    op = rng.choice("++--x")
    if op == "x":
        a, b = rng.randint(2, 5), rng.randint(2, 6)
        return op, a, b, a * b
    a, b = rng.randint(1, LARGEST_OPERAND), rng.randint(1, LARGEST_OPERAND)
    if op == "-":
        a, b = max(a, b), min(a, b)
    return op, a, b, a + b if op == "+" else a - b


def near_misses(rng: random.Random, result: int) -> tuple[str, ...]:
    """Three wrong results close to the right one, so that magnitude alone does not give it away."""
    pool = sorted({result + step for step in (-3, -2, -1, 1, 2, 3) if result + step >= 0})
    return tuple(str(value) for value in some(rng, pool, 3))


def bare(rng: random.Random, split: Split) -> Scene:
    """Independent questions without a passage."""
    asks = []
    for _ in range(4):
        op, a, b, r = operands(rng)
        asks.append(Ask(QUESTION[op].fill(rng, split, a=a, b=b), str(r), near_misses(rng, r)))
    return Scene("arithmetic", "bare", "", tuple(asks))


def drill(rng: random.Random, split: Split) -> Scene:
    """Plain statements only; trains the tables, never a task."""
    lines = []
    for _ in range(rng.randint(6, 12)):
        op, a, b, r = operands(rng)
        lines.append(FACT[op].fill(rng, "train", a=a, b=b, r=r))
    return Scene("arithmetic", "drill", " ".join(lines))


def purse(rng: random.Random, split: Split) -> Scene:
    """Someone gains or loses goods; one step."""
    (p, q), goods = some(rng, NAMES, 2), rng.choice(GOODS)
    op, a, b, r = "x", 0, 0, 0
    while op == "x":
        op, a, b, r = operands(rng)
    change = GAIN if op == "+" else SPEND
    slots = {"p": p, "q": q, "g": goods, "b": b}
    passage = f"{START.fill(rng, split, p=p, g=goods, a=a)} {change.fill(rng, split, **slots)}"
    return Scene(
        "arithmetic",
        "purse",
        passage,
        (Ask(HOW_MANY.fill(rng, split, p=p, g=goods), str(r), near_misses(rng, r)),),
    )


MAKERS = (bare, drill, purse)
