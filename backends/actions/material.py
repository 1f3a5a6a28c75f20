"""What a comparison works on: the same ids or tensors for every engine, for timing and for quality."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backends.actions.assess import assess
from backends.benchmarking.protocol import Protocol, tensor_workload, token_workload
from backends.domain.artifact import Artifact
from backends.domain.errors import BadInput
from backends.domain.metric import TokenWorkload, Workload
from backends.domain.model import ModelKind, SourceModel, TensorSpec
from backends.domain.preprocessing import Preprocessing
from backends.frameworks.base import EngineHandle, JobContext
from backends.frameworks.samples import batch_size, samples_of
from backends.quality import data, drawn, harness, named, vision
from backends.quality.answers import plan_samples
from backends.quality.texts import read_text
from backends.storage.paths import resources

SHAPE_ONLY = "Random weights (shape only): speed and memory count, and quality is not scored."


@dataclass(frozen=True)
class Material:
    """Everything the engines are given; ``notes`` say where it comes from when the user named nothing."""

    work: Workload
    language: harness.LanguageMaterial | None = None
    tensor: vision.TensorMaterial | None = None
    notes: tuple[str, ...] = ()
    prompt: str = ""  # a text of about as many tokens as the work's prompt

    @property
    def can_be_scored(self) -> bool:
        """Not a shape-only model: it is timed, and there is nothing to score."""
        return self.language is not None or self.tensor is not None


def sample_plan(material: Material, threshold: float) -> str:
    """How many labelled items make the accuracy gate decidable; "" where there are no labels."""
    tensor = material.tensor
    items = len(material.language.items) if material.language else 0
    items = tensor.samples if tensor and tensor.labels is not None else items
    return plan_samples(items, threshold=threshold).sentence if items else ""


def prepare_material(
    source: SourceModel,
    original: Artifact,
    engine: EngineHandle,
    protocol: Protocol,
    context: int,
    scratch: Path,
    job: JobContext,
    task_limit: int | None = None,
    preprocessing: Preprocessing | None = None,
) -> Material:
    """Prepare with ``engine``, which has the original open: its tokenizer makes the ids all engines get."""
    if original.kind == ModelKind.LANGUAGE:
        if source.profile.shape_only or original.shape_only:
            return _shape_only(engine, protocol, context)
        return _language(source, engine, protocol, context, task_limit)
    return _tensor(source, original, protocol, scratch, job, preprocessing)


def _language(
    source: SourceModel, engine: EngineHandle, protocol: Protocol, context: int, task_limit: int | None
) -> Material:
    notes = []
    text = source.evaluation
    if text is None:
        text = _own_text()
        notes.append("Timed and scored on the text that comes with Edgewright, which may not be your domain.")
    work, prompt = _prompt(engine, text, protocol, context)
    window = min(512, context)
    language = harness.language_material(engine, source.tasks, text, task_limit, window)
    return Material(work, language=language, notes=tuple(notes), prompt=prompt)


def _shape_only(engine: EngineHandle, protocol: Protocol, context: int) -> Material:
    """Something to time and nothing to score: what random weights answer says nothing of any model."""
    work, prompt = _prompt(engine, _own_text(), protocol, context)
    return Material(work, notes=(SHAPE_ONLY,), prompt=prompt)


def _prompt(engine: EngineHandle, text: Path, protocol: Protocol, context: int) -> tuple[TokenWorkload, str]:
    """The ids that all engines get, and about as much of the text."""
    written = read_text(text)[:20_000]
    ids = engine.tokenize([written])[0]
    work = token_workload(protocol, ids, context)
    share = len(work.token_ids) / len(ids)
    return work, (written * (int(share) + 1))[: round(len(written) * share)]


def _own_text() -> Path:
    return resources() / "models" / "edgewright-lm" / "eval.txt"


def _tensor(
    source: SourceModel,
    original: Artifact,
    protocol: Protocol,
    scratch: Path,
    job: JobContext,
    preprocessing: Preprocessing | None,
) -> Material:
    inputs = assess(original.path, job).profile.inputs
    notes: tuple[str, ...] = ()
    if source.tasks is None:
        material, notes = random_inputs(inputs, scratch), _drawn_notes(inputs)
    elif named.is_named(source.tasks, inputs):
        material = named.prepare(source.tasks, inputs, scratch, job)
    elif len(inputs) == 1:
        material = _images(source.tasks, inputs[0], scratch, job, preprocessing)
    else:
        names = ", ".join(spec.name for spec in inputs)
        raise BadInput(
            f"The model takes {len(inputs)} inputs ({names}); images can be the only one.",
            "Give its inputs as arrays of an .npz, each under the input's name.",
        )
    single = scratch / "single.npz"
    with np.load(material.batches[0], allow_pickle=False) as batch:
        arrays: dict[str, Any] = {name: batch[name] for name in batch.files}
    if samples_of(arrays) is not None:
        arrays = {name: array[: batch_size(inputs)] for name, array in arrays.items()}
    np.savez(single, allow_pickle=False, **arrays)
    return Material(tensor_workload(protocol, single), tensor=material, notes=notes)


def _images(
    path: Path, spec: TensorSpec, scratch: Path, job: JobContext, preprocessing: Preprocessing | None
) -> vision.TensorMaterial:
    images = data.read_images(path)
    if not images.ready and preprocessing is None:
        preprocessing = data.preprocessing_for(spec, images.load(slice(0, 1))[0])
    return vision.prepare(images, spec, preprocessing, scratch, job)


def random_inputs(specs: tuple[TensorSpec, ...], scratch: Path) -> vision.TensorMaterial:
    """Seeded inputs for a model nobody gave data for. Raises BadInput where it does not tell its inputs."""
    if not specs:
        raise BadInput("The model tells nothing of its inputs.", "Give its inputs as floats in an .npz.")
    arrays: dict[str, Any] = drawn.draw(specs)
    path = scratch / "inputs-random.npz"
    np.savez(path, allow_pickle=False, **arrays)
    many = all(drawn.is_open(spec.shape[:1]) for spec in specs)
    return vision.TensorMaterial((path,), drawn.SAMPLES if many else 1, None)


def _drawn_notes(specs: tuple[TensorSpec, ...]) -> tuple[str, ...]:
    said = "No data was named: outputs are compared on seeded random inputs, which is not accuracy."
    sizes = ", ".join(f"{name} = {size:,}" for name, size in drawn.open_sizes(specs).items())
    if not sizes:
        return (said,)
    return said, f"The model leaves sizes open; measured with {sizes}. Name an .npz of inputs for others."
