"""Progressive optimization: one stage at a time, each measured against the best before it.

What the stages are is in :mod:`backends.actions.pipeline`. Every finished one is in the history at once, so
that a run that was cut off can be resumed or thrown away.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from backends.actions.bench import DEPTHS
from backends.actions.compare import Comparison, check_unchanged, marks_of, refuse_other_files
from backends.actions.convert import original
from backends.actions.detect import detect
from backends.actions.keeping import ending, this_machine
from backends.actions.measuring import Measuring
from backends.actions.parts import Parts
from backends.actions.pipeline import OnStage, Optimization, Pipeline, setup_for
from backends.actions.quantize import known_precision
from backends.actions.recommend import recommend_for
from backends.actions.unchanged import refuse_other_than_made
from backends.codec import from_plain, to_plain
from backends.domain.artifact import Artifact
from backends.domain.errors import BadInput
from backends.domain.model import SourceModel
from backends.domain.result import RESUMABLE, RunRecord, Stage
from backends.frameworks import registry
from backends.frameworks.base import JobContext
from backends.optimization.stress import STRESS_PLANS
from backends.recommendation.ranking import Weights
from backends.storage.history import History
from backends.workflow.wizard import Choice

TASK_LIMITS: dict[str, int | None] = {"quick": 400, "standard": None, "thorough": None}  # questions


def comparison_at(depth: str, source: SourceModel, job: JobContext) -> Comparison:
    """The rules of a depth (a key of ``DEPTHS``) for a model, whose original is made ready."""
    return Comparison(
        source,
        original(source, job),
        (),
        DEPTHS[depth],
        task_limit=TASK_LIMITS[depth],
        stress=STRESS_PLANS[depth],
    )


def choose(
    source: SourceModel,
    job: JobContext,
    framework: str = "",
    precision: str = "",
    target: str = "this",
    candidates: int = 1,
    weights: Weights | None = None,
) -> tuple[Choice, ...]:
    """What is named; else what is recommended for this machine, the best of each framework first.

    ``weights``: what matters in that. What needs calibration data is proposed only where there is some.
    Raises BadInput for names that are not known, and where nothing can be recommended.
    """
    if framework:
        manifest = registry.manifest(framework)
        usual = manifest.default_precision.get(source.profile.kind.value, "")
        return (Choice(manifest.name, known_precision(manifest, precision or usual, source).name),)
    if precision:
        raise BadInput(f"“{precision}” of which framework?", "Name it as well (--framework).")
    found = detect(job)
    ranked = recommend_for(source, found.hardware, found.availability, weights, target)
    best: dict[str, Choice] = {}
    for one in ranked.candidates:
        if not one.emulated and (source.calibration is not None or not one.needs_calibration):
            best.setdefault(one.framework, Choice(one.framework, one.precision))
    if not best:
        why = " ".join(f"{one.title}: {one.reason}." for one in ranked.ruled_out)
        raise BadInput(
            f"Nothing can be made of {source.name} here. {why}", "Name a framework yourself (--framework)."
        )
    return tuple(best.values())[: max(1, candidates)]


def optimize(
    wanted: Optimization,
    job: JobContext,
    history: History,
    on_stage: OnStage = lambda stage: None,
    on_start: Callable[[str], None] = lambda run_id: None,
    gate: Callable[[], None] = lambda: None,
) -> RunRecord:
    """Run all stages and return the record. Every stage is handed to ``on_stage`` once it is decided.

    A framework or precision that fails costs its attempt only. Raises JobCancelled; what was found until then
    is in the history.
    """
    setup = setup_for(wanted)
    request = {"optimization": to_plain(wanted), "marks": to_plain(marks_of(wanted.comparison))}
    run_id = history.start(wanted.comparison.source.name, this_machine(), setup=setup, request=request)
    return _run(wanted, job, history, run_id, (), on_stage, on_start, gate)


def resume(
    run_id: str,
    job: JobContext,
    history: History,
    on_stage: OnStage = lambda stage: None,
    on_start: Callable[[str], None] = lambda run_id: None,
    gate: Callable[[], None] = lambda: None,
) -> RunRecord:
    """Carry on after the last stage that was decided before the run was stopped or cut off.

    Raises BadInput where it is finished or running, and where models, rules or machine have changed.
    """
    history.mark_interrupted()
    record = history.run(run_id)
    if record.state not in RESUMABLE:
        raise BadInput(f"The run {run_id} is {record.state}.", "Only a run that ended early can be resumed.")
    request = history.request(run_id) or {}
    if "optimization" not in request:
        raise BadInput(
            f"The run {run_id} is no optimization in stages.",
            "Resume it as a comparison (edgewright bench --resume).",
        )
    wanted = from_plain(request["optimization"], Optimization)
    refuse_other_files(run_id, history, wanted.comparison)
    check_unchanged(setup_for(wanted), record)
    for artifact in _made(record.stages):
        refuse_other_than_made(artifact)
    history.resume(run_id)
    return _run(wanted, job, history, run_id, record.stages, on_stage, on_start, gate)


def _made(stages: Sequence[Stage]) -> Iterator[Artifact]:
    """Each once: several stages open the same artifact in other ways."""
    made = [one.result.configuration.artifact for one in stages if one.result and not one.result.failure]
    yield from {one.path: one for one in made}.values()


def _run(
    wanted: Optimization,
    job: JobContext,
    history: History,
    run_id: str,
    earlier: Sequence[Stage],
    on_stage: OnStage,
    on_start: Callable[[str], None],
    gate: Callable[[], None],
) -> RunRecord:
    on_start(run_id)
    for stage in earlier:
        on_stage(stage)
    with ending(history, run_id), tempfile.TemporaryDirectory(prefix="edgewright-") as scratch:
        parts = Parts(job)
        shared = Measuring(wanted.comparison, parts.context, history, run_id, Path(scratch), gate)
        with closing(shared):
            Pipeline(wanted, shared, parts, on_stage, list(earlier)).go()
    return history.run(run_id)
