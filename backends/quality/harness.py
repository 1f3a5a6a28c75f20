"""One harness for every engine: prepare the material once, judge the original, then every candidate.

Language models answer the task questions and predict the evaluation text, from the same token ids; tensor
models get the same input tensors. What there is no data for is ``None``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backends.domain.metric import ChoiceItem
from backends.domain.result import LanguageFidelity, OutputFidelity, QualityScore
from backends.frameworks.base import EngineHandle, JobContext
from backends.quality import vision
from backends.quality.answers import Answers, fidelity, score
from backends.quality.kept import kept_reference
from backends.quality.perplexity import (
    WINDOW_TOKENS,
    WINDOWS,
    Windows,
    cut_windows,
    perplexity,
    score_windows,
)
from backends.quality.reference import Reference, compare, write_reference
from backends.quality.tasks import encode, read_questions, run_tasks, spread
from backends.quality.texts import read_text

# A character is hardly ever more than one token, a token hardly ever more than eight characters.
_CHARACTERS_PER_TOKEN = 8


@dataclass(frozen=True)
class Quality:
    """Everything learned of one configuration's quality, and the answers it follows from."""

    score: QualityScore | None
    fidelity: LanguageFidelity | None = None
    output_fidelity: OutputFidelity | None = None
    answers: Answers | None = None


@dataclass(frozen=True)
class LanguageMaterial:
    """The token ids that every engine gets."""

    items: tuple[ChoiceItem, ...] = ()
    windows: Windows | None = None


@dataclass(frozen=True)
class LanguageBaseline:
    """What the original made of the material."""

    answers: Answers | None
    reference: Reference | None


def language_material(
    handle: EngineHandle,
    tasks: Path | None = None,
    text: Path | None = None,
    limit: int | None = None,
    window_tokens: int = WINDOW_TOKENS,
) -> LanguageMaterial:
    """Read and tokenize, with any engine of the model. ``limit``: at most so many task questions.

    ``window_tokens``: no more than the context every engine is opened with. Raises BadInput.
    """
    bos_id = handle.engine.bos_id
    items: tuple[ChoiceItem, ...] = ()
    if tasks is not None:
        items = encode(spread(read_questions(tasks), limit), handle, bos_id)
    windows = None
    if text is not None:
        content = read_text(text)[: WINDOWS * window_tokens * _CHARACTERS_PER_TOKEN]
        windows = cut_windows(handle.tokenize([content])[0], length=window_tokens, bos_id=bos_id)
    return LanguageMaterial(items, windows)


def judge_language_original(
    handle: EngineHandle, material: LanguageMaterial, reference: Path, job: JobContext, reuse: bool = False
) -> tuple[Quality, LanguageBaseline]:
    """Measure the original and keep what candidates are held against, at ``reference`` (.npz).

    ``reuse``: what is there already counts, where it is whole and of the same ids.
    """
    make = kept_reference if reuse else write_reference
    answers = run_tasks(handle, material.items, job) if material.items else None
    kept = make(handle, material.windows, reference, job) if material.windows else None
    figures = None
    if kept is not None:
        figures = LanguageFidelity(kept.windows.tokens, perplexity(kept.log_probabilities()))
    quality = Quality(score(answers, None) if answers else None, figures, answers=answers)
    return quality, LanguageBaseline(answers, kept)


def judge_language(
    handle: EngineHandle, material: LanguageMaterial, baseline: LanguageBaseline | None, job: JobContext
) -> Quality:
    """Measure a candidate; against the original where there is a baseline."""
    answers = run_tasks(handle, material.items, job) if material.items else None
    figures = _language_fidelity(handle, material, baseline, job)
    if answers is not None:
        result = score(answers, baseline.answers if baseline else None)
    else:
        result = _agreement(figures)
    return Quality(result, figures, answers=answers)


def _language_fidelity(
    handle: EngineHandle, material: LanguageMaterial, baseline: LanguageBaseline | None, job: JobContext
) -> LanguageFidelity | None:
    if baseline is not None and baseline.reference is not None:
        return compare(handle, baseline.reference, job).fidelity()
    if material.windows is None:
        return None
    alone = score_windows(handle, material.windows, job)
    return LanguageFidelity(material.windows.tokens, perplexity(alone))


def _agreement(figures: LanguageFidelity | None) -> QualityScore | None:
    """Without labels: how often candidate and original would say the same next token."""
    if figures is None or figures.top1_agreement is None:
        return None
    agreeing = round(figures.top1_agreement.estimate * figures.tokens)
    return fidelity(agreeing, figures.tokens, figures.top1_agreement)


@dataclass(frozen=True)
class TensorBaseline:
    """What the original made of the input tensors."""

    outputs: tuple[Path, ...]
    answers: Answers | None  # None: no classifier


def judge_tensor_original(
    handle: EngineHandle, material: vision.TensorMaterial, folder: Path, job: JobContext
) -> tuple[Quality, TensorBaseline]:
    """Measure the original; its outputs stay in ``folder``."""
    outputs = vision.run(handle, material, folder, job)
    answers = vision.answers(outputs, material.labels)
    return Quality(score(answers, None) if answers else None, answers=answers), TensorBaseline(
        outputs, answers
    )


def judge_tensor(
    handle: EngineHandle,
    material: vision.TensorMaterial,
    baseline: TensorBaseline | None,
    folder: Path,
    job: JobContext,
) -> Quality:
    """Measure a candidate: accuracy or agreement of a classifier, else fidelity of the outputs."""
    outputs = vision.run(handle, material, folder, job)
    answers = vision.answers(outputs, material.labels)
    if answers is not None:
        return Quality(score(answers, baseline.answers if baseline else None), answers=answers)
    return Quality(None, output_fidelity=_output_fidelity(outputs, baseline))


def _output_fidelity(outputs: Sequence[Path], baseline: TensorBaseline | None) -> OutputFidelity | None:
    return vision.output_fidelity(outputs, baseline.outputs) if baseline else None
