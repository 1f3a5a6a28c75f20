"""Measure artifacts against the original: speed and memory in pairs, then quality, stored as it arrives."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from backends.actions.energy import chosen_energy, chosen_grid
from backends.actions.keeping import chosen_gates, ending, setup_of, this_machine, with_hashes
from backends.actions.measuring import Measuring
from backends.actions.unchanged import FileMark, Marks, marks, refuse_changed
from backends.benchmarking.conductor import run
from backends.benchmarking.protocol import QUICK, Protocol, unique_labels
from backends.benchmarking.summary import Outcome
from backends.codec import from_plain, to_plain
from backends.domain.artifact import CPU, Artifact, Configuration, LoadOptions
from backends.domain.errors import BadInput
from backends.domain.events import Progress
from backends.domain.model import SourceModel
from backends.domain.preprocessing import Preprocessing
from backends.domain.result import RESUMABLE, ConfigurationResult, RunRecord, RunSetup
from backends.frameworks import registry
from backends.frameworks.base import JobContext
from backends.optimization.gates import Gates
from backends.optimization.stress import StressPlan
from backends.storage.history import History

CONTEXT = 1024
EMULATED = "What runs in an emulator here was not timed: its answers are the chip's, its speed is not."


@dataclass(frozen=True)
class Comparison:
    """What to measure. ``task_limit``: at most so many questions; ``None`` asks all."""

    source: SourceModel
    original: Artifact
    artifacts: tuple[Artifact, ...]
    protocol: Protocol = field(default_factory=lambda: QUICK)
    context: int = CONTEXT
    device: str = CPU
    threads: int = 0
    task_limit: int | None = None
    preprocessing: Preprocessing | None = None
    gates: Gates = field(default_factory=chosen_gates)
    stress: StressPlan | None = None  # a stress run of each artifact
    energy: str = field(default_factory=chosen_energy)  # what reads it
    grid: str = field(default_factory=chosen_grid)  # where the electricity comes from
    opened: tuple[Configuration, ...] = ()  # the original and the artifacts, where each has its own way

    def configurations(self) -> tuple[Configuration, ...]:
        """The original first."""
        if self.opened:
            return self.opened
        load = LoadOptions(self.device, self.threads, self._context())
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
    request = {"comparison": to_plain(comparison), "marks": to_plain(marks_of(comparison))}
    run_id = history.start(comparison.source.name, this_machine(), setup=setup, request=request)
    on_start(run_id)
    return _measure(comparison, job, history, run_id, setup, gate, on_result)


def resume(
    run_id: str,
    job: JobContext,
    history: History,
    gate: Callable[[], None] = lambda: None,
    on_result: Callable[[ConfigurationResult], None] = lambda result: None,
) -> RunRecord:
    """Carry on with a run that was cancelled or cut off: what it has whole is not measured again.

    Raises BadInput where it is finished or running, and where models or machine are not what they were.
    """
    history.mark_interrupted()
    earlier = history.run(run_id)
    if earlier.state not in RESUMABLE:
        raise BadInput(f"The run {run_id} is {earlier.state}.", "Only a run that ended early can be resumed.")
    request = history.request(run_id)
    if request is None or earlier.setup is None or "comparison" not in request:
        raise BadInput(f"The run {run_id} was stored without what was asked for.", "Measure again.")
    comparison = from_plain(request["comparison"], Comparison)
    refuse_other_files(run_id, history, comparison)
    check_unchanged(setup_of(comparison), earlier)
    history.resume(run_id)
    return _measure(comparison, job, history, run_id, earlier.setup, gate, on_result, earlier)


def marks_of(comparison: Comparison) -> Marks:
    """Of the files of every model."""
    artifacts = [one.artifact for one in comparison.configurations()]
    profile = comparison.source.profile
    beside = profile.files if profile.path == comparison.original.path else ()
    return marks(artifacts, beside)


def refuse_other_files(run_id: str, history: History, comparison: Comparison) -> None:
    """Raises BadInput where a file of a model is no longer as it was when the run began."""
    request = history.request(run_id) or {}
    if "marks" not in request:
        raise BadInput(
            f"The run {run_id} was stored by an older version, without what tells its files.",
            "Measure again.",
        )
    refuse_changed(from_plain(request["marks"], dict[str, FileMark]), marks_of(comparison))


def check_unchanged(now: RunSetup, earlier: RunRecord) -> None:
    """Readings of two machines, or by two sets of rules, make no figure together."""
    if earlier.setup != replace(now, hashes=earlier.setup.hashes if earlier.setup else {}):
        raise BadInput("The data, the rules or this program have changed since then.", "Measure again.")
    then, here = earlier.machine, this_machine()
    if then is not None and then.processor.brand.value != here.processor.brand.value:
        raise BadInput("The run was begun on another machine.", "Measure again here.")


def _measure(
    comparison: Comparison,
    job: JobContext,
    history: History,
    run_id: str,
    setup: RunSetup,
    gate: Callable[[], None],
    on_result: Callable[[ConfigurationResult], None],
    earlier: RunRecord | None = None,
) -> RunRecord:
    with ending(history, run_id), tempfile.TemporaryDirectory(prefix="edgewright-") as scratch:
        shared = Measuring(comparison, job, history, run_id, Path(scratch), gate)
        with closing(shared):
            _Run(shared, setup, on_result, earlier).go()
    return history.run(run_id)


@dataclass
class _Run:
    """``earlier``: the same run, as it was when it was cut off."""

    shared: Measuring
    setup: RunSetup
    on_result: Callable[[ConfigurationResult], None]
    earlier: RunRecord | None = None

    def go(self) -> None:
        shared, configurations = self.shared, self.shared.comparison.configurations()
        shared.job.emit(Progress(None, "Preparing the work"))
        outcome = self._timed(configurations)
        refuse_other_files(shared.run_id, shared.history, shared.comparison)
        for result in outcome.results:
            self._store(result)
        said = self.earlier.notes if self.earlier else ()
        notes = tuple(dict.fromkeys((*said, *shared.material.notes, *outcome.notes)))
        hashed = with_hashes(self.setup, configurations, shared.job)
        shared.history.amend(shared.run_id, hashed, notes)
        self._judge(outcome)

    def _timed(self, configurations: Sequence[Configuration]) -> Outcome:
        """Speed and memory of those that really run here. What is emulated is judged by its quality only."""
        real = [one for one in configurations if not _is_emulated(one)]
        checks = tuple(
            ConfigurationResult(one, label=label)
            for one, label in zip(configurations, unique_labels(configurations), strict=True)
            if one not in real
        )
        if not real:
            return Outcome(checks, (), (EMULATED,))
        if real[0] != configurations[0]:
            raise BadInput(
                f"{configurations[0].label} runs in an emulator here; no speed can be held against that.",
                "Name a model that really runs here first, such as the original.",
            )
        plan = self.shared.plan(real[0], tuple(real[1:]))
        readings, results = (self.earlier.readings, self.earlier.results) if self.earlier else ((), ())
        outcome = run(plan, self.shared.surface(self._store), readings, results)
        notes = (*outcome.notes, EMULATED) if checks else outcome.notes
        return replace(outcome, results=(*outcome.results, *checks), notes=notes)

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


def _is_emulated(configuration: Configuration) -> bool:
    return registry.manifest(configuration.artifact.framework).emulated
