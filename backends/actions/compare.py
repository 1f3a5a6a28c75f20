"""Measure artifacts against the original: speed and memory in pairs, then quality, stored as it arrives."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from backends.actions.keeping import chosen_gates, setup_of, this_machine, with_hashes
from backends.actions.measuring import Measuring
from backends.benchmarking.conductor import run
from backends.benchmarking.protocol import QUICK, Protocol
from backends.benchmarking.summary import Outcome
from backends.domain.artifact import Artifact, Configuration, LoadOptions
from backends.domain.errors import JobCancelled
from backends.domain.events import Progress
from backends.domain.model import SourceModel
from backends.domain.result import ConfigurationResult, RunRecord, RunSetup
from backends.frameworks.base import JobContext
from backends.optimization.gates import Gates
from backends.optimization.stress import StressPlan
from backends.quality.data import Preprocessing
from backends.storage.history import History

CONTEXT = 1024


@dataclass(frozen=True)
class Comparison:
    """What to measure. ``task_limit``: at most so many questions; ``None`` asks all."""

    source: SourceModel
    original: Artifact
    artifacts: tuple[Artifact, ...]
    protocol: Protocol = field(default_factory=lambda: QUICK)
    context: int = CONTEXT
    threads: int = 0
    task_limit: int | None = None
    preprocessing: Preprocessing | None = None
    gates: Gates = field(default_factory=chosen_gates)
    stress: StressPlan | None = None  # a stress run of each artifact
    opened: tuple[Configuration, ...] = ()  # the original and the artifacts, where each has its own way

    def configurations(self) -> tuple[Configuration, ...]:
        """The original first."""
        if self.opened:
            return self.opened
        load = LoadOptions(threads=self.threads, context=self._context())
        return tuple(Configuration(artifact, load) for artifact in (self.original, *self.artifacts))

    def _context(self) -> int:
        """No longer than the model was made for."""
        return min(self.context, self.source.profile.context_length or self.context)


def compare(
    comparison: Comparison,
    job: JobContext,
    history: History,
    gate: Callable[[], None] = lambda: None,
    on_result: Callable[[ConfigurationResult], None] = lambda result: None,
    on_start: Callable[[str], None] = lambda run_id: None,
) -> RunRecord:
    """Run a comparison and return its record. ``gate`` blocks while the user has paused.

    Everything is in ``history`` as soon as it is known. A configuration that fails says so in its result and
    the others go on. Raises JobCancelled; the run is then marked so, with what it had.
    """
    setup = setup_of(comparison)
    run_id = history.start(comparison.source.name, this_machine(), setup=setup)
    on_start(run_id)
    try:
        with tempfile.TemporaryDirectory(prefix="edgewright-") as scratch:
            shared = Measuring(comparison, job, history, run_id, Path(scratch), gate)
            _Run(shared, setup, on_result).go()
    except JobCancelled:
        history.finish(run_id, "cancelled")
        raise
    except BaseException:
        history.finish(run_id, "interrupted")
        raise
    history.finish(run_id)
    return history.run(run_id)


@dataclass
class _Run:
    shared: Measuring
    setup: RunSetup
    on_result: Callable[[ConfigurationResult], None]

    def go(self) -> None:
        shared, configurations = self.shared, self.shared.comparison.configurations()
        shared.job.emit(Progress(None, "Preparing the work"))
        plan = shared.plan(configurations[0], configurations[1:])
        outcome = run(plan, shared.surface(self._store))
        for result in outcome.results:
            self._store(result)
        notes = (*shared.material.notes, *outcome.notes)
        hashed = with_hashes(self.setup, configurations, shared.job)
        shared.history.amend(shared.run_id, hashed, notes)
        self._judge(outcome)

    def _judge(self, outcome: Outcome) -> None:
        """Quality of every configuration that runs, the original first; then stress and the gates."""
        shared = self.shared
        original: ConfigurationResult | None = None
        for number, result in enumerate(outcome.results):
            shared.job.emit(Progress(number / len(outcome.results), f"{result.label}: quality"))
            judged = shared.stressed(shared.judged(result))
            original = original or judged
            self._store(replace(judged, gates=shared.gates_of(judged, original, outcome.readings)))

    def _store(self, result: ConfigurationResult) -> None:
        self.shared.history.put_result(self.shared.run_id, result)
        self.on_result(result)
