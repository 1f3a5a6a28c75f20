"""Bring a model into another format: the planned road is walked, and another one where a converter refuses.

Which roads there are is in :mod:`backends.actions.roads`, how a step is done and proved in
:mod:`backends.actions.walking`.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from backends.actions.artifacts import ORIGINAL_RUNNERS, original_artifact, save_artifact
from backends.actions.assess import assess
from backends.actions.conversions import FILES
from backends.actions.roads import (
    CONVERTED_ORIGINALS,
    another_road,
    check_options,
    refuse_missing,
    road_to,
    titles,
)
from backends.actions.walking import Refused, walk
from backends.conversion.graph import Road
from backends.domain.artifact import Artifact, Option
from backends.domain.errors import BadInput, JobFailed
from backends.domain.events import Log, Started
from backends.domain.model import ModelFormat, SourceModel
from backends.frameworks.base import JobContext
from backends.storage.files import folder_in_the_making


@dataclass(frozen=True)
class Walked:
    """What was made, and the road that led there: another than the planned one where a converter refused."""

    road: Road
    artifact: Artifact


def convert(
    source: SourceModel,
    target: ModelFormat,
    out: Path,
    job: JobContext,
    wheels: Path | None = None,
    options: Mapping[str, Option] | None = None,
) -> Walked:
    """``source`` as ``target`` in the new folder ``out``, checked to be the same model.

    ``wheels``: a folder with a converter's source archive, instead of the network. ``options``: of the
    adapters that convert, such as the chip that is compiled for. Raises BadInput (NoRoad among them),
    FrameworkUnavailable, JobFailed or JobCancelled; nothing half-made is left behind.
    """
    if target in source.forms:
        raise BadInput(f"“{source.name}” is there as {target.label} already.", "There is nothing to convert.")
    with folder_in_the_making(out) as folder:
        walked = _walked(source, (target,), job, wheels, options or {})
        found = walked.artifact
        origin = found.path if found.path.is_dir() else found.path.parent
        shutil.copytree(origin, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(FILES))
        inside = found.path.relative_to(origin)
        save_artifact(folder, replace(found, path=folder / inside))
    return replace(walked, artifact=replace(found, path=out / inside))


def form_of(source: SourceModel, targets: Collection[ModelFormat], job: JobContext) -> Artifact:
    """``source`` in one of these formats, kept in the cache. Raises as :func:`convert`.

    Where a converter on the road refuses the model, the next best road without it is taken, if there is one
    that waits for no installation; else all that was said on the way is told.
    """
    return _walked(source, targets, job, None, {}).artifact


def original(source: SourceModel, job: JobContext) -> Artifact:
    """The unquantized model as a framework runs it; a Hugging Face folder is converted for that.

    Raises as :func:`convert`.
    """
    if any(form in source.forms for form in ORIGINAL_RUNNERS):
        return original_artifact(source, lambda path: assess(path, job))
    return form_of(source, CONVERTED_ORIGINALS, job)


def _walked(
    source: SourceModel,
    targets: Collection[ModelFormat],
    job: JobContext,
    wheels: Path | None,
    options: Mapping[str, Option],
) -> Walked:
    road, refusals = road_to(source, targets), dict[str, BadInput | JobFailed]()
    check_options(road, options, source.profile.kind)
    refuse_missing(road)
    while True:
        job.emit(Started(f"Converting {source.name}: {road.text}"))
        try:
            return Walked(road, walk(source, road, job, wheels, options))
        except Refused as refused:
            refusals[refused.converter.name] = refused.why
            another = another_road(source, targets, refusals, options)
            if another is None:
                raise _all_said(tuple(refusals.values())) from None
            job.emit(Log(f"{refused.why.message} Trying {another.text} with {titles(another)}."))
            road = another


def _all_said(refusals: Sequence[BadInput | JobFailed]) -> BadInput | JobFailed:
    """The first refusal, with what stood in the way of the other roads."""
    first, *others = refusals
    if not others:
        return first
    message = " ".join(dict.fromkeys(error.message for error in refusals))
    if isinstance(first, JobFailed):
        return JobFailed(message, first.remedy, first.details)
    return BadInput(message, first.remedy)
