"""The whole main job on the bundled models, without a question asked: quantize, measure, judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backends.actions.artifacts import original_artifact
from backends.actions.compare import Comparison, compare
from backends.actions.energy import OFF
from backends.actions.quantize import quantize
from backends.assessment.bundled import bundled_models
from backends.domain.artifact import Artifact
from backends.domain.errors import EdgewrightError, JobFailed
from backends.domain.events import Log, Started
from backends.domain.model import ModelKind, SourceModel
from backends.domain.result import RunRecord
from backends.frameworks.base import JobContext
from backends.storage.history import History
from backends.storage.paths import resources

# One framework and precision a row; with both originals, eight configurations in three frameworks.
LANGUAGE = (
    ("llamacpp", "Q8_0"),
    ("llamacpp", "Q4_K_M"),
    ("onnxruntime", "INT8"),
    ("openvino", "INT8"),
)
TASK_LIMIT = 400  # of 1,200 questions: enough for a figure with an interval, and the demo stays short
VISION = (("onnxruntime", "INT8_STATIC"), ("openvino", "INT8_PTQ"))


@dataclass(frozen=True)
class DemoResult:
    records: tuple[RunRecord, ...]
    failures: tuple[str, ...]


def demo(job: JobContext, history: History, folder: Path) -> DemoResult:
    """Measure every bundled model in its configurations; artifacts go into ``folder``."""
    records: list[RunRecord] = []
    failures: list[str] = []
    for source in bundled_models(resources()):
        job.emit(Started(f"Bundled model {source.name}"))
        wanted = LANGUAGE if source.profile.kind == ModelKind.LANGUAGE else VISION
        artifacts = _make(source, wanted, folder, job, failures)
        if not artifacts:
            raise JobFailed(f"None of the configurations of {source.name} could be made.", failures[-1])
        comparison = Comparison(
            source, original_artifact(source), tuple(artifacts), task_limit=TASK_LIMIT, energy=OFF
        )
        records.append(compare(comparison, job, history))
    return DemoResult(tuple(records), tuple(failures))


def _make(
    source: SourceModel,
    wanted: Sequence[tuple[str, str]],
    folder: Path,
    job: JobContext,
    failures: list[str],
) -> list[Artifact]:
    """What can be made; a framework that is missing or fails costs its row, not the demo."""
    made = []
    for framework, precision in wanted:
        out = folder / f"{source.name}-{framework}-{precision}".replace(" ", "-").lower()
        try:
            made.append(quantize(source, framework, precision, out, job))
        except EdgewrightError as error:
            failures.append(f"{framework} {precision}: {error}")
            job.emit(Log(failures[-1]))
    return made
