"""Workflows: shown before they run, edited, searched through, or chosen by the framework itself."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from backends.actions.engines import environments
from backends.actions.quantize import known_precision, quantize, usable_form
from backends.codec import from_plain
from backends.domain.artifact import Artifact, Option
from backends.domain.errors import BadInput, FrameworkUnavailable
from backends.domain.model import ModelKind, SourceModel
from backends.domain.trial import Trial
from backends.frameworks import registry
from backends.frameworks.base import (
    JobContext,
    Manifest,
    OptimizeRequest,
    PassesRequest,
    Planned,
    WorkflowPass,
)
from backends.frameworks.samples import spread
from backends.jobs.launcher import run_job
from backends.jobs.spec import PASSES, PLAN, JobSpec, Task
from backends.quality import data, vision
from backends.storage.paths import resources

P = TypeVar("P")
R = TypeVar("R")

NAME = "olive"
SEARCH, AUTO = "search", "auto"  # modes; "" is the recommended workflow
MAX_DROP = 0.01
MOST_SAMPLES = 300  # that a candidate is judged by: each of them is run with all
Options = Mapping[str, Option]


@dataclass(frozen=True)
class Workflowed:
    """An artifact, and what was tried on the way to it; the original is the first of the trials."""

    artifact: Artifact
    trials: tuple[Trial, ...] = ()


def passes(job: JobContext, device: str = "*", precision: str = "*") -> tuple[WorkflowPass, ...]:
    """What a workflow can be made of, from the list of the version that is installed."""
    return _ask(PASSES, PassesRequest(device, precision), job)


def plan(
    source: SourceModel,
    precision: str,
    job: JobContext,
    mode: str = "",
    evaluation: Path | None = None,
    options: Options | None = None,
) -> Planned:
    """The workflow that :func:`run` would run, as JSON. An option "workflow" is checked and given back.

    Raises BadInput for what cannot be, FrameworkUnavailable or JobFailed.
    """
    manifest = registry.manifest(NAME)
    form = usable_form(manifest, source)
    if form is None:
        forms = " or ".join(known.label for known in manifest.forms_of(source.profile.kind))
        raise BadInput(f"“{source.name}” is not there as {forms}.", "Convert it first.")
    with _judging(source, mode, evaluation, job, options or {}) as chosen:
        request = OptimizeRequest(
            source=source.forms[form],
            source_format=form,
            kind=source.profile.kind,
            precision=known_precision(manifest, precision or default_precision(source), source).name,
            output=Path(),
            name=source.name,
            calibration=source.calibration,
            options=chosen,
        )
        return _ask(PLAN, request, job)


def check(source: SourceModel, precision: str, text: str, job: JobContext) -> Planned:
    """An edited workflow, held to the rules and to Olive's list. Raises BadInput with what is wrong."""
    with _as_file(text) as path:
        return plan(source, precision, job, options={"workflow": str(path)})


def run_edited(source: SourceModel, precision: str, text: str, out: Path, job: JobContext) -> Workflowed:
    """As :func:`run`, with a workflow that is there as text."""
    with _as_file(text) as path:
        return run(source, precision, out, job, options={"workflow": str(path)})


def run(
    source: SourceModel,
    precision: str,
    out: Path,
    job: JobContext,
    mode: str = "",
    evaluation: Path | None = None,
    options: Options | None = None,
) -> Workflowed:
    """Run the workflow of a mode, or the one that the option "workflow" names, into the new folder ``out``.

    ``evaluation``: labelled images, or text for a language model; what comes with the model unless named.
    The option "max_drop" is the share of quality a searched candidate may lose. Raises as ``quantize`` does.
    """
    with _judging(source, mode, evaluation, job, options or {}) as chosen:
        made = quantize(source, NAME, precision or default_precision(source), out, job, chosen)
    listed = made.options.get("trials_file")
    if not listed:
        return Workflowed(made)
    plain = json.loads((out / str(listed)).read_text(encoding="utf-8"))
    return Workflowed(made, tuple(from_plain(one, Trial) for one in plain))


def default_precision(source: SourceModel) -> str:
    return registry.manifest(NAME).default_precision[source.profile.kind.value]


@contextmanager
def _as_file(text: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="edgewright-") as folder:
        path = Path(folder) / "workflow.json"
        path.write_text(text, encoding="utf-8")
        yield path


@contextmanager
def _judging(
    source: SourceModel, mode: str, evaluation: Path | None, job: JobContext, options: Options
) -> Iterator[dict[str, Option]]:
    """The options, with the mode and with evaluation data in the form that the framework reads."""
    chosen: dict[str, Option] = {**options, **({"mode": mode} if mode else {})}
    judges = mode == SEARCH or "workflow" in options or (mode == AUTO and evaluation is not None)
    if not judges:
        yield chosen
        return
    if source.profile.kind is ModelKind.LANGUAGE:
        own = resources() / "models" / "edgewright-lm" / "eval.txt"
        yield {**chosen, "evaluation": str((evaluation or source.evaluation or own).resolve())}
        return
    named = evaluation or source.tasks
    if named is None:
        yield chosen  # a workflow that judges says that it has no data
        return
    with tempfile.TemporaryDirectory(prefix="edgewright-") as folder:
        path, classes = _samples(source, named, Path(folder), job)
        yield {**chosen, "evaluation": str(path), "classes": classes}


def _samples(source: SourceModel, named: Path, folder: Path, job: JobContext) -> tuple[Path, int]:
    """Labelled inputs as .npz, evenly spread over what there is, and how many classes they are of."""
    spec = source.profile.inputs[0] if len(source.profile.inputs) == 1 else None
    images = data.read_images(named)
    if spec is None or images.labels is None:
        raise BadInput(
            f"“{named.name}” has no labels, or the model has several inputs.",
            "Name labelled images for a model with one input.",
        )
    preprocessing = source.preprocessing
    if preprocessing is None and not images.ready:
        preprocessing = data.preprocessing_for(spec, images.load(slice(0, 1))[0])
    material = vision.prepare(images, spec, preprocessing, folder, job)
    arrays = np.concatenate([vision.read_outputs(path)[spec.name] for path in material.batches])
    labels = np.asarray(images.labels, np.int64)
    taken = spread(len(labels), MOST_SAMPLES, labels)
    path = folder / "evaluation.npz"
    np.savez(path, allow_pickle=False, **{spec.name: arrays[taken], "labels": labels[taken]})
    return path, max(int(labels.max()) + 1, _classes(source))


def _classes(source: SourceModel) -> int:
    """As many as the model's first output has scores, where its shape tells."""
    shape = source.profile.outputs[0].shape if source.profile.outputs else ()
    last = shape[-1] if shape else 0
    return last if isinstance(last, int) else 0


def _ask(task: Task[P, R], payload: P, job: JobContext) -> R:
    manifest = registry.manifest(NAME)
    _require(manifest)
    return run_job(JobSpec(task, payload, NAME), job, environments().runtime(manifest))


def _require(manifest: Manifest) -> None:
    missing = environments().missing(manifest)
    if missing is not None:
        raise FrameworkUnavailable(f"{manifest.title} is {missing.reason}.", missing.remedy)
