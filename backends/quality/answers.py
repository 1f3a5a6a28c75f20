"""What a model answered, item by item, and the score that follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backends.domain.metric import Interval
from backends.domain.result import QualityScore
from backends.quality.statistics import mcnemar, paired_ratio, samples_needed, tally, wilson


@dataclass(frozen=True)
class Answers:
    """Index of the chosen answer of each item; kept, because every later figure follows from it."""

    chosen: tuple[int, ...]
    gold: tuple[int, ...] | None  # None: there are no labels, only agreement with the original can be told
    chance: float | None = None  # share right by guessing
    normalised: tuple[int, ...] | None = None  # chosen by log-probability per token instead of the sum

    def right(self) -> tuple[bool, ...]:
        """Raises ValueError where there are no labels."""
        if self.gold is None:
            raise ValueError("answers without labels are neither right nor wrong")
        return tuple(answer == gold for answer, gold in zip(self.chosen, self.gold, strict=True))


def flips(candidate: Answers, original: Answers) -> int:
    """Number of items answered otherwise than by the original, rightly or wrongly (Dutta et al. 2024)."""
    return sum(a != b for a, b in zip(candidate.chosen, original.chosen, strict=True))


def score(candidate: Answers, original: Answers | None) -> QualityScore | None:
    """Accuracy where there are labels; else "fidelity", the agreement with the original; else nothing."""
    if candidate.gold is not None:
        return _accuracy(candidate, original)
    if original is None:
        return None
    agreeing = len(candidate.chosen) - flips(candidate, original)
    return fidelity(agreeing, len(candidate.chosen), wilson(agreeing, len(candidate.chosen)))


def fidelity(agreeing: int, items: int, agreement: Interval) -> QualityScore:
    """A score that says how often candidate and original agree, and never calls itself accuracy."""
    return QualityScore(agreeing, items, agreement, flipped=1 - agreeing / items, kind="fidelity")


def _accuracy(candidate: Answers, original: Answers | None) -> QualityScore:
    right = candidate.right()
    items, correct = len(right), sum(right)
    normalised = None
    if candidate.normalised is not None:
        by_token = Answers(candidate.normalised, candidate.gold).right()
        normalised = wilson(sum(by_token), items)
    alone = QualityScore(
        correct, items, wilson(correct, items), chance=candidate.chance, normalised_accuracy=normalised
    )
    return alone if original is None else _against(alone, candidate, original)


def _against(alone: QualityScore, candidate: Answers, original: Answers) -> QualityScore:
    counts = tally(original.right(), candidate.right())
    return QualityScore(
        alone.correct,
        alone.items,
        alone.accuracy,
        ratio_to_original=paired_ratio(counts),
        flipped=flips(candidate, original) / alone.items,
        original_correct=int(counts.original),
        chance=alone.chance,
        normalised_accuracy=alone.normalised_accuracy,
        mcnemar_p=mcnemar(counts),
    )


def better_than_guessing(correct: int, items: int, chance: float) -> bool:
    """A ratio to an original that only guesses says nothing."""
    return wilson(correct, items).low > chance


@dataclass(frozen=True)
class SamplePlan:
    """How many items an accuracy gate takes, said before running. ``needed`` ``None``: no number would do."""

    items: int
    needed: int | None
    sentence: str

    @property
    def enough(self) -> bool:
        return self.needed is not None and self.items >= self.needed


def plan_samples(
    items: int,
    original_accuracy: float = 0.8,
    expected_ratio: float = 0.99,
    differing: float = 0.05,
    threshold: float = 0.95,
) -> SamplePlan:
    """Whether ``items`` can decide the gate, if the candidate keeps ``expected_ratio`` of the accuracy.

    ``differing``: share of items that exactly one of the two has right; the share of flipped answers is an
    upper bound of it.
    """
    needed = samples_needed(original_accuracy, original_accuracy * expected_ratio, differing, threshold)
    expectation = (
        f"an original that has {original_accuracy:.0%} right, a candidate that keeps {expected_ratio:.1%} "
        f"of that and {differing:.1%} of the items answered differently"
    )
    return SamplePlan(items, needed, _plan_sentence(items, needed, threshold, expectation))


def plan_from(score: QualityScore, threshold: float = 0.95) -> SamplePlan | None:
    """The plan with what a run has shown in place of expectations; ``None`` where there is no ratio."""
    if score.original_correct is None or score.flipped is None or score.ratio_to_original is None:
        return None
    original = score.original_correct / score.items
    return plan_samples(score.items, original, score.ratio_to_original.estimate, score.flipped, threshold)


def _plan_sentence(items: int, needed: int | None, threshold: float, expectation: str) -> str:
    gate = f"the {threshold:.0%} accuracy gate"
    if needed is None:
        return f"With {expectation}, no number of items decides {gate}: it lies on the threshold."
    verdict = "are enough" if items >= needed else 'may end "inconclusive"'
    return f"{items:,} items {verdict}: {gate} takes about {needed:,}, with {expectation}."


def best(scores: Sequence[float]) -> int:
    """Index of the highest score, the first of equals."""
    return max(range(len(scores)), key=scores.__getitem__)
