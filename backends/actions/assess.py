"""Reading models in a process of its own: nothing that is in a file can harm or hold up the caller."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backends.domain.errors import EdgewrightError
from backends.domain.model import ModelFormat, SourceModel
from backends.frameworks.base import JobContext
from backends.jobs.launcher import WorkerProcess, run_job, wait
from backends.jobs.spec import ASSESS, INSPECT, AssessRequest, Inspected, InspectRequest, JobSpec
from backends.storage.paths import resources

MODEL_FILE = "model.toml"


@dataclass(frozen=True)
class BundledModel:
    """A model that comes with the program. ``source`` is ``None`` where it cannot be read."""

    folder: Path
    source: SourceModel | None
    problem: str = ""
    remedy: str = ""


def assess(path: Path, job: JobContext) -> SourceModel:
    """What the model at ``path`` is; see :func:`backends.assessment.source.source_model`. Raises BadInput."""
    return run_job(JobSpec(ASSESS, AssessRequest(path), ""), job)


def inspect(path: Path, form: ModelFormat, job: JobContext) -> Inspected:
    """Tensor types, bits and hashes of a model's files, read back from them. Raises BadInput."""
    return run_job(JobSpec(INSPECT, InspectRequest(path, form), ""), job)


def bundled(job: JobContext) -> tuple[BundledModel, ...]:
    """The models that come with the program, by folder name; one that is damaged hides no other."""
    folders = sorted(path.parent for path in (resources() / "models").glob(f"*/{MODEL_FILE}"))
    worker = WorkerProcess()
    try:
        return tuple(_read(folders, worker, job))
    finally:
        worker.close()


def _read(folders: list[Path], worker: WorkerProcess, job: JobContext) -> Iterator[BundledModel]:
    for folder in folders:
        spec = JobSpec(ASSESS, AssessRequest(folder, bundled=True), "")
        try:
            yield BundledModel(folder, wait(worker.submit(spec), job))
        except EdgewrightError as error:
            yield BundledModel(folder, None, error.message, error.remedy)
