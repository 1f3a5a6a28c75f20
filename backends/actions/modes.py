"""What sweep, sustained and llama-bench share: one artifact, its work, and the document that is kept."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from backends.actions.artifacts import load_artifact
from backends.actions.assess import assess
from backends.actions.convert import original
from backends.actions.devices import check_device
from backends.actions.engines import opener
from backends.actions.keeping import this_machine
from backends.actions.material import random_inputs
from backends.actions.opening import opened_with
from backends.benchmarking.protocol import STANDARD, tensor_workload, token_workload
from backends.benchmarking.sampling import OpenSampler, remembering
from backends.codec import to_plain
from backends.domain.artifact import CPU, Artifact, Configuration, LoadOptions, Option
from backends.domain.errors import BadInput
from backends.domain.metric import TensorWorkload, TokenWorkload, Workload
from backends.domain.model import ModelKind, TensorSpec
from backends.frameworks.base import EngineHandle, JobContext
from backends.hardware.conditions import ConditionsSampler
from backends.jobs.engine import RemoteEngine
from backends.quality.texts import read_text
from backends.storage.history import History
from backends.storage.paths import resources

CONTEXT = 1024
TEXT_CHARACTERS = 20_000


@dataclass(frozen=True)
class Subject:
    """What is measured: an artifact, the way it is opened, and the text its prompts come from."""

    artifact: Artifact
    load: LoadOptions
    job: JobContext
    text: Path | None = None

    @property
    def is_language(self) -> bool:
        return self.artifact.kind == ModelKind.LANGUAGE

    @property
    def configuration(self) -> Configuration:
        return Configuration(self.artifact, self.load)

    @contextmanager
    def opened(self, load: LoadOptions | None = None) -> Iterator[RemoteEngine]:
        """In a worker of its own, closed at the end."""
        engine = opener(self.job)(Configuration(self.artifact, load or self.load))
        try:
            yield engine
        finally:
            engine.close()

    def token_ids(self, engine: EngineHandle) -> tuple[int, ...]:
        """Of the text; the same for every step, whatever its length."""
        text = self.text or resources() / "models" / "edgewright-lm" / "eval.txt"
        return tuple(engine.tokenize([read_text(text)[:TEXT_CHARACTERS]])[0])

    def inputs(self) -> tuple[TensorSpec, ...]:
        return assess(self.artifact.path, self.job).profile.inputs

    def work(self, engine: EngineHandle, scratch: Path) -> Workload:
        """The standard one: 512 and 128 tokens, or single inferences for two seconds."""
        if self.is_language:
            return token_workload(STANDARD, self.token_ids(engine), self.load.context)
        return tensor_workload(STANDARD, batch_file(self.inputs(), 1, scratch))


def subject_of(
    path: Path,
    job: JobContext,
    threads: int = 0,
    context: int | None = None,
    text: Path | None = None,
    device: str = CPU,
    load: Mapping[str, Option] | None = None,
) -> Subject:
    """An artifact folder, or a model as it is, which is converted first where no framework runs it.

    ``context``: no longer than the model was made for; without it, that or 1,024 tokens. ``load``: options
    of opening. Raises BadInput for an option or a device the framework does not have.
    """
    artifact = load_artifact(path) if path.is_dir() and (path / "artifact.json").is_file() else None
    if artifact is None:
        artifact = original(assess(path, job), job)
    made_for = assess(artifact.path, job).profile.context_length or CONTEXT
    length = min(context or CONTEXT, made_for)
    check_device(device, (artifact.framework,), job)
    plain = Configuration(artifact, LoadOptions(device, threads, length))
    return Subject(artifact, opened_with((plain,), load or {})[0].load, job, text)


def batch_file(specs: tuple[TensorSpec, ...], batch: int, scratch: Path) -> Path:
    """Seeded inputs of this batch size. Raises BadInput where the model is made for another."""
    fixed = {spec.shape[0] for spec in specs if spec.shape and isinstance(spec.shape[0], int)} - {-1, 0}
    if fixed and fixed != {batch}:
        sizes = ", ".join(str(size) for size in sorted(fixed, key=str))
        raise BadInput(f"The model takes a batch of {sizes} only, not of {batch}.")
    path = scratch / f"batch-{batch}.npz"
    if not path.is_file():
        single = (replace(spec, shape=(1, *spec.shape[1:])) if spec.shape else spec for spec in specs)
        made = random_inputs(tuple(single), scratch)
        with np.load(made.batches[0], allow_pickle=False) as one:
            arrays: dict[str, Any] = {
                name: np.repeat(one[name], batch, axis=0) if one[name].ndim else one[name]
                for name in one.files
            }
        np.savez(path, allow_pickle=False, **arrays)
    return path


def shortened(work: Workload, duration_s: float) -> Workload:
    """The same work for at least so long instead."""
    if isinstance(work, TokenWorkload):
        return replace(work, min_duration_s=min(work.min_duration_s, duration_s))
    assert isinstance(work, TensorWorkload)
    return replace(work, min_duration_s=duration_s)


def real_sampler() -> OpenSampler:
    """The machine's conditions; the named processes are excused, and what this one takes is told apart."""
    return remembering(lambda pids: ConditionsSampler(pids, observer=time.process_time).sample)


def kept(kind: str, subject: Subject, found: Any, history: History, **more: Any) -> dict[str, Any]:
    """The document of a measurement, stored under the id it carries."""
    machine = this_machine()
    document = {
        "kind": kind,
        "model": subject.artifact.name,
        "label": subject.configuration.label,
        "configuration": to_plain(subject.configuration),
        "machine": machine.processor.brand.value,
        **to_plain(found),
        **more,
    }
    return {"id": history.keep_document(kind, subject.artifact.name, document), **document}
