"""Calibration data as the frameworks take it: plain text, or arrays under the model's own input names."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from backends.domain.errors import BadInput
from backends.domain.events import Log
from backends.domain.model import ModelKind, SourceModel
from backends.frameworks.base import JobContext
from backends.frameworks.samples import spread
from backends.quality import data, vision
from backends.quality.preview import DataForm, form_of
from backends.quality.texts import read_text
from backends.storage.paths import resources

MOST_SAMPLES = 1_000  # frameworks take 300 or fewer unless told otherwise


@contextmanager
def calibrated(source: SourceModel, needed: bool, job: JobContext) -> Iterator[SourceModel]:
    """``source`` with calibration data that any adapter reads; what had to be written lives in the block.

    Bytes become arrays by the preprocessing the user has set, else by what the input's shape asks for; the
    source that is yielded says which. Raises BadInput for data that is empty, damaged or does not fit.
    """
    if needed and source.calibration is None and source.profile.kind is ModelKind.LANGUAGE:
        job.emit(Log("No calibration text was given: the one that comes with Edgewright is used."))
        source = replace(source, calibration=bundled_text())
    if source.calibration is None or not needed:
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="edgewright-calibration-") as scratch:
        if source.profile.kind is ModelKind.LANGUAGE:
            yield _with_text(source, source.calibration, Path(scratch))
        else:
            yield _with_images(source, source.calibration, Path(scratch), job)


def bundled_text() -> Path:
    """English prose, sums and lists; a text like those the model will work on is better."""
    return resources() / "models" / "edgewright-lm" / "calibration.txt"


def _with_text(source: SourceModel, path: Path, scratch: Path) -> SourceModel:
    text = read_text(path)
    if form_of(path) is DataForm.TEXT:
        return source
    plain = scratch / "calibration.txt"
    plain.write_text(text, encoding="utf-8")
    return replace(source, calibration=plain)


def _with_images(source: SourceModel, path: Path, scratch: Path, job: JobContext) -> SourceModel:
    """An .npz with the inputs themselves goes as it is, whatever its arrays are called."""
    inputs = source.profile.inputs
    if form_of(path) is DataForm.NPZ and not _holds_bytes(path):
        return source
    if len(inputs) != 1:
        raise BadInput(
            f"The model takes {len(inputs)} inputs; images can be the only one.",
            "Give its inputs as arrays of an .npz, each under the input's name.",
        )
    images, spec = data.read_images(path), inputs[0]
    chosen = spread(images.size, MOST_SAMPLES, images.labels).tolist()
    first = images.load(slice(chosen[0], chosen[0] + 1))[0]
    wanted = source.preprocessing or data.preprocessing_for(spec, first)
    batches = []
    for index in chosen:
        job.check_cancelled()
        batches.append(data.prepare(wanted, images.load(slice(index, index + 1))))
    vision.check_fits(batches[0], spec)
    job.emit(Log(f"{len(chosen)} of {images.size} images of “{path.name}” are prepared for calibration."))
    arrays = scratch / "calibration.npz"
    labels = [] if images.labels is None else [images.labels[index] for index in chosen]
    known = {"labels": np.array(labels)} if labels else {}
    np.savez(arrays, allow_pickle=False, **{spec.name: np.concatenate(batches)}, **known)
    return replace(source, calibration=arrays, preprocessing=wanted)


def _holds_bytes(path: Path) -> bool:
    """Whether it is images as bytes; anything else is left to the adapter, which names what it misses."""
    try:
        return not data.read_images(path).ready
    except BadInput:
        return False
