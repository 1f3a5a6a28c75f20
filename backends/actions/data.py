"""``edgewright data``: what is in a file of one's own, what a model gets of it, and what it can decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backends.actions.artifacts import ORIGINAL_RUNNERS, original_artifact
from backends.actions.engines import opener
from backends.domain.artifact import Configuration, LoadOptions
from backends.domain.errors import FrameworkUnavailable, JobFailed
from backends.domain.events import Log
from backends.domain.model import ModelKind, ModelProfile, SourceModel
from backends.domain.preprocessing import Preprocessing
from backends.frameworks.base import JobContext
from backends.quality.planning import SamplePlan, plan
from backends.quality.preview import CountTokens, DataPreview, preview

TOKENIZER_CONTEXT = 64  # of the engine that is opened for its tokenizer alone


@dataclass(frozen=True)
class Looked:
    """``plan`` is ``None`` where there are no labels: fidelity has no accuracy gate."""

    preview: DataPreview
    plan: SamplePlan | None


def look(
    path: Path,
    job: JobContext,
    source: SourceModel | None = None,
    preprocessing: Preprocessing | None = None,
    threshold: float | None = None,
    count_tokens: bool = False,
) -> Looked:
    """Look at ``path``, for a model where one is named.

    ``count_tokens``: open the model for its tokenizer, which takes as long as loading it. Raises BadInput
    where the data cannot be used at all.
    """
    language = source is not None and source.profile.kind is ModelKind.LANGUAGE
    opens = source is not None and any(form in source.forms for form in ORIGINAL_RUNNERS)
    counter = _tokenizer(source, job) if source and language and opens and count_tokens else None
    profile = source.profile if source is not None and not language else None
    known = preprocessing or (source.preprocessing if source else None)
    found = _previewed(path, profile, known, counter, job)
    items = found.items if found.labelled else 0
    planned = plan(items) if threshold is None else plan(items, threshold)
    return Looked(found, planned if items else None)


def _previewed(
    path: Path,
    profile: ModelProfile | None,
    known: Preprocessing | None,
    counter: CountTokens | None,
    job: JobContext,
) -> DataPreview:
    """Tokens are counted where the model opens; that it does not is no fault of the data."""
    try:
        return preview(path, profile, known, counter)
    except (FrameworkUnavailable, JobFailed) as error:
        if counter is None:
            raise
        job.emit(Log(f"Tokens are not counted: {error}"))
        return preview(path, profile, known)


def _tokenizer(source: SourceModel, job: JobContext) -> CountTokens:
    def count(texts: Sequence[str]) -> list[int]:
        load = LoadOptions(context=TOKENIZER_CONTEXT)
        engine = opener(job)(Configuration(original_artifact(source), load))
        try:
            return [len(ids) for ids in engine.tokenize(list(texts))]
        finally:
            engine.close()

    return count
