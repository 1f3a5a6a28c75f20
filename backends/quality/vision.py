"""Tensor models: the same input tensors through every engine, and what follows from their outputs.

A model with one output of class scores is a classifier: its answers have an accuracy, or agree with the
original's. Any other model is held against the original's outputs by cosine similarity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.domain.errors import BadInput, JobFailed
from backends.domain.metric import Interval
from backends.domain.model import TensorSpec
from backends.domain.preprocessing import Preprocessing
from backends.domain.result import OutputFidelity
from backends.frameworks.base import EngineHandle, JobContext
from backends.frameworks.samples import samples_of
from backends.quality import data
from backends.quality.answers import Answers
from backends.quality.data import ImageSet
from backends.quality.statistics import CONFIDENCE, mean_interval
from backends.quality.steps import Steps

BATCH = 256  # samples a file: bounds memory and disk, not what the engine runs at once
_MOST_BLOCKS = 500

Outputs = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class TensorMaterial:
    """Input tensors as .npz files, the first axis the samples, and what they are labelled."""

    batches: tuple[Path, ...]
    samples: int
    labels: tuple[int, ...] | None


def prepare(
    images: ImageSet, spec: TensorSpec, preprocessing: Preprocessing | None, folder: Path, job: JobContext
) -> TensorMaterial:
    """Write a model's inputs into ``folder``, once for all engines.

    ``preprocessing`` is ``None`` for images that are ready. Raises BadInput where they do not fit the input.
    """
    if preprocessing is None and not images.ready:
        raise ValueError("bytes need a preprocessing")
    steps = Steps(job, images.size, "Preparing the images")
    bounds = [*range(0, images.size, BATCH), images.size]
    paths = []
    for start, stop in pairwise(bounds):
        loaded = images.load(slice(start, stop))
        raw = preprocessing is not None and not images.ready
        batch = data.prepare(preprocessing, loaded) if preprocessing and raw else _stacked(loaded, spec)
        check_fits(batch, spec)
        path = folder / f"inputs-{start:06d}.npz"
        np.savez(path, allow_pickle=False, **{spec.name: batch})
        paths.append(path)
        steps.advance(stop - start)
    return TensorMaterial(tuple(paths), images.size, images.labels)


def _stacked(arrays: Sequence[NDArray[Any]], spec: TensorSpec) -> NDArray[Any]:
    return np.stack(arrays).astype(spec.dtype or "float32", copy=False)


def check_fits(batch: NDArray[Any], spec: TensorSpec) -> None:
    """Raises BadInput where a batch has not the shape an input wants; the batch axis is free."""
    wanted = spec.shape[1:]
    fits = len(wanted) == batch.ndim - 1 and all(
        not isinstance(size, int) or size <= 0 or size == found
        for size, found in zip(wanted, batch.shape[1:], strict=True)
    )
    if not fits:
        raise BadInput(
            f"The images have the shape {batch.shape[1:]}, the model's input {spec.name} wants {wanted}.",
            "Set another size or layout, or give the images as bytes.",
        )


def run(
    handle: EngineHandle, material: TensorMaterial, folder: Path, job: JobContext, what: str = "Classifying"
) -> tuple[Path, ...]:
    """Outputs of every batch as .npz files in ``folder``. Raises JobFailed where one is not a number."""
    folder.mkdir(parents=True, exist_ok=True)
    steps = Steps(job, len(material.batches), what)
    paths = []
    for inputs in material.batches:
        path = handle.infer(inputs, folder / f"outputs-{inputs.stem}.npz")
        _check_numbers(read_outputs(path))
        paths.append(path)
        steps.advance()
    return tuple(paths)


def read_outputs(path: Path) -> Outputs:
    """All arrays of one file."""
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _check_numbers(outputs: Outputs) -> None:
    for name, array in outputs.items():
        if np.issubdtype(array.dtype, np.floating) and np.isnan(array).any():
            raise JobFailed(
                f"The model's output {name} holds values that are not numbers (NaN).",
                "Its weights or a kernel overflow; try a higher precision or another device.",
            )


def class_scores(outputs: Outputs) -> NDArray[Any] | None:
    """(samples, classes) where the model is a classifier: one output, two classes or more, no other axis."""
    if len(outputs) != 1:
        return None
    scores = next(iter(outputs.values()))
    if scores.ndim < 2 or scores.shape[1] < 2 or any(size != 1 for size in scores.shape[2:]):
        return None
    return scores.reshape(len(scores), -1)


def answers(paths: Sequence[Path], labels: tuple[int, ...] | None) -> Answers | None:
    """The class chosen for every sample, or ``None`` where the model is no classifier.

    Raises BadInput where a label is no class of the model.
    """
    chosen: list[int] = []
    classes = 0
    for path in paths:
        scores = class_scores(read_outputs(path))
        if scores is None:
            return None
        classes = scores.shape[1]
        chosen += scores.argmax(axis=1).tolist()
    if labels is not None and max(labels) >= classes:
        raise BadInput(
            f"An image is labelled {max(labels)}, but the model's classes count from 0 to {classes - 1}.",
            "Use the images of the data set the model was trained for.",
        )
    return Answers(tuple(chosen), labels, 1 / classes)


def output_fidelity(candidate: Sequence[Path], original: Sequence[Path]) -> OutputFidelity:
    """Cosine similarity of every sample's outputs, all of them as one vector; interval over samples.

    Raises JobFailed where the two models do not have the same outputs.
    """
    parts = [_compare(read_outputs(a), read_outputs(b)) for a, b in zip(candidate, original, strict=True)]
    cosine = np.concatenate([part[0] for part in parts])
    return OutputFidelity(
        len(cosine), _cosine_interval(cosine), float(cosine.min()), max(part[1] for part in parts)
    )


def _cosine_interval(cosine: NDArray[np.float64]) -> Interval:
    """Whole blocks of neighbours are resampled where samples are many; a single sample has no interval."""
    if len(cosine) == 1:
        return Interval(float(cosine[0]), -1.0, 1.0, CONFIDENCE, 1)
    blocks = np.array_split(cosine, min(len(cosine), _MOST_BLOCKS))
    found = mean_interval(np.array([block.mean() for block in blocks]), least=-1.0, most=1.0)
    return replace(found, estimate=float(cosine.mean()), samples=len(cosine))


def _compare(candidate: Outputs, original: Outputs) -> tuple[NDArray[np.float64], float]:
    """Cosine of each sample, and the largest absolute difference."""
    ours, theirs = _flat(candidate, sorted(original)), _flat(original, sorted(original))
    if ours is None or theirs is None or ours.shape != theirs.shape:
        raise JobFailed(
            "The two models do not have the same outputs.", "Compare models of the same original."
        )
    norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    same = (ours == theirs).all(axis=1)  # also where both are zero and have no direction
    cosine = np.where(same, 1.0, (ours * theirs).sum(axis=1) / np.where(norms > 0, norms, 1.0))
    return cosine, float(np.abs(ours - theirs).max())


def _flat(outputs: Outputs, names: Sequence[str]) -> NDArray[np.float64] | None:
    """(samples, values): every output, one behind the other; by position where engines rename outputs.

    Outputs whose first axis is not the samples in all of them are one sample together.
    """
    if len(outputs) != len(names):
        return None
    arrays = [outputs[name] for name in names] if set(names) == set(outputs) else list(outputs.values())
    rows = samples_of(outputs) or 1
    return np.concatenate([array.reshape(rows, -1).astype(float) for array in arrays], axis=1)
