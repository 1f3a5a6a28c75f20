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
from backends.domain.metric import Workload
from backends.domain.model import ModelKind, SourceModel, TensorSpec
from backends.domain.preprocessing import Preprocessing
from backends.frameworks.base import EngineHandle, JobContext
from backends.quality import data, harness, vision
from backends.quality.texts import read_text
from backends.storage.paths import resources

RANDOM_SAMPLES = 32
SEED = 20261121
SHAPE_ONLY = "Random weights (shape only): speed and memory count, and quality is not scored."


@dataclass(frozen=True)
class Material:
    """Everything the engines are given; ``notes`` say where it comes from when the user named nothing."""

    work: Workload
    language: harness.LanguageMaterial | None = None
    tensor: vision.TensorMaterial | None = None
    notes: tuple[str, ...] = ()

    @property
    def can_be_scored(self) -> bool:
        """Not a shape-only model: it is timed, and there is nothing to score."""
        return self.language is not None or self.tensor is not None


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
    ids = engine.tokenize([read_text(text)[:20_000]])[0]
    window = min(512, context)
    language = harness.language_material(engine, source.tasks, text, task_limit, window)
    return Material(token_workload(protocol, ids, context), language=language, notes=tuple(notes))


def _shape_only(engine: EngineHandle, protocol: Protocol, context: int) -> Material:
    """Something to time and nothing to score: what random weights answer says nothing of any model."""
    ids = engine.tokenize([read_text(_own_text())[:20_000]])[0]
    return Material(token_workload(protocol, ids, context), notes=(SHAPE_ONLY,))


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
    if source.tasks is not None and len(inputs) == 1:
        material = _images(source.tasks, inputs[0], scratch, job, preprocessing)
        notes: tuple[str, ...] = ()
    else:
        material = random_inputs(inputs, scratch)
        notes = ("No data was named: outputs are compared on seeded random inputs, which is not accuracy.",)
    single = scratch / "single.npz"
    with np.load(material.batches[0], allow_pickle=False) as batch:
        np.savez(single, allow_pickle=False, **{name: batch[name][:1] for name in batch.files})
    return Material(tensor_workload(protocol, single), tensor=material, notes=notes)


def _images(
    path: Path, spec: TensorSpec, scratch: Path, job: JobContext, preprocessing: Preprocessing | None
) -> vision.TensorMaterial:
    images = data.read_images(path)
    if not images.ready and preprocessing is None:
        preprocessing = data.preprocessing_for(spec, images.load(slice(0, 1))[0])
    return vision.prepare(images, spec, preprocessing, scratch, job)


def random_inputs(specs: tuple[TensorSpec, ...], scratch: Path) -> vision.TensorMaterial:
    """Seeded uniform inputs for a model nobody gave data for; open sizes count as 1."""
    if not specs:
        raise BadInput("The model tells nothing of its inputs.", "Give its inputs as floats in an .npz.")
    generator = np.random.default_rng(SEED)
    count = RANDOM_SAMPLES if all(_open(spec.shape[:1]) for spec in specs) else 1
    arrays: dict[str, Any] = {}
    for spec in specs:
        rest = tuple(size if isinstance(size, int) and size > 0 else 1 for size in spec.shape[1:])
        lead = count if _open(spec.shape[:1]) else int(spec.shape[0]) if spec.shape else 1
        values = generator.random((lead, *rest))
        arrays[spec.name] = values.astype(spec.dtype or "float32")
    path = scratch / "inputs-random.npz"
    np.savez(path, allow_pickle=False, **arrays)
    return vision.TensorMaterial((path,), count, None)


def _open(leading: tuple[int | str, ...]) -> bool:
    return bool(leading) and not (isinstance(leading[0], int) and leading[0] > 0)
