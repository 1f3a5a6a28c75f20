"""Teach a language model from a user's lines, fuse what was learned, and hold the result against its base."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from backends.actions.artifacts import save_artifact, size_of
from backends.actions.assess import assess, inspect
from backends.actions.bench import DEPTHS
from backends.actions.compare import Comparison, compare
from backends.actions.engines import environments
from backends.actions.quantize import usable_form
from backends.codec import to_plain
from backends.domain.artifact import Artifact
from backends.domain.errors import BadInput, FrameworkUnavailable
from backends.domain.events import Started
from backends.domain.finetuning import FineTuned, FinetuneSettings
from backends.domain.model import ModelKind, SourceModel
from backends.domain.result import RunRecord
from backends.frameworks import registry, training_data
from backends.frameworks.base import FinetuneRequest, JobContext, Manifest
from backends.jobs.launcher import run_job
from backends.jobs.spec import FINETUNE, JobSpec
from backends.storage.files import folder_in_the_making, write_text
from backends.storage.history import History

CAPABILITY = "finetune"
SHOWN = 300  # characters of a line
RECORD = "finetuning.json"  # losses and settings, kept with what they made


@dataclass(frozen=True)
class Lines:
    """A file of lines as it is shown before it is learned from."""

    layout: str
    training: int
    held_out: int
    repeated: int
    first: str  # the first line, cut


def finetune(
    source: SourceModel,
    data: Path,
    out: Path,
    job: JobContext,
    settings: FinetuneSettings | None = None,
    dequantize: bool = False,
) -> FineTuned:
    """Adapters and the fused model in the new folder ``out``, which is an artifact as well.

    ``dequantize``: fuse a quantized base into an unquantized model. Raises BadInput before anything starts
    for a model, lines or settings that will not do, FrameworkUnavailable, JobFailed or JobCancelled; in all
    cases nothing half-made is left behind.
    """
    settings = settings or FinetuneSettings()
    manifest = _trainer()
    look(source, data, settings)
    missing = environments().missing(manifest)
    if missing is not None:
        raise FrameworkUnavailable(f"{manifest.title} is {missing.reason}.", missing.remedy)
    job.emit(Started(f"Fine-tuning {source.name} on {data.name}"))
    with folder_in_the_making(out) as folder:
        request = FinetuneRequest(_base(source), data.resolve(), folder, settings, dequantize, source.name)
        made = run_job(JobSpec(FINETUNE, request, manifest.name), job, environments().runtime(manifest))
        artifact = _read_back(made.artifact, manifest, job)
        save_artifact(folder, artifact)
        tuned = replace(
            made,
            artifact=replace(artifact, path=out / artifact.path.relative_to(folder)),
            adapters=out / made.adapters.relative_to(folder),
        )
        write_text(folder / RECORD, json.dumps(to_plain(tuned), indent=1) + "\n")
    return tuned


def look(source: SourceModel, data: Path, settings: FinetuneSettings) -> Lines:
    """What would be trained on. Raises BadInput for what cannot be; starts nothing."""
    base = _base(source)
    examples = training_data.read_examples(data)
    training_data.check_settings(settings, examples.layout)
    training_data.check_template(base, examples.layout)
    parts = training_data.split(examples, settings, data.name)
    first = json.dumps(examples.lines[0], ensure_ascii=False)
    return Lines(
        examples.layout.value, len(parts.training), len(parts.held_out), examples.repeated, first[:SHOWN]
    )


def _base(source: SourceModel) -> Path:
    """The folder that would be trained. Raises BadInput where there is none."""
    manifest = _trainer()
    if source.profile.kind is not ModelKind.LANGUAGE:
        raise BadInput("Only language models can be fine-tuned.", "Choose a language model.")
    form = usable_form(manifest, source)
    if form is None:
        forms = " or ".join(known.label for known in manifest.takes)
        raise BadInput(
            f"“{source.name}” is not there as {forms}, which fine-tuning starts from.",
            "Name the folder it was made from.",
        )
    return source.forms[form].resolve()


def compare_with_base(
    source: SourceModel, tuned: FineTuned, job: JobContext, history: History, depth: str = "quick"
) -> RunRecord:
    """Speed, memory and quality of the fused model against its base, both in the same framework."""
    form = usable_form(_trainer(), source)
    assert form is not None  # it was trained from there
    profile = source.profile
    if form != profile.format:
        profile = assess(source.forms[form], job).profile
    base = replace(
        tuned.artifact,
        name=source.name,
        precision=profile.precision,
        format=form,
        path=source.forms[form],
        size_bytes=profile.size_bytes,
        contents=profile.contents,
        source=source.forms[form],
        original=True,
        warnings=profile.warnings,
        options={},
        hashes={},
        took_s=0.0,
    )
    return compare(Comparison(source, base, (tuned.artifact,), DEPTHS[depth]), job, history)


def _trainer() -> Manifest:
    return next(manifest for manifest in registry.manifests() if CAPABILITY in manifest.capabilities)


def _read_back(made: Artifact, manifest: Manifest, job: JobContext) -> Artifact:
    """What is really in the fused files, and their hashes."""
    really = inspect(made.path, made.format, job)
    precision = assess(made.path, job).profile.precision
    return replace(
        made,
        framework_title=manifest.title,
        precision=f"{precision} + LoRA",
        contents=really.contents,
        size_bytes=size_of(made.path),
        hashes=really.hashes,
    )
