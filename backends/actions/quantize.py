"""Make an artifact: one framework, one precision, in a child process, read back and moved into place."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from backends.actions.artifacts import ORIGINAL_RUNNERS, original_artifact, save_artifact, size_of
from backends.actions.assess import assess, inspect
from backends.actions.calibration import calibrated
from backends.actions.convert import form_of
from backends.actions.engines import environments
from backends.actions.roads import road_to
from backends.actions.sameness import Unanswered, figures, follow, reference_framework
from backends.domain.artifact import Artifact, Option, Sameness
from backends.domain.errors import BadInput, FrameworkUnavailable
from backends.domain.events import Log, Started
from backends.domain.model import ModelFormat, ModelKind, SourceModel, TensorContents
from backends.frameworks import registry
from backends.frameworks.base import JobContext, Manifest, OptimizeRequest, PrecisionSpec
from backends.jobs.launcher import run_job
from backends.jobs.spec import OPTIMIZE, JobSpec
from backends.sources.mark import marked
from backends.storage.files import folder_in_the_making

UNQUANTIZED = "original"  # the family of precisions that are asked for without a wish for less


def quantize(
    source: SourceModel,
    framework: str,
    precision: str,
    out: Path,
    job: JobContext,
    options: Mapping[str, Option] | None = None,
) -> Artifact:
    """Quantize ``source`` into the new folder ``out``, and look how closely the outcome follows it.

    Raises BadInput for what cannot be asked for, FrameworkUnavailable where the framework is missing, and
    JobFailed where it did not manage. In all cases nothing half-made is left behind.
    """
    manifest = registry.manifest(framework)
    spec = known_precision(manifest, precision, source)
    manifest.settings(options or {}, source.profile.kind, spec.name)  # refused before anything is converted
    form = usable_form(manifest, source)
    if form is None:
        road_to(
            source, manifest.forms_of(source.profile.kind)
        )  # says what is missing before anything else is looked at
    job.emit(Started(f"{manifest.title} {spec.name} of {source.name}"))
    known = environments()
    missing = known.missing(manifest)
    if missing is not None:
        raise FrameworkUnavailable(f"{manifest.title} is {missing.reason}.", missing.remedy)
    # Samples serve twice: to calibrate with, and to look how closely a tensor model follows its original.
    needed = manifest.calibrates(options or {}, spec) or source.profile.kind is not ModelKind.LANGUAGE
    with folder_in_the_making(out) as folder, calibrated(source, needed, job) as data:
        given = _given(source, form, manifest, job)
        began = time.monotonic()
        request = OptimizeRequest(
            source=given.path,
            source_format=given.format,
            kind=source.profile.kind,
            precision=spec.name,
            output=folder,
            name=source.name,
            calibration=data.calibration,
            options=options or {},
        )
        made = run_job(JobSpec(OPTIMIZE, request, manifest.name), job, known.runtime(manifest))
        if source.profile.shape_only:
            made = marked(made)
        artifact = _read_back(made, spec, manifest, time.monotonic() - began, job)
        artifact = replace(
            artifact,
            sameness=given.sameness,
            preprocessing=data.preprocessing,
        )
        if not artifact.shape_only:  # random weights follow nothing
            artifact = _followed(artifact, data, job)
        save_artifact(folder, artifact)
        inside = artifact.path.relative_to(folder)
    return replace(artifact, path=out / inside)


def known_precision(manifest: Manifest, name: str, source: SourceModel) -> PrecisionSpec:
    """Raises BadInput with the names that would do."""
    kind = source.profile.kind
    spec = manifest.precision(name)
    if spec is not None and kind in spec.kinds:
        return spec
    names = ", ".join(p.name for p in manifest.precisions if kind in p.kinds)
    if not names:
        raise BadInput(f"{manifest.title} takes no {kind.value} models.", "Choose another framework.")
    raise BadInput(
        f"{manifest.title} has no precision “{name}” for a {kind.value} model.", f"Choose one of: {names}."
    )


def usable_form(manifest: Manifest, source: SourceModel) -> ModelFormat | None:
    """The first form of the model that the framework takes, in its own order; ``None``: convert it first."""
    return next((form for form in manifest.forms_of(source.profile.kind) if form in source.forms), None)


@dataclass(frozen=True)
class _Given:
    """What the framework is handed, and how its conversions went where there were any."""

    path: Path
    format: ModelFormat
    sameness: tuple[Sameness, ...] = ()


def _given(source: SourceModel, form: ModelFormat | None, manifest: Manifest, job: JobContext) -> _Given:
    """A form that is there, or the one that the shortest road leads to."""
    if form is not None:
        return _Given(source.forms[form], form)
    converted = form_of(source, manifest.forms_of(source.profile.kind), job)
    return _Given(converted.path, converted.format, converted.sameness)


def _followed(made: Artifact, source: SourceModel, job: JobContext) -> Artifact:
    """``made`` with the figures against the source beside those of its conversions, where that runs here."""
    original = _as_it_runs(source, job)
    missing = environments().missing(reference_framework()) if original is None else None
    if missing is not None:
        why = f"{registry.manifest(missing.framework).title} is {missing.reason}"
        job.emit(Log(f"Nobody looked how closely it follows the original: {why}. {missing.remedy}"))
        return made
    samples = source.calibration if source.profile.kind is not ModelKind.LANGUAGE else None
    warnings = made.warnings
    try:
        found = follow(source.profile, original, made, job, samples)
    except Unanswered as unanswered:  # hours of work are not thrown away for that
        unknown = f"How closely it follows the original is not known. {unanswered.message}"
        return replace(made, warnings=(*warnings, unknown))
    job.emit(Log(figures(found)))
    if not found.holds:
        warnings = (*warnings, f"It no longer does what the original does. {figures(found)}")
    return replace(made, sameness=(*made.sameness, found), warnings=warnings)


def _as_it_runs(source: SourceModel, job: JobContext) -> Artifact | None:
    """``None`` for a Hugging Face folder, which transformers runs."""
    if any(form in source.forms for form in ORIGINAL_RUNNERS):
        return original_artifact(source, lambda path: assess(path, job))
    return None


def _read_back(
    made: Artifact, spec: PrecisionSpec, manifest: Manifest, took_s: float, job: JobContext
) -> Artifact:
    """What is really in the file, and a word where it is no smaller than what it was made from."""
    really = inspect(made.path, made.format, job)
    size = size_of(made.path)
    warnings = made.warnings
    before = size_of(made.source)
    if size >= before and spec.family != UNQUANTIZED:
        sizes = f"{size:,} against {before:,} bytes"
        reason = _why_no_smaller(really.contents, size)
        warnings = (*warnings, f"It is not smaller than the original ({sizes}): {reason}.")
    return replace(
        made,
        framework_title=manifest.title,
        contents=really.contents,
        size_bytes=size,
        took_s=took_s,
        warnings=warnings,
        hashes=really.hashes,
    )


def _why_no_smaller(contents: TensorContents, size_bytes: int) -> str:
    beside = size_bytes - contents.weight_bytes
    if beside > contents.weight_bytes:
        return f"{beside:,} bytes of it are no weights but the graph, its scales and what belongs to it"
    return f"its weights have {contents.bits_per_weight:.1f} bits each, as the tensor types in the file show"
