"""The columns of the table of quality, and what they mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from backends.domain.metric import Interval
from backends.domain.result import ConfigurationResult
from backends.reporting import words
from backends.reporting.words import MISSING, Figure


@dataclass(frozen=True)
class Column:
    title: str
    cell: Callable[[ConfigurationResult], Figure]
    to_original: bool = True  # a figure that compares with the original


def _accuracy(one: ConfigurationResult) -> Figure:
    score = one.quality
    return words.percent(score.accuracy) if score and score.kind == "accuracy" else MISSING


def _flipped(one: ConfigurationResult) -> Figure:
    flipped = one.quality.flipped if one.quality else None
    return MISSING if flipped is None else Figure(f"{flipped * 100:.1f}\u00a0%")


def _same_rightness(one: ConfigurationResult) -> Figure:
    p = one.quality.mcnemar_p if one.quality else None
    return MISSING if p is None else Figure(words.number(p, 2), "McNemar, exact")


def _tail(one: ConfigurationResult) -> Figure:
    p99 = one.fidelity.kl_p99 if one.fidelity else None
    return MISSING if p99 is None else Figure(words.number(p99, 2))


def _right_for_one(one: ConfigurationResult) -> Figure:
    flipped = one.fidelity.flipped if one.fidelity else None
    return MISSING if flipped is None else Figure(f"{flipped * 100:.1f}\u00a0%")


def _agreement(one: ConfigurationResult) -> Figure:
    score = one.quality
    return words.percent(score.accuracy) if score and score.kind == "fidelity" else MISSING


def _fidelity(
    name: str, show: Callable[[Interval | None], Figure]
) -> Callable[[ConfigurationResult], Figure]:
    def cell(one: ConfigurationResult) -> Figure:
        return show(getattr(one.fidelity, name)) if one.fidelity else MISSING

    return cell


def _cosine(one: ConfigurationResult) -> Figure:
    found = one.output_fidelity
    if found is None:
        return MISSING
    return Figure(f"{found.cosine.estimate:.5f}", f"{found.cosine_min:.5f} at least")


ANSWERS = (
    Column("Accuracy", _accuracy, to_original=False),
    Column("Answers changed", _flipped),
    Column("Equally often right, p", _same_rightness),
    Column("Same answer", _agreement),
    Column("Cosine of outputs", _cosine),
)
TEXT = (
    Column("Perplexity", _fidelity("perplexity", words.rate), to_original=False),
    Column("Perplexity ratio", _fidelity("perplexity_ratio", words.ratio)),
    Column("KL divergence, nats", _fidelity("kl_mean", words.small)),
    Column("KL p99", _tail),
    Column("Same next token", _fidelity("top1_agreement", words.percent)),
    Column("Right for only one", _right_for_one),
)


def known(columns: Sequence[Column], results: Sequence[ConfigurationResult]) -> list[Column]:
    """Those that any configuration has a figure for."""
    return [column for column in columns if any(column.cell(one).measured for one in results)]


def about_answers(results: Sequence[ConfigurationResult]) -> str:
    sentences = []
    if any(one.configuration.artifact.shape_only for one in results):
        sentences.append("The weights are random (shape only): only speed and memory count.")
    chance = next((one.quality.chance for one in results if one.quality and one.quality.chance), None)
    if chance is not None:
        sentences.append(f"Guessing alone would be right in {chance * 100:.0f} % of the items.")
    if any(one.quality and one.quality.mcnemar_p is not None for one in results):
        sentences.append(
            "p: how likely so uneven a change of right and wrong answers were if both models were right "
            "equally often (McNemar's exact test)."
        )
    return " ".join(sentences)


def about_text(results: Sequence[ConfigurationResult]) -> str:
    tokens = next((one.fidelity.tokens for one in results if one.fidelity), 0)
    return (
        f"{tokens:,} tokens of text, the same ids through every engine. They need no labels, so they are "
        "fidelity to the original, not accuracy. KL p99 is the divergence that one position in a hundred "
        "exceeds; right for only one: positions whose real next token only one of the two predicts."
    )
