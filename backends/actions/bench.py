"""``edgewright bench``: measure artifacts or model files; the first is what the others are held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from backends.actions.artifacts import DESCRIPTION, TRANSFORMERS, load_artifact
from backends.actions.assess import assess
from backends.actions.compare import CONTEXT, Comparison, compare
from backends.actions.convert import original
from backends.actions.devices import check_device
from backends.actions.energy import chosen_energy, chosen_grid
from backends.actions.keeping import chosen_gates
from backends.actions.opening import opened_with
from backends.actions.preprocessing import Asked, preprocessing_of
from backends.assessment.source import source_model
from backends.benchmarking.grid import grid_of
from backends.benchmarking.protocol import QUICK, STANDARD, THOROUGH
from backends.domain.artifact import CPU, Artifact, Option
from backends.domain.errors import BadInput
from backends.domain.model import SourceModel
from backends.domain.result import RunRecord
from backends.frameworks.base import JobContext
from backends.optimization.gates import Gates
from backends.optimization.stress import STRESS_PLANS
from backends.storage.history import History

DEPTHS = {"quick": QUICK, "standard": STANDARD, "thorough": THOROUGH}


def bench(
    paths: Sequence[Path],
    job: JobContext,
    history: History,
    data: Path | None = None,
    text: Path | None = None,
    images: Asked | None = None,
    threads: int = 0,
    depth: str = "quick",
    stress: bool = False,
    gates: Gates | None = None,
    energy: str = "",
    grid: str = "",
    load: Mapping[str, Option] | None = None,
    task_limit: int | None = None,
    device: str = CPU,
    context: int | None = None,
) -> RunRecord:
    """``load``: options of opening, see :func:`opened_with`. Raises BadInput.

    ``energy`` and ``grid``: those of the settings where they are not named.
    ``device``: one that every framework of the artifacts sees here. Raises FrameworkUnavailable, too.
    ``context``: in tokens; the usual where it is not named, and never more than the model was made for.
    ``task_limit``: at most so many questions; ``None`` asks all.
    """
    if task_limit is not None and task_limit < 1:
        raise BadInput(f"{task_limit} questions tell nothing.", "Ask at least one.")
    artifacts = [_artifact(path, job) for path in paths]
    kinds = {artifact.kind for artifact in artifacts}
    if len(kinds) > 1:
        raise BadInput("Models of different kinds cannot be compared.", "Name artifacts of one model.")
    check_device(device, (artifact.framework for artifact in artifacts), job)
    source = _source(artifacts[0], data, text)
    comparison = Comparison(
        source,
        replace(artifacts[0], original=True),
        tuple(replace(artifact, original=False) for artifact in artifacts[1:]),
        DEPTHS[depth],
        context=CONTEXT if context is None else context,
        device=device,
        threads=threads,
        task_limit=task_limit,
        preprocessing=preprocessing_of(source, images or Asked(), source.tasks),
        gates=gates or chosen_gates(),
        stress=STRESS_PLANS[depth] if stress else None,
        energy=energy or chosen_energy(),
        grid=grid_of(grid or chosen_grid()).code,
    )
    if load:
        comparison = replace(comparison, opened=opened_with(comparison.configurations(), load))
    return compare(comparison, job, history)


def _artifact(path: Path, job: JobContext) -> Artifact:
    """An artifact as it is; a model that no framework runs directly is converted first."""
    if (path / DESCRIPTION).is_file():
        found = load_artifact(path)
        if found.framework != TRANSFORMERS:
            return found
    return original(assess(path, job), job)


def _source(first: Artifact, data: Path | None, text: Path | None) -> SourceModel:
    """The first artifact's own model, with the data it came with unless other data is named."""
    source = source_model(first.path)
    return replace(source, tasks=data or source.tasks, evaluation=text or source.evaluation)
