"""Small stories: where people are, who owns what, who helped whom, how they feel."""

from __future__ import annotations

import random

from scenes import COLORS, NAMES, PLACES, SPOTS, THINGS, Ask, Scene, Split, Templates, how_many, others, some

MOVE = Templates(
    (
        "{p} went to {l}.", "{p} walked to {l}.", "{p} ran to {l}.", "then {p} moved to {l}.",
        "after that {p} went to {l}.", "{p} came to {l}.", "next, {p} walked over to {l}.",
        "later {p} ran over to {l}.", "then {p} went off to {l}.", "{p} took the bus to {l}.",
    ),
    ("after that {p} ran over to {l}.", "then {p} walked to {l}.", "next, {p} moved to {l}.", "later {p} came to {l}."),
)  # fmt: skip
WHERE = Templates(
    (
        "Where is {p}?", "Where is {p} now?", "In which place is {p}?", "Where can we find {p}?",
        "Where did {p} end up?", "What place is {p} in?", "Can you tell me where {p} is?", "Which place is {p} in now?",
        "Where would you look for {p}?", "At the end, where is {p}?", "Do you know where {p} is now?",
        "Now, where can you find {p}?",
    ),
    (
        "In which place can we find {p} now?", "Can you tell me where {p} is now?",
        "At the end, where would you look for {p}?", "Which place did {p} end up in?",
    ),
)  # fmt: skip
HAS = Templates(
    (
        "{p} has a {c} {o}.", "{p} owns a {c} {o}.", "{p} got a {c} {o}.", "there is a {c} {o} that {p} has.",
        "{p} bought a {c} {o}.", "the {c} {o} belongs to {p}.", "{p} is holding a {c} {o}.", "{p} carries a {c} {o}.", "a {c} {o} is held by {p}.",
        "a {c} {o} belongs to {p}.", "in the bag of {p} there is a {c} {o}.",
    ),
    ("there is a {c} {o} that {p} owns.", "{p} is carrying a {c} {o}.", "{p} now has a {c} {o}.", "the {c} {o} is held by {p}."),
)  # fmt: skip
WHO_HAS = Templates(
    (
        "Who has the {o}?", "Who owns the {o}?", "Whose {o} is it?", "Who is the owner of the {o}?",
        "Which person has the {o}?", "Who got the {o}?", "To whom does the {o} belong?", "Can you tell me who has the {o}?",
        "Which child owns the {o}?", "The {o} belongs to whom?", "Who is carrying the {o}?", "Who is holding the {o}?",
    ),
    ("Which person owns the {o}?", "Can you tell me who owns the {o}?", "Which child has the {o}?", "Do you know who has the {o}?"),
)  # fmt: skip
WHAT_HAS = Templates(
    (
        "What does {p} have?", "What does {p} own?", "Which thing belongs to {p}?", "What is {p} holding?",
        "Which thing does {p} have?", "What is in the hands of {p}?", "What did {p} get?", "Can you tell me what {p} has?",
        "What belongs to {p}?",
    ),
    ("Which thing does {p} own?", "Can you tell me what {p} owns?", "Which thing is {p} holding?"),
)  # fmt: skip
WHAT_COLOR = Templates(
    (
        "What color is the {o}?", "Which color does the {o} have?", "What is the color of the {o}?",
        "Can you tell me the color of the {o}?", "The {o} has which color?", "Of what color is the {o}?",
        "How would you name the color of the {o}?", "What color does the {o} have?", "Do you know the color of the {o}?",
    ),
    ("Which color is the {o}?", "Can you name the color of the {o}?", "Do you know what color the {o} has?"),
)  # fmt: skip
GIVE = Templates(
    (
        "{p} gave the {o} to {q}.", "{p} handed the {o} to {q}.", "then {p} passed the {o} to {q}.",
        "{q} got the {o} from {p}.", "{q} took the {o} from {p}.", "after that {p} gave {q} the {o}.",
        "{p} let {q} have the {o}.", "{p} sold the {o} to {q}.", "later {p} handed {q} the {o}.",
    ),
    ("after that {p} handed the {o} to {q}.", "then {q} got the {o} from {p}.", "later {p} passed the {o} to {q}.", "then {p} gave {q} the {o}."),
)  # fmt: skip
WHO_NOW = Templates(
    (
        "Who has the {o} now?", "Who has the {o} at the end?", "Who owns the {o} now?", "Who holds the {o} now?",
        "At the end, who has the {o}?", "Which person has the {o} now?", "Now, who is the owner of the {o}?",
        "Who ended up with the {o}?", "Can you tell me who has the {o} now?", "By whom is the {o} held now?",
    ),
    ("Which person ended up with the {o}?", "At the end, who owns the {o}?", "Can you tell me who holds the {o} now?"),
)  # fmt: skip

FEELINGS: dict[str, tuple[str, ...]] = {
    "sad": ("lost a toy", "broke the cup", "could not find the dog", "had to say goodbye to a friend"),
    "happy": ("got a gift", "won the game", "found the lost cat", "met an old friend"),
    "scared": (
        "heard a loud noise at night",
        "saw a big snake",
        "was alone in the dark",
        "heard the thunder",
    ),
    "tired": ("worked all day", "ran a long race", "did not sleep at night", "climbed a high hill"),
    "hungry": ("had no lunch", "did not eat all day", "smelled the fresh bread", "missed breakfast"),
    "angry": (
        "was pushed by a boy",
        "saw that someone took the bike",
        "waited for hours for nothing",
        "heard a lie",
    ),
}
EVENT = Templates(
    (
        "{p} {e}.", "today {p} {e}.", "yesterday {p} {e}.", "this morning {p} {e}.", "it was a day when {p} {e}.",
        "at school {p} {e}.", "on the way home {p} {e}.", "we all know that {p} {e}.",
    ),
    ("on the way to school {p} {e}.", "this was a day when {p} {e}.", "we know that yesterday {p} {e}."),
)  # fmt: skip
HOW_FEEL = Templates(
    (
        "How does {p} feel?", "How did {p} feel?", "What does {p} feel now?", "How is {p} feeling?",
        "Which word tells how {p} feels?", "How would {p} feel?", "After this, how did {p} feel?", "{p} felt how?",
        "What was the feeling of {p}?", "Can you tell me how {p} feels?", "So, {p} must be what?",
    ),
    ("After this, how does {p} feel?", "Can you tell me how {p} feels now?", "Which word tells how {p} felt?"),
)  # fmt: skip

OPEN = Templates(
    (
        "one day {p} went to {l} with a {c} {o}.", "on a sunny day {p} took a {c} {o} to {l}.",
        "{p} liked to play in {l} with a {c} {o}.", "once {p} came to {l} and had a {c} {o}.",
        "there was a child named {p} who took a {c} {o} to {l}.", "one morning {p} walked to {l} with a {c} {o}.",
        "{p} had a {c} {o} and played with it in {l}.",
    ),
    ("one sunny morning {p} took a {c} {o} to {l}.", "once {p} walked to {l} with a {c} {o}.", "there was a day when {p} went to {l} with a {c} {o}."),
)  # fmt: skip
LOSS = Templates(
    (
        "but the wind came and the {o} was gone.", "then {p} could not find the {o}.", "but soon the {o} was lost.",
        "{p} played too long and lost the {o}.", "then {p} saw that the {o} was gone.", "but a dog took the {o} and ran away.",
        "{p} fell asleep, and then the {o} was lost.",
    ),
    ("but soon {p} could not find the {o}.", "then the wind came and the {o} was lost.", "{p} played too long, and the {o} was gone."),
)  # fmt: skip
HELPER = Templates(
    (
        "{q} came and wanted to help, but {r} was busy.", "{q} helped {p}, and {r} went home.",
        "{r} did not see it, but {q} helped to look for it.", "{q} said, I will help you. {r} said nothing.",
        "{r} had no time. {q} was kind and helped.", "so {q} came to help {p}. {r} stayed at home.",
        "{p} asked {r}, who had no time, and then {q}, who helped.",
    ),
    ("{q} came to help {p}, but {r} had no time.", "{r} was busy, but {q} was kind and helped.", "{r} stayed at home, so {q} helped to look for it."),
)  # fmt: skip
FOUND = Templates(
    (
        "they looked {g} first, but it was {h}.", "it was not {g}. they found it {h}.",
        "first they looked {g}. in the end the {o} was {h}.", "{p} looked {g} and found nothing. then {q} saw it {h}.",
        "the {o} was not {g}, it was {h}.", "they looked {g} for an hour, but they found the {o} {h}.",
    ),
    ("they looked {g} and found nothing, but the {o} was {h}.", "first {p} looked {g}. then they found it {h}.", "it was not {g}. in the end {q} saw the {o} {h}."),
)  # fmt: skip
CLOSE = Templates(
    (
        "{p} was happy and said thank you to {q}.", "they laughed and went home.", "now {p} and {q} are good friends.",
        "{p} gave {q} a big smile.", "and so the day had a good end.", "{p} was glad to have a friend like {q}.",
    ),
    ("now {p} was happy, and they went home.", "{p} said thank you, and so the day had a good end."),
)  # fmt: skip
WHO_HELPED = Templates(
    (
        "Who helped {p}?", "Who was kind to {p}?", "Who came to help?", "Who helped to look for the {o}?",
        "Which person helped {p}?", "Can you tell me who helped {p}?", "Who gave help to {p}?", "By whom was {p} helped?",
    ),
    ("Which person was kind to {p}?", "Can you tell me who came to help?", "Which person helped to look for the {o}?"),
)  # fmt: skip
WHO_NOT = Templates(
    (
        "Who did not help?", "Who did not help {p}?", "Who gave no help?", "Which person did not help {p}?",
        "Which child gave no help to {p}?", "Can you tell me who did not help?",
    ),
    ("Which person gave no help?", "Can you tell me who gave no help to {p}?"),
)  # fmt: skip
WHERE_FOUND = Templates(
    (
        "Where was the {o}?", "Where did they find the {o}?", "Where was the {o} in the end?", "In which spot was the {o}?",
        "Where was the lost {o}?", "Can you tell me where the {o} was?", "Where was it found?",
    ),
    ("Where did they find the lost {o}?", "Can you tell me where they found it?", "In which spot was the {o} found?"),
)  # fmt: skip
WHAT_LOST = Templates(
    ("What was lost?", "What did {p} lose?", "Which thing was gone?", "Which thing did {p} lose?", "What was {p} looking for?", "What could {p} not find?"),
    ("Which thing could {p} not find?", "Can you tell me what {p} lost?", "Which thing was lost?"),
)  # fmt: skip
WHERE_PLAYED = Templates(
    ("Where did {p} go?", "Where was {p}?", "Which place did {p} go to?", "In which place was {p}?", "Where did {p} take the {o}?", "Where does the story take place?"),
    ("Which place did {p} take the {o} to?", "In which place does the story take place?"),
)  # fmt: skip


def movement(rng: random.Random, split: Split) -> Scene:
    """People move between places; the last move of each counts."""
    people, places = some(rng, NAMES, how_many(rng, split, 3)), some(rng, PLACES, 4)
    steps = list(zip(people, places, strict=False))
    steps += [(rng.choice(people), places[3])]
    where = dict(steps)
    lines = [MOVE.fill(rng, split, p=p, l=place) for p, place in steps]
    asks = [
        Ask(WHERE.fill(rng, split, p=p), where[p], others([place for _, place in steps], where[p]))
        for p in people
    ]
    return Scene("story", "movement", " ".join(lines), tuple(asks))


def belongings(rng: random.Random, split: Split) -> Scene:
    """Each of three people owns one coloured thing."""
    count = how_many(rng, split, 3)
    people, things, colors = (some(rng, pool, count) for pool in (NAMES, THINGS, COLORS))
    rows = list(zip(people, things, colors, strict=True))
    passage = " ".join(HAS.fill(rng, split, p=p, o=o, c=c) for p, o, c in rows)
    asks: list[Ask] = []
    for p, o, c in rows:
        asks += [
            Ask(WHO_HAS.fill(rng, split, o=o), p, others(people, p)),
            Ask(WHAT_HAS.fill(rng, split, p=p), f"the {o}", tuple(f"the {x}" for x in others(things, o))),
            Ask(WHAT_COLOR.fill(rng, split, o=o), c, others(colors, c)),
        ]
    return Scene("story", "belongings", passage, tuple(asks))


def handover(rng: random.Random, split: Split) -> Scene:
    """Two things, one of which changes hands once or twice."""
    people, things, colors = some(rng, NAMES, 3), some(rng, THINGS, 2), some(rng, COLORS, 2)
    owner = dict(zip(things, people, strict=False))
    lines = [HAS.fill(rng, split, p=owner[o], o=o, c=c) for o, c in zip(things, colors, strict=True)]
    for _ in range(rng.randint(1, 2)):
        thing = rng.choice(things)
        taker = rng.choice(others(people, owner[thing]))
        lines.append(GIVE.fill(rng, split, p=owner[thing], q=taker, o=thing))
        owner[thing] = taker
    asks = [Ask(WHO_NOW.fill(rng, split, o=o), owner[o], others(people, owner[o])) for o in things]
    return Scene("story", "handover", " ".join(lines), tuple(asks))


def feelings(rng: random.Random, split: Split) -> Scene:
    """An event and the feeling that follows."""
    person, (mood, *wrong) = rng.choice(NAMES), some(rng, sorted(FEELINGS), 4)
    passage = EVENT.fill(rng, split, p=person, e=rng.choice(FEELINGS[mood]))
    return Scene(
        "story", "feelings", passage, (Ask(HOW_FEEL.fill(rng, split, p=person), mood, tuple(wrong)),)
    )


def lost_and_found(rng: random.Random, split: Split) -> Scene:
    """The longest story: something is lost, someone helps, it is found."""
    (p, q, r), (o, o2, o3), places = some(rng, NAMES, 3), some(rng, THINGS, 3), some(rng, PLACES, 3)
    c, (g, h, h2) = rng.choice(COLORS), some(rng, SPOTS, 3)
    slots = {"p": p, "q": q, "r": r, "o": o, "c": c, "l": places[0], "g": g, "h": h}
    parts = [OPEN, LOSS, HELPER, FOUND, CLOSE]
    passage = " ".join(part.fill(rng, split, **slots) for part in parts)
    passage = ". ".join(s[:1].upper() + s[1:] for s in passage.split(". "))
    asks = (
        Ask(WHO_HELPED.fill(rng, split, **slots), q, (p, r)),
        Ask(WHO_NOT.fill(rng, split, **slots), r, (p, q)),
        Ask(WHERE_FOUND.fill(rng, split, **slots), h, (g, h2)),
        Ask(WHAT_LOST.fill(rng, split, **slots), f"the {o}", (f"the {o2}", f"the {o3}")),
        Ask(WHERE_PLAYED.fill(rng, split, **slots), places[0], tuple(places[1:])),
        Ask(WHAT_COLOR.fill(rng, split, **slots), c, tuple(some(rng, others(COLORS, c), 2))),
    )
    return Scene("story", "lost_and_found", passage, asks)


MAKERS = (movement, belongings, handover, feelings, lost_and_found)
