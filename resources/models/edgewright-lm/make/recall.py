"""Exercises in looking things up in the text: the skill behind every question about a passage.

A model this small does not find that skill by itself within a few million tokens of stories; with these dense
exercises it does. They are never part of the tasks.
"""

from __future__ import annotations

import random

from scenes import COLORS, NAMES, PLACES, THINGS, Scene, Split, Templates, some

WORDS = (*NAMES, *THINGS, *COLORS)
ECHO = Templates(
    ("{p} said: {w}. {q} said the same: {w}.", "say it twice: {w}. {w}.", "first {w}. Again: {w}.", "{p} wrote {w}, and {q} read {w}."), ()
)  # fmt: skip
LINK = (
    "{p} has the {o}.", "{p} is in {l}.", "the {o} is {c}.", "the {o} is in {l}.", "{p} likes the {c} {o}.", "{o} {n}.", "{p}: {o}.",
    "{p}: {n}.", "{p} went to {l}.", "{c} {o}: {n}.", "the {c} {o} weighs {n} kg.", "{p} has {n} coins.",
)  # fmt: skip


def echo(rng: random.Random, split: Split) -> Scene:
    """A row of words, said twice."""
    words = [rng.choice((*WORDS, *map(str, range(1, 60)))) for _ in range(rng.randint(4, 12))]
    p, q = some(rng, NAMES, 2)
    return Scene("recall", "echo", ECHO.fill(rng, "train", p=p, q=q, w=rng.choice((" ", ", ")).join(words)))


def links(rng: random.Random, split: Split) -> Scene:
    """A few facts of one form, then the same facts in another order."""
    count, form = rng.randint(1, 5), rng.choice(LINK)
    people, things, colors, places = (some(rng, pool, count) for pool in (NAMES, THINGS, COLORS, PLACES))
    numbers = some(rng, range(1, 100), count)
    facts = [
        form.format(p=p, o=o, c=c, l=place, n=n)
        for p, o, c, place, n in zip(people, things, colors, places, numbers, strict=True)
    ]
    facts = [fact[0].upper() + fact[1:] for fact in facts]
    again = [fact for _ in range(rng.randint(1, 2)) for fact in some(rng, facts, count)]
    return Scene("recall", "links", " ".join(facts + again))


MAKERS = (echo, links)
