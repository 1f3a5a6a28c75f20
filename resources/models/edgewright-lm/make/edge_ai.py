"""What this product is about: quantization, chips, memory, speed; as facts and as small comparisons."""

from __future__ import annotations

import random

from scenes import Ask, Scene, Split, Templates, how_many, others, some

# Group -> concept -> what it is. Wrong answers come from the same group first.
CONCEPTS: dict[str, dict[str, str]] = {
    "method": {
        "quantization": "storing weights with fewer bits",
        "pruning": "removing weights that matter little",
        "distillation": "teaching a small model with a large model",
        "calibration": "choosing scales with sample inputs",
        "fine-tuning": "training a ready model on new data",
        "batching": "running many inputs together",
        "caching": "keeping results for later use",
        "compilation": "turning a model into code for one chip",
        "tokenization": "cutting text into small pieces",
        "benchmarking": "measuring speed and memory with care",
    },
    "chip": {
        "the CPU": "a general chip that can run any program",
        "the GPU": "a chip with thousands of small cores",
        "the NPU": "a chip made for neural networks",
        "the DSP": "a chip made for sound and signals",
        "the RAM": "fast memory that forgets without power",
        "the flash": "slow memory that keeps data without power",
        "the cache": "tiny memory very close to the cores",
        "the bus": "the path between memory and chip",
    },
    "measure": {
        "latency": "the time until the answer comes",
        "throughput": "the number of answers per second",
        "accuracy": "the share of right answers",
        "perplexity": "how much a text surprises the model",
        "power": "the energy used per second",
        "bandwidth": "the data moved per second",
        "model size": "the space that the weights need",
        "warm-up": "the first runs that do not count",
    },
    "part": {
        "a weight": "a number learned in training",
        "a token": "a small piece of text",
        "a layer": "one step of the network",
        "a scale": "the factor between integers and real values",
        "a zero point": "the integer that stands for zero",
        "an outlier": "a value far from all others",
        "the KV cache": "the stored keys and values of past tokens",
        "a kernel": "a small fast program for one operation",
        "the prompt": "the text given to the model",
        "a label": "the right answer of an example",
    },
    "stage": {
        "prefill": "reading the whole prompt at once",
        "decoding": "writing one token after another",
        "training": "learning weights from data",
        "inference": "using a model after training",
        "export": "writing the model to a file",
        "loading": "bringing the weights into memory",
        "validation": "checking the model on unseen data",
    },
}
WHAT_IS = Templates(
    (
        "What is {c}?", "What does {c} mean?", "How would you explain {c}?", "In edge AI, what is {c}?", "What do we call {c}?",
        "Can you tell me what {c} is?", "Which words explain {c}?", "What is meant by {c}?", "Explain {c} in few words.",
        "For small devices, what does {c} mean?", "Do you know what {c} is?", "In a few words, what is {c}?",
    ),
    ("In edge AI, what does {c} mean?", "Can you explain {c} in few words?", "Do you know what is meant by {c}?", "In a few words, how would you explain {c}?"),
)  # fmt: skip
WHICH_IS = Templates(
    (
        "What is the name for {d}?", "Which word means {d}?", "What do we call {d}?", "Name the word for {d}.",
        "In edge AI, what is the word for {d}?", "What is {d} called?", "Which name stands for {d}?", "What stands for {d}?",
        "Can you name this: {d}?", "This is {d}. What is it?", "Do you know the word for {d}?",
    ),
    ("Which word stands for {d}?", "In edge AI, what do we call {d}?", "Can you tell me the name for {d}?", "Do you know which word means {d}?"),
)  # fmt: skip
STATE = Templates(
    (
        "{c} is {d}.", "{c} means {d}.", "by {c} we mean {d}.", "we call {d} {c}.", "in edge AI, {c} is {d}.", "the word for {d} is {c}.",
        "remember: {c} is {d}.", "in few words, {c} is {d}.", "if you see {d}, it is {c}.",
    ),
    (),
)  # fmt: skip

# Cause -> effect; wrong answers are the effects of the other causes.
EFFECTS = {
    "the weights have fewer bits": "the file gets smaller",
    "the bits are too few": "the answers get worse",
    "the chip gets too hot": "it slows down to cool",
    "the model is larger than the memory": "it does not fit on the device",
    "the context gets longer": "the KV cache grows",
    "the battery is low": "the device saves power",
    "the calibration data is bad": "the scales are wrong",
    "two tests run at once": "the timing can not be trusted",
    "the memory bandwidth is low": "decoding is slow",
    "the prompt is long": "prefill takes more time",
    "an operation is not known to the NPU": "it runs on the CPU",
    "the model runs on the device": "the data stays private",
    "the network is down": "a local model still works",
    "the training data is too small": "the model learns it by heart",
}
EFFECT_ASK = Templates(
    (
        "What happens if {c}?", "What happens when {c}?", "If {c}, what follows?", "What is the effect if {c}?", "When {c}, what will we see?",
        "What follows when {c}?", "What should we expect if {c}?", "If {c}, what happens then?", "Suppose {c}. What follows?",
    ),
    ("Suppose {c}. What happens then?", "What is the effect when {c}?", "What will we see if {c}?", "When {c}, what should we expect?"),
)  # fmt: skip
EFFECT_STATE = Templates(
    ("if {c}, {e}.", "when {c}, {e}.", "{e} if {c}.", "{e} when {c}.", "suppose {c}: then {e}.", "we expect that {e} if {c}."), ()
)  # fmt: skip

BITS = {"FP32": 32, "FP16": 16, "INT8": 8, "INT4": 4, "INT2": 2}
BITS_ASK = Templates(
    (
        "How many bits does {f} use?", "How many bits are in {f}?", "How many bits has a weight in {f}?", "What is the number of bits in {f}?",
        "A weight in {f} takes how many bits?", "How many bits does a weight take in {f}?",
    ),
    ("How many bits does a weight use in {f}?", "A weight in {f} has how many bits?", "In {f}, how many bits does a weight take?"),
)  # fmt: skip
SMALLER_ASK = Templates(
    (
        "Which is smaller, {f} or {g}?", "Which needs less memory, {f} or {g}?", "Which format has fewer bits, {f} or {g}?",
        "What takes less space: {f} or {g}?", "Which of {f} and {g} is smaller?", "Which file is smaller, {f} or {g}?",
    ),
    ("Which of {f} and {g} needs less memory?", "What has fewer bits: {f} or {g}?", "Which format takes less space, {f} or {g}?"),
)  # fmt: skip
SIZE_ASK = Templates(
    (
        "A model has {n} million weights in {f}. How many MB does it take?", "How many MB do {n} million weights take in {f}?",
        "What is the size in MB of {n} million weights in {f}?", "{n} million weights in {f} take how many MB?",
        "In {f}, how many MB do {n} million weights need?", "How large in MB is a {f} model with {n} million weights?",
        "A {f} model with {n} million weights has how many MB?",
    ),
    (
        "How many MB does a {f} model with {n} million weights take?", "What is the size in MB of a {f} model with {n} million weights?",
        "In {f}, {n} million weights take how many MB?",
    ),
)  # fmt: skip

MODELS = ("Robin", "Falcon", "Otter", "Panda", "Tiger", "Koala", "Eagle", "Zebra")
# What is measured: sentence forms, then the question words for the lowest and for the highest value.
METRICS: dict[str, tuple[Templates, tuple[str, ...], tuple[str, ...]]] = {
    "latency": (
        Templates(
            ("{m} answers in {n} ms.", "the latency of {m} is {n} ms.", "{m} takes {n} ms.", "{m} has a latency of {n} ms.", "we measured {n} ms for {m}."),
            ("we measured a latency of {n} ms for {m}.", "it takes {m} {n} ms."),
        ),
        ("is the fastest", "has the lowest latency"),
        ("is the slowest", "has the highest latency"),
    ),
    "memory": (
        Templates(
            ("{m} needs {n} MB.", "{m} takes {n} MB of memory.", "the size of {m} is {n} MB.", "{m} has a size of {n} MB.", "in memory {m} needs {n} MB."),
            ("in memory {m} takes {n} MB.", "{m} needs {n} MB of memory."),
        ),
        ("needs the least memory", "is the smallest"),
        ("needs the most memory", "is the largest"),
    ),
    "speed": (
        Templates(
            ("{m} writes {n} tokens per second.", "the speed of {m} is {n} tokens per second.", "{m} makes {n} tokens per second.", "for {m} we measured {n} tokens per second."),
            ("the speed we measured for {m} is {n} tokens per second.", "per second {m} writes {n} tokens."),
        ),
        ("is the slowest", "writes the fewest tokens"),
        ("is the fastest", "writes the most tokens"),
    ),
    "accuracy": (
        Templates(
            ("{m} is right in {n} of 100 cases.", "the accuracy of {m} is {n} percent.", "{m} has {n} percent right answers.", "{m} reaches {n} percent accuracy."),
            ("{m} reaches an accuracy of {n} percent.", "in {n} of 100 cases {m} is right."),
        ),
        ("has the lowest accuracy", "is the worst"),
        ("has the highest accuracy", "is the best"),
    ),
}  # fmt: skip
WHICH_MODEL = Templates(
    (
        "Which model {x}?", "Which one {x}?", "Which of them {x}?", "Can you tell me which model {x}?", "Of all models, which one {x}?",
        "Name the model that {x}.", "Which of the three {x}?", "We want the model that {x}. Which is it?",
    ),
    ("Of all models, which model {x}?", "Can you name the model that {x}?", "Which of the three models {x}?"),
)  # fmt: skip

DEVICE = Templates(
    (
        "the device has {a} MB of memory.", "there are {a} MB of memory on the device.", "a small board has {a} MB.", "the phone has {a} MB free.",
        "on the board {a} MB are free.", "the device has {a} MB free.",
    ),
    ("on the device {a} MB are free.", "the phone has {a} MB of memory.", "there are {a} MB free on the board."),
)  # fmt: skip
NEED = Templates(
    (
        "the model needs {b} MB.", "the model takes {b} MB.", "to run the model we need {b} MB.", "the model has a size of {b} MB.",
        "we want to load a model of {b} MB.", "the size of the model is {b} MB.",
    ),
    ("to load the model we need {b} MB.", "we want to run a model of {b} MB.", "the model takes {b} MB of memory."),
)  # fmt: skip
FITS = Templates(
    (
        "Does it fit?", "Does the model fit?", "Can the device run it?", "Is there enough memory?", "Can we load the model?", "Will the model fit?",
        "Is the memory large enough?", "Does the model fit on the device?", "Can the model run there?",
    ),
    ("Is there enough memory for the model?", "Will it fit on the device?", "Can the device load the model?"),
)  # fmt: skip
YES_NO = ("yes, it fits", "no, it is too large")


def definitions(rng: random.Random, split: Split) -> Scene:
    """Ask for concepts by their meaning and for meanings by their concept."""
    asks = []
    for _ in range(4):
        group = CONCEPTS[rng.choice(sorted(CONCEPTS))]
        concept, meaning = rng.choice(sorted(group.items()))
        forward = Ask(
            WHAT_IS.fill(rng, split, c=concept),
            meaning,
            tuple(some(rng, others(tuple(group.values()), meaning), 3)),
        )
        back = Ask(
            WHICH_IS.fill(rng, split, d=meaning), concept, tuple(some(rng, others(tuple(group), concept), 3))
        )
        asks.append(rng.choice((forward, back)))
    return Scene("edge_ai", "definitions", "", tuple(asks))


def statements(rng: random.Random, split: Split) -> Scene:
    """Facts as running text; trains the knowledge, never a task."""
    lines = []
    for _ in range(rng.randint(4, 8)):
        group = CONCEPTS[rng.choice(sorted(CONCEPTS))]
        concept, meaning = rng.choice(sorted(group.items()))
        cause, effect = rng.choice(sorted(EFFECTS.items()))
        known = STATE.fill(rng, "train", c=concept, d=meaning)
        lines.append(known if rng.random() < 0.7 else EFFECT_STATE.fill(rng, "train", c=cause, e=effect))
    return Scene("edge_ai", "statements", " ".join(lines))


def effects(rng: random.Random, split: Split) -> Scene:
    """What follows from what."""
    asks = []
    for cause, effect in some(rng, sorted(EFFECTS.items()), 4):
        wrong = tuple(some(rng, others(tuple(EFFECTS.values()), effect), 3))
        asks.append(Ask(EFFECT_ASK.fill(rng, split, c=cause), effect, wrong))
    return Scene("edge_ai", "effects", "", tuple(asks))


def formats(rng: random.Random, split: Split) -> Scene:
    """Number formats: bits, order of size, megabytes of a model."""
    asks = []
    for _ in range(4):
        f, g = some(rng, sorted(BITS), 2)
        kind = rng.choice(("bits", "smaller", "size", "size"))
        if kind == "bits":
            wrong = tuple(some(rng, [str(b) for b in BITS.values() if b != BITS[f]], 3))
            asks.append(Ask(BITS_ASK.fill(rng, split, f=f), str(BITS[f]), wrong))
        elif kind == "smaller":
            small, large = sorted((f, g), key=BITS.__getitem__)
            asks.append(Ask(SMALLER_ASK.fill(rng, split, f=f, g=g), small, (large,)))
        else:
            asks.append(_size(rng, split, f))
    return Scene("edge_ai", "formats", "", tuple(asks))


def _size(rng: random.Random, split: Split, name: str) -> Ask:
    count = rng.choice((4, 8, 12, 16, 20))
    sizes = {other: count * bits // 8 for other, bits in BITS.items()}
    wrong = tuple(some(rng, [str(size) for other, size in sizes.items() if other != name], 3))
    return Ask(SIZE_ASK.fill(rng, split, n=count, f=name), str(sizes[name]), wrong)


def contest(rng: random.Random, split: Split) -> Scene:
    """Three measured models; find the best or the worst."""
    count = how_many(rng, split, 3)
    names, values = some(rng, MODELS, count), some(rng, range(2, 100), count)
    sentence, low, high = METRICS[rng.choice(sorted(METRICS))]
    passage = " ".join(sentence.fill(rng, split, m=m, n=n) for m, n in zip(names, values, strict=True))
    asks = []
    for words, value in ((low, min(values)), (high, max(values))) * 2:
        right = names[values.index(value)]
        asks.append(Ask(WHICH_MODEL.fill(rng, split, x=rng.choice(words)), right, others(names, right)))
    return Scene("edge_ai", "contest", passage, tuple(asks))


def fitting(rng: random.Random, split: Split) -> Scene:
    """Does a model fit into the memory?"""
    have, need = some(rng, range(2, 100), 2)
    right, wrong = YES_NO if need <= have else reversed(YES_NO)
    passage = f"{DEVICE.fill(rng, split, a=have)} {NEED.fill(rng, split, b=need)}"
    return Scene("edge_ai", "fitting", passage, (Ask(FITS.fill(rng, split), right, (wrong,)),))


MAKERS = (definitions, statements, effects, formats, contest, fitting)
