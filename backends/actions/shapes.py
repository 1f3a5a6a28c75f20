"""Shape-only models: what can be made, whether it fits here, and making one."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from backends.actions.assess import assess
from backends.assessment.facts import CONFIG, refuse_remote_code, without_code
from backends.assessment.folder import model_name, read_json
from backends.domain.errors import BadInput, JobFailed
from backends.domain.events import Log, Progress, Started
from backends.domain.hardware import HardwareProfile
from backends.domain.model import SHAPE_ONLY_WORDS, SourceModel
from backends.frameworks.base import JobContext
from backends.frameworks.environments import readable
from backends.recommendation.fit import MemoryFit, memory_fit
from backends.sources.shapes import Shape, read_catalogue, write_folder
from backends.sources.tokens import LEAST_PIECES
from backends.storage.files import folder_in_the_making
from backends.storage.paths import app_paths, resources

BESIDE_BYTES = 16_000_000  # tokenizer and descriptions


@dataclass(frozen=True)
class ShapeOffer:
    """A shape of the catalogue with the memory its F16 form would take here while it runs."""

    name: str
    architecture: str
    parameters: int
    size_bytes: int  # of the F16 weights
    layers: int
    hidden_size: int
    vocabulary: int
    context_length: int
    fit: MemoryFit
    source: str


def catalogue() -> tuple[Shape, ...]:
    return read_catalogue(resources() / "rules" / "shapes.toml")


def offers(hardware: HardwareProfile) -> tuple[ShapeOffer, ...]:
    """The catalogue, each shape held against this machine's free memory."""
    return tuple(offer(shape, hardware) for shape in catalogue())


def offer(shape: Shape, hardware: HardwareProfile) -> ShapeOffer:
    profile, decoder = shape.profile(), shape.decoder
    return ShapeOffer(
        name=shape.name,
        architecture=decoder.architecture,
        parameters=profile.contents.parameters,
        size_bytes=profile.size_bytes,
        layers=decoder.layers,
        hidden_size=decoder.hidden,
        vocabulary=decoder.vocabulary,
        context_length=decoder.context,
        fit=memory_fit(profile, profile.contents.weight_bytes, hardware),
        source=shape.source,
    )


def find_shape(named: str) -> Shape:
    """A shape of the catalogue, or that of a ``config.json`` (or a folder with one). Raises BadInput."""
    known = catalogue()
    for shape in known:
        if shape.name.lower() == named.lower():
            return shape
    path = Path(named)
    if path.is_dir():
        path = path / CONFIG
    if not path.exists() and path.suffix != ".json":
        names = ", ".join(shape.name for shape in known)
        raise BadInput(f"There is no shape “{named}”.", f"Choose one of: {names}; or name a config.json.")
    config = read_json(path)
    refuse_remote_code(config, path)
    shape = Shape(model_name(path.absolute().parent), without_code(config))
    if shape.decoder.vocabulary < LEAST_PIECES:
        raise BadInput(
            f"{path.name} has a vocabulary of {shape.decoder.vocabulary}: too small for a made tokenizer.",
            f"Set its vocab_size to {LEAST_PIECES} or more.",
        )
    return shape


def make(shape: Shape, out: Path, job: JobContext, dtype: str = "F16") -> SourceModel:
    """Random weights in this shape as a Hugging Face folder, in the new folder ``out``.

    Raises BadInput, JobFailed where the disk has no room, or JobCancelled; nothing half-made stays.
    """
    size = shape.profile(dtype).size_bytes
    job.emit(Started(f"Making {shape.name}: random weights, {readable(size)}"))
    with folder_in_the_making(out) as folder:
        _check_room(folder, size + BESIDE_BYTES)
        write_folder(folder, shape, dtype, _Reporter(job, size))
    job.emit(Log(SHAPE_ONLY_WORDS))
    return assess(out, job)


def kept(shape: Shape, job: JobContext) -> SourceModel:
    """``shape`` in the program's own folder, made where it is not there yet. Raises as :func:`make`."""
    folder = app_paths().shapes / _folder_name(shape)
    return assess(folder, job) if folder.is_dir() else make(shape, folder, job)


def _folder_name(shape: Shape) -> str:
    """A configuration of the user's own may have any name; its content tells it from others."""
    if shape.source:
        return shape.name
    content = json.dumps(dict(shape.config), sort_keys=True).encode()
    return f"{shape.name}-{hashlib.sha256(content).hexdigest()[:8]}"


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise JobFailed(
            f"“{folder.parent}” has {readable(free)} free; the model takes about {readable(needed)}.",
            "Free some space, name another folder, or choose a smaller shape.",
        )


class _Reporter:
    """Bytes written become progress with the time left; a cancel is heard at every piece."""

    def __init__(self, job: JobContext, total: int) -> None:
        self._job = job
        self._total = total
        self._done = 0
        self._began = time.monotonic()

    def __call__(self, written: int) -> None:
        self._job.check_cancelled()
        self._done += written
        elapsed = time.monotonic() - self._began
        left = elapsed * (self._total - self._done) / self._done
        self._job.emit(Progress(self._done / self._total, "Writing random weights", left))
