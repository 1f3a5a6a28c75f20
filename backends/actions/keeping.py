"""What is kept with a run beside its figures: the machine, the rules it was measured by, and file hashes."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from backends import __version__
from backends.actions.assess import inspect
from backends.assessment.contents import hashes
from backends.benchmarking.protocol import unique_labels
from backends.domain.artifact import Artifact, Configuration
from backends.domain.errors import BadInput, EdgewrightError, JobCancelled
from backends.domain.hardware import HardwareProfile
from backends.domain.model import ModelKind
from backends.domain.preprocessing import Preprocessing
from backends.domain.result import DataFile, RunSetup
from backends.frameworks.base import JobContext
from backends.hardware import throughput
from backends.hardware.detect import detect
from backends.optimization.gates import Gates, default_gates, known_thresholds, with_thresholds
from backends.storage.history import History
from backends.storage.paths import app_paths
from backends.storage.settings import read_settings, weights_of

if TYPE_CHECKING:
    from backends.actions.compare import Comparison

_LIBRARIES = ("numpy", "scipy", "psutil", "onnx", "gguf")  # those that figures pass through


def this_machine() -> HardwareProfile:
    """A fresh look (a tenth of a second), with the throughput that was measured here before, if any."""
    paths = app_paths()
    found = detect(storage_path=str(paths.data.anchor))
    return replace(found, throughput=throughput.cached(found, paths.throughput))


def chosen_gates(edits: Mapping[str, float] | None = None) -> Gates:
    """With the thresholds of the user's settings, and of ``edits`` before those. Raises BadInput."""
    settings = read_settings(app_paths().settings)
    usual = with_thresholds(default_gates(), known_thresholds(settings.gate_thresholds))
    return with_thresholds(usual, edits or {})


def chosen_weights() -> dict[str, float]:
    """What matters to the user, as the settings have it."""
    return weights_of(read_settings(app_paths().settings))


def setup_of(comparison: Comparison) -> RunSetup:
    """The rules of a run; the hashes of its models follow at the end, see :func:`with_hashes`."""
    rules, source, prepared = comparison.protocol, comparison.source, known_preprocessing(comparison)
    asks_questions = source.profile.kind is ModelKind.LANGUAGE  # images are all looked at
    return RunSetup(
        product_version=__version__,
        looks=rules.looks,
        restarts=rules.restarts,
        prompt_tokens=rules.prompt_tokens,
        new_tokens=rules.new_tokens,
        idle_s=rules.idle_s,
        arm_s=rules.arm_s,
        token_arm_s=rules.token_arm_s,
        confidence=rules.confidence,
        resamples=rules.resamples,
        seed=rules.seed,
        context=comparison.configurations()[0].load.context,
        threads=comparison.threads,
        device=comparison.device,
        task_limit=comparison.task_limit if asks_questions else None,
        mean=tuple(prepared.mean) if prepared else (),
        std=tuple(prepared.std) if prepared else (),
        tasks=data_file(source.tasks),
        evaluation=data_file(source.evaluation),
        preprocessing=prepared,
        thresholds={name: gate.threshold for name, gate in comparison.gates.items()},
        stress=comparison.stress is not None,
        stress_plan=asdict(comparison.stress) if comparison.stress else {},
        energy=comparison.energy,
        grid=comparison.grid,
        calibration=data_file(source.calibration),
        versions={"python": platform.python_version()} | {name: _version(name) for name in _LIBRARIES},
    )


def known_preprocessing(comparison: Comparison) -> Preprocessing | None:
    """What was asked for, else what was set for the model, else what an artifact was made with."""
    artifacts = (comparison.original, *comparison.artifacts)
    kept = (one.preprocessing for one in artifacts if one.preprocessing is not None)
    return comparison.preprocessing or comparison.source.preprocessing or next(kept, None)


def with_hashes(setup: RunSetup, configurations: Sequence[Configuration], job: JobContext) -> RunSetup:
    """Hashed after measuring: before, it would pull the files into the cache and make a cold load warm."""
    labels = unique_labels(tuple(configurations))
    known = {
        label: one.artifact.hashes or model_hashes(one.artifact, job)
        for label, one in zip(labels, configurations, strict=True)
    }
    return replace(setup, hashes=known)


def model_hashes(artifact: Artifact, job: JobContext) -> Mapping[str, str]:
    """In a process of its own, as all reading of models; empty where a file cannot be read."""
    try:
        return inspect(artifact.path, artifact.format, job).hashes
    except BadInput:
        return {}


def data_file(path: Path | None) -> DataFile | None:
    """A file by its hash; a folder by the hash over the names and hashes of its files."""
    if path is None:
        return None
    found = _hashes(path)
    if path.is_file():
        return DataFile(path.name, found.get(path.name, ""))
    listing = "".join(f"{digest}  {name}\n" for name, digest in sorted(found.items()))
    return DataFile(path.name, hashlib.sha256(listing.encode()).hexdigest() if found else "")


def _hashes(path: Path) -> dict[str, str]:
    """Empty where a file cannot be read: the run goes on, and cannot be certified."""
    try:
        return hashes(path)
    except BadInput:
        return {}


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "not installed"


@contextmanager
def ending(history: History, run_id: str) -> Iterator[None]:
    """Gives a run its end, however the work within ends: finished, cancelled or interrupted."""
    try:
        yield
    except JobCancelled:
        history.finish(run_id, "cancelled")
        raise
    except BaseException:
        with suppress(EdgewrightError):  # where the disk is full, this cannot be written either
            history.finish(run_id, "interrupted")
        raise
    history.finish(run_id)
