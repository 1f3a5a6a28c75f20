"""The plan of a benchmark: what is fixed before the first reading is taken."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from backends.domain.artifact import Configuration
from backends.domain.errors import BadInput
from backends.domain.metric import TensorWorkload, TokenWorkload, Workload

LOOKS = (6, 12, 24)


@dataclass(frozen=True)
class Protocol:
    """The rules of measuring. Tests fake the engine and the clock, never these."""

    prompt_tokens: int = 512
    new_tokens: int = 128
    looks: tuple[int, ...] = LOOKS  # pairs; an interval is looked at, and may end the run, only here
    restarts: int = 1  # fresh processes over which the pairs of each look are spread
    idle_s: float = 1.0  # before each arm
    arm_s: float = 2.0  # at least this long, or 64 tokens
    token_arm_s: float = 0.5  # a generation that takes less is repeated: a scheduler's hiccup lasts as long
    warm_up_s: float = 0.5  # of one warm-up reading at most
    warm_up_limit: int = 10
    steady_readings: int = 3
    steady_spread: float = 0.05
    deaths_allowed: int = 3  # worker processes lost before a configuration is given up
    confidence: float = 0.983
    resamples: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.looks or self.looks not in (LOOKS[:1], LOOKS[:2], LOOKS):
            raise BadInput(f"A benchmark looks at {LOOKS} pairs, or stops earlier, not at {self.looks}.")
        if not 1 <= self.restarts <= 3:
            raise BadInput(f"A benchmark restarts its processes 1 to 3 times, not {self.restarts}.")
        if self.new_tokens < 64 and self.arm_s < 2:
            raise BadInput("One reading takes at least 64 new tokens or 2 s.")

    @property
    def most_pairs(self) -> int:
        return self.looks[-1]


STANDARD = Protocol()
#: One look at six pairs from one process each. An inconclusive run can be carried on with STANDARD: the
#: first six pairs of both are the same.
QUICK = Protocol(looks=LOOKS[:1])
#: Three fresh processes at every look: for certificates, where luck in memory layout must not decide.
THOROUGH = Protocol(restarts=3)


@dataclass(frozen=True)
class Plan:
    """Candidates, each paired against the same original on the same work."""

    original: Configuration
    candidates: tuple[Configuration, ...]
    workload: Workload
    protocol: Protocol = STANDARD
    thresholds: tuple[float, ...] = (1.0,)  # a candidate is decided when each is, for every rate
    lack: str = ""  # says why both models do not fit in memory; every arm then opens its worker anew
    memory: bool = True  # measure memory, in runs of their own
    start_up: bool = False  # measure loading and first tokens, in runs of their own
    text: str = ""  # of about as many tokens as the workload's prompt
    chat: str = ""  # the original's chat template, for all: what was converted may have lost it

    @property
    def resident(self) -> bool:
        """Both workers of a pair stay open from arm to arm."""
        return not self.lack

    @property
    def labels(self) -> tuple[str, ...]:
        """Of the original and the candidates, in this order."""
        return unique_labels((self.original, *self.candidates))


@dataclass(frozen=True)
class PairSlot:
    index: int
    candidate_first: bool


@dataclass(frozen=True)
class Block:
    """Two pairs in mirrored order, ABBA or BAAB: a steady drift cancels out between them."""

    index: int
    restart: int  # generation of processes, counted over the whole candidate
    candidate_first: bool

    @property
    def slots(self) -> tuple[PairSlot, PairSlot]:
        first = self.candidate_first
        return PairSlot(2 * self.index, first), PairSlot(2 * self.index + 1, not first)


def blocks_until_look(protocol: Protocol, candidate: int) -> Iterator[tuple[int, tuple[Block, ...]]]:
    """(look, the blocks that lead to it) for the candidate of this number.

    A block's order depends on seed, candidate and its own number only, so a longer run, or one that was
    interrupted, goes on with the same sequence. Each look's blocks are spread evenly over the restarts.
    """
    start = 0
    for number, look in enumerate(protocol.looks):
        indices = range(start, look // 2)
        yield (
            look,
            tuple(
                Block(
                    index,
                    _generation(protocol, number, position, len(indices)),
                    _coin(f"{protocol.seed}/{candidate}/{index}"),
                )
                for position, index in enumerate(indices)
            ),
        )
        start = look // 2


def _generation(protocol: Protocol, look_number: int, position: int, blocks: int) -> int:
    if protocol.restarts == 1:
        return 0
    return look_number * protocol.restarts + position * protocol.restarts // blocks


def _coin(seed: str) -> bool:
    """Text seeds are hashed the same way by every Python version on every machine."""
    return random.Random(seed).random() < 0.5


def token_workload(protocol: Protocol, token_ids: Sequence[int], context: int | None = None) -> TokenWorkload:
    """The protocol's prompt length from ``token_ids``, repeated where too short.

    Where prompt and new tokens exceed ``context`` the prompt gives way: decode needs its number of gaps.

    Raises BadInput for no ids, or a context that leaves no room for a prompt.
    """
    length = protocol.prompt_tokens
    if context is not None:
        length = min(length, context - protocol.new_tokens)
    if length < 1:
        raise BadInput(f"A context of {context} tokens leaves no room beside {protocol.new_tokens} new ones.")
    if not token_ids:
        raise BadInput("The text to measure with has no tokens.", "Choose another text.")
    ids = tuple(token_ids)
    prompt = (ids * (length // len(ids) + 1))[:length]
    return TokenWorkload(prompt, protocol.new_tokens, min_duration_s=protocol.token_arm_s)


def filling(work: Workload, context: int) -> Workload:
    """Once, and for tokens with a prompt that leaves no room in the context: what memory is measured with."""
    if not isinstance(work, TokenWorkload):
        return work
    length = max(len(work.token_ids), context - work.new_tokens)
    prompt = (work.token_ids * (length // len(work.token_ids) + 1))[:length]
    return replace(work, token_ids=prompt, min_duration_s=0.0)


def tensor_workload(protocol: Protocol, inputs: Path) -> TensorWorkload:
    """One arm on the arrays in ``inputs`` (.npz, first axis the batch)."""
    return TensorWorkload(inputs, min_duration_s=protocol.arm_s)


def warm_up_workload(protocol: Protocol, work: Workload) -> Workload:
    """One warm-up reading: cut short, but never below a whole generation."""
    return replace(work, min_duration_s=min(work.min_duration_s, protocol.warm_up_s))


def unique_labels(configurations: Sequence[Configuration]) -> tuple[str, ...]:
    """The configurations' own labels, with device, threads or a number where two would be the same."""
    plain = [c.label for c in configurations]
    spelled = [
        f"{label} ({_how_opened(c)})" if plain.count(label) > 1 else label
        for label, c in zip(plain, configurations, strict=True)
    ]
    return tuple(
        label if spelled.count(label) == 1 else f"{label} #{spelled[: number + 1].count(label)}"
        for number, label in enumerate(spelled)
    )


def _how_opened(configuration: Configuration) -> str:
    load = configuration.load
    parts = [load.device, f"{load.threads} threads" if load.threads else ""]
    parts += [f"{name}={value}" for name, value in load.options.items()]
    return ", ".join(part for part in parts if part)
