"""A user's own inputs for a model of named tensors: an .npz with an array under each input's name.

The first axis of every array is the samples. ``labels`` beside them makes a classifier's accuracy measurable.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from backends.domain.errors import BadInput
from backends.domain.model import TensorSpec
from backends.frameworks.base import JobContext
from backends.frameworks.samples import ANY_INPUT, Samples, read_samples
from backends.quality.steps import Steps
from backends.quality.vision import BATCH, TensorMaterial

IMAGES = ANY_INPUT[0]  # what an .npz of images calls them


def is_named(path: Path, inputs: Sequence[TensorSpec]) -> bool:
    """Whether ``path`` is to be read so: an .npz that is no set of images for a model's only input."""
    if path.suffix.lower() != ".npz" or not path.is_file() or not inputs:
        return False
    names = _names(path)
    images = len(inputs) == 1 and IMAGES in names and inputs[0].name not in names
    return bool(names) and not images


def read(path: Path, inputs: Sequence[TensorSpec]) -> Samples:
    """All samples of the file. Raises BadInput for what is missing, misshapen or wrongly labelled."""
    found = read_samples(path, inputs, limit=None)
    if found.labels is not None and not _are_classes(found.labels):
        raise BadInput(f"{path}: labels are class numbers from 0, not {found.labels.dtype}.")
    return found


def prepare(path: Path, inputs: Sequence[TensorSpec], folder: Path, job: JobContext) -> TensorMaterial:
    """Write the samples into ``folder``, once for all engines. Raises as :func:`read`."""
    samples = read(path, inputs)
    steps = Steps(job, len(samples), "Preparing the inputs")
    paths = []
    for start, stop in pairwise([*range(0, len(samples), BATCH), len(samples)]):
        batch = folder / f"inputs-{start:06d}.npz"
        arrays: dict[str, Any] = {name: array[start:stop] for name, array in samples.arrays.items()}
        np.savez(batch, allow_pickle=False, **arrays)
        paths.append(batch)
        steps.advance(stop - start)
    labels = None if samples.labels is None else tuple(samples.labels.tolist())
    return TensorMaterial(tuple(paths), len(samples), labels)


def _names(path: Path) -> frozenset[str]:
    """Of its arrays, their data not read; none where it is damaged, which its reader says."""
    try:
        with zipfile.ZipFile(path) as archive:
            return frozenset(name.removesuffix(".npy") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return frozenset()


def _are_classes(labels: Any) -> bool:
    return bool(labels.ndim == 1 and np.issubdtype(labels.dtype, np.integer) and labels.min() >= 0)
