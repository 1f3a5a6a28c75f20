"""Comparing and ordering: numbers, sizes, people, steps of a day, days of the week."""

from __future__ import annotations

import random

from scenes import COLORS, NAMES, THINGS, Ask, Scene, Split, Templates, how_many, others, some

LARGEST = Templates(
    (
        "Which number is the largest: {n}?", "Which is the largest of {n}?", "What is the largest number: {n}?",
        "Look at {n}. Which is the largest?", "Which number is the biggest: {n}?", "Which is the biggest of {n}?",
        "Of {n}, which is the largest?", "Find the largest number: {n}.", "Name the biggest number: {n}.",
    ),
    ("Look at {n}. Which number is the biggest?", "Of {n}, which number is the largest?", "Name the largest of {n}.", "What is the biggest of {n}?"),
)  # fmt: skip
SMALLEST = Templates(
    (
        "Which number is the smallest: {n}?", "Which is the smallest of {n}?", "What is the smallest number: {n}?",
        "Look at {n}. Which is the smallest?", "Which number is the least: {n}?", "Which is the least of {n}?",
        "Of {n}, which is the smallest?", "Find the smallest number: {n}.", "Name the least number: {n}.",
    ),
    ("Look at {n}. Which number is the least?", "Of {n}, which number is the smallest?", "Name the smallest of {n}.", "What is the least of {n}?"),
)  # fmt: skip

WEIGHT = Templates(
    (
        "the {c} {o} weighs {n} kg.", "the weight of the {c} {o} is {n} kg.", "there is a {c} {o} of {n} kg.",
        "the {c} {o} has a weight of {n} kg.", "a {c} {o} weighs {n} kg.", "for the {c} {o} the scale shows {n} kg.",
    ),
    ("the scale shows {n} kg for the {c} {o}.", "there is a {c} {o} with a weight of {n} kg.", "the weight of a {c} {o} is {n} kg."),
)  # fmt: skip
HEAVIEST = Templates(
    (
        "Which {o} is the heaviest?", "Which {o} weighs the most?", "What is the color of the heaviest {o}?",
        "Which {o} has the most weight?", "What color is the {o} that weighs the most?", "Which one is the heaviest?",
        "Can you tell me which {o} is the heaviest?",
    ),
    ("Which one weighs the most?", "Can you tell me which {o} weighs the most?", "What color is the heaviest {o}?"),
)  # fmt: skip
LIGHTEST = Templates(
    (
        "Which {o} is the lightest?", "Which {o} weighs the least?", "What is the color of the lightest {o}?",
        "Which {o} has the least weight?", "What color is the {o} that weighs the least?", "Which one is the lightest?",
        "Can you tell me which {o} is the lightest?",
    ),
    ("Which one weighs the least?", "Can you tell me which {o} weighs the least?", "What color is the lightest {o}?"),
)  # fmt: skip

# Each relation: the sentence forms in both directions, then the questions for the two ends of the chain.
MORE = {
    "tall": ("taller", "shorter", "the tallest", "the shortest"),
    "old": ("older", "younger", "the oldest", "the youngest"),
    "fast": ("faster", "slower", "the fastest", "the slowest"),
}
RELATION = Templates(
    (
        "{p} is {more} than {q}.", "{q} is {less} than {p}.", "we know that {p} is {more} than {q}.",
        "we see that {q} is {less} than {p}.", "it is true that {p} is {more} than {q}.", "{p} is {more}, and {q} is {less}.",
    ),
    ("we see that {p} is {more} than {q}.", "we know that {q} is {less} than {p}.", "it is true that {q} is {less} than {p}."),
)  # fmt: skip
WHO_END = Templates(
    (
        "Who is {end}?", "Who is {end} of all?", "Which person is {end}?", "Can you tell me who is {end}?",
        "Of all of them, who is {end}?", "Which child is {end}?", "Do you know who is {end}?", "Of the three, who is {end}?",
    ),
    ("Which person is {end} of all?", "Of the three, which child is {end}?", "Can you tell me who is {end} of all?"),
)  # fmt: skip

DEEDS = (
    "washed the dishes", "read a book", "fed the cat", "made the bed", "wrote a letter", "baked bread", "cleaned the room",
    "played the drum", "drew a picture", "watered the plants", "called a friend", "cooked soup",
)  # fmt: skip
FIRST = Templates(
    ("first {p} {e}.", "at first {p} {e}.", "{p} {e} first.", "in the morning {p} {e}.", "to begin, {p} {e}.", "{p} began and {e}."),
    ("first of all {p} {e}.", "first, in the morning, {p} {e}.", "to begin the day, {p} {e}."),
)  # fmt: skip
THEN = Templates(
    ("then {p} {e}.", "after that {p} {e}.", "next {p} {e}.", "later {p} {e}.", "soon after, {p} {e}.", "and then {p} {e}."),
    ("soon after that {p} {e}.", "next, after that, {p} {e}.", "a little later {p} {e}."),
)  # fmt: skip
LAST = Templates(
    ("at last {p} {e}.", "in the end {p} {e}.", "last of all {p} {e}.", "in the evening {p} {e}.", "{p} {e} last.", "to end the day, {p} {e}."),
    ("at last, in the evening, {p} {e}.", "at the very end {p} {e}.", "and last of all {p} {e}."),
)  # fmt: skip
WHAT_STEP = {
    "first": Templates(
        ("What did {p} do first?", "What was the first thing {p} did?", "How did {p} begin?", "At first, what did {p} do?", "What came first?", "Which thing did {p} do first?"),
        ("How did {p} begin the day?", "Can you tell me what {p} did first?", "Which was the first thing {p} did?"),
    ),
    "last": Templates(
        ("What did {p} do last?", "What was the last thing {p} did?", "How did {p} end the day?", "In the end, what did {p} do?", "What came last?", "Which thing did {p} do last?"),
        ("At last, what did {p} do?", "Can you tell me what {p} did last?", "Which was the last thing {p} did?"),
    ),
    "second": Templates(
        ("What did {p} do second?", "What was the second thing {p} did?", "What did {p} do in between?", "What came second?", "Which thing did {p} do second?"),
        ("Can you tell me what {p} did second?", "Which was the second thing {p} did?"),
    ),
}  # fmt: skip

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
NEXT = Templates(
    (
        "What comes after {d}?", "What is right after {d}?", "Which {u} comes after {d}?", "Which {u} follows {d}?", "If it is {d}, what {u} is next?",
        "After {d} comes which {u}?", "What follows {d}?", "What is the next {u} after {d}?", "Name the {u} after {d}.",
    ),
    ("Which {u} is right after {d}?", "What {u} follows {d}?", "Can you name the {u} after {d}?", "If it is {d}, which {u} comes after it?"),
)  # fmt: skip
BEFORE = Templates(
    (
        "What comes before {d}?", "What is right before {d}?", "Which {u} comes before {d}?", "If it is {d}, what {u} was before it?",
        "Before {d} comes which {u}?", "What is the last {u} before {d}?", "Name the {u} before {d}.", "{d} follows which {u}?",
    ),
    ("Which {u} is right before {d}?", "What {u} comes before {d}?", "Can you name the {u} before {d}?", "If it is {d}, which {u} comes before it?"),
)  # fmt: skip


def numbers(rng: random.Random, split: Split) -> Scene:
    """Find the largest or smallest of three or four numbers below one hundred."""
    asks = []
    for _ in range(4):
        values = some(rng, range(1, 100), rng.randint(3, 4))
        text = f"{', '.join(map(str, values[:-1]))} or {values[-1]}"
        form, best = rng.choice(((LARGEST, max(values)), (SMALLEST, min(values))))
        asks.append(
            Ask(form.fill(rng, split, n=text), str(best), others([str(v) for v in values], str(best)))
        )
    return Scene("ordering", "numbers", "", tuple(asks))


def weights(rng: random.Random, split: Split) -> Scene:
    """Things of the same sort, told apart by colour, with a weight each."""
    count = how_many(rng, split, 3)
    thing, colors, values = rng.choice(THINGS), some(rng, COLORS, count), some(rng, range(1, 60), count)
    passage = " ".join(
        WEIGHT.fill(rng, split, c=c, o=thing, n=n) for c, n in zip(colors, values, strict=True)
    )
    heavy, light = colors[values.index(max(values))], colors[values.index(min(values))]
    choices = [f"the {c} one" for c in colors]
    asks = [
        Ask(form.fill(rng, split, o=thing), f"the {c} one", others(choices, f"the {c} one"))
        for form, c in ((HEAVIEST, heavy), (LIGHTEST, light), (HEAVIEST, heavy), (LIGHTEST, light))
    ]
    return Scene("ordering", "weights", passage, tuple(asks))


def chain(rng: random.Random, split: Split) -> Scene:
    """Two comparisons that order three people; the sentences come in any order."""
    (a, b, c), (more, less, top, bottom) = some(rng, NAMES, 3), MORE[rng.choice(sorted(MORE))]
    pairs = some(rng, [(a, b), (b, c)], 2)
    passage = " ".join(RELATION.fill(rng, split, p=p, q=q, more=more, less=less) for p, q in pairs)
    people = some(rng, (a, b, c), 3)
    asks = [
        Ask(WHO_END.fill(rng, split, end=end), who, others(people, who))
        for end, who in ((top, a), (bottom, c))
    ]
    return Scene("ordering", "chain", passage, tuple(asks))


def steps(rng: random.Random, split: Split) -> Scene:
    """Three things done one after the other."""
    person, deeds = rng.choice(NAMES), some(rng, DEEDS, 3)
    passage = " ".join(
        f.fill(rng, split, p=person, e=e) for f, e in zip((FIRST, THEN, LAST), deeds, strict=True)
    )
    named = [f"{person} {deed}" for deed in deeds]
    asks = [
        Ask(WHAT_STEP[which].fill(rng, split, p=person), right, others(named, right))
        for which, right in zip(("first", "second", "last"), named, strict=True)
    ]
    return Scene("ordering", "steps", passage, tuple(asks))


def calendar(rng: random.Random, split: Split) -> Scene:
    """Neighbouring days and months."""
    asks = []
    for _ in range(4):
        unit, cycle = rng.choice((("day", DAYS), ("month", MONTHS)))
        at, (form, shift) = rng.randrange(len(cycle)), rng.choice(((NEXT, 1), (BEFORE, -1)))
        right = cycle[(at + shift) % len(cycle)]
        # The neighbour on the other side is always among the wrong answers.
        wrong = {cycle[(at - shift) % len(cycle)], cycle[(at + 2 * shift) % len(cycle)]}
        asks.append(Ask(form.fill(rng, split, d=cycle[at], u=unit), right, tuple(sorted(wrong))))
    return Scene("ordering", "calendar", "", tuple(asks))


MAKERS = (numbers, weights, chain, steps, calendar)
