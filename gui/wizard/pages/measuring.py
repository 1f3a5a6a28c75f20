"""The benchmark as an action for the runner, and the gate at which it waits while the user has paused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from backends.benchmarking.protocol import QUICK, STANDARD, THOROUGH
from backends.domain.artifact import Artifact, Configuration, LoadOptions, Option
from backends.domain.model import SourceModel
from backends.domain.result import ConfigurationResult, RunRecord
from backends.frameworks.base import JobContext
from backends.jobs.context import Context
from backends.optimization.gates import Gates, default_gates, known_thresholds, with_thresholds
from backends.storage.history import History
from backends.storage.settings import Settings
from backends.workflow.wizard import WizardState

if TYPE_CHECKING:
    from backends.actions.compare import Comparison

PLANS = {"quick": QUICK, "standard": STANDARD, "thorough": THOROUGH}


class PauseGate:
    """Open or closed by the window, passed by the worker's thread; ``on_hold`` when that has to wait."""

    def __init__(self, on_hold: Callable[[], None] = lambda: None) -> None:
        self._on_hold = on_hold
        self._open = threading.Event()
        self._open.set()

    @property
    def paused(self) -> bool:
        return not self._open.is_set()

    def pause(self) -> None:
        self._open.clear()

    def resume(self) -> None:
        self._open.set()

    def wait(self, job: JobContext) -> None:
        """Block while paused. Raises JobCancelled where the job is cancelled meanwhile.

        Looks once: a pause that comes just behind that holds at the next gate, where ``on_hold`` tells of it.
        """
        if self.paused:
            self._on_hold()
            forget = job.token.on_cancel(self.resume) if isinstance(job, Context) else self.resume
            self._open.wait()
            forget()
        job.check_cancelled()


@dataclass(frozen=True)
class Work:
    """What one run of the Benchmark page measures. ``depth``: "quick", "standard" or "thorough".

    ``shared`` is how all are opened, ``load`` the options of single ones, in the command line's words.
    ``stress``: with a stress run of each artifact. Other ``gates``, or stress, alone are no reason to measure
    again.
    """

    source: SourceModel
    original: Artifact
    artifacts: tuple[Artifact, ...]
    depth: str = "quick"
    shared: LoadOptions = field(default_factory=LoadOptions)
    load: Mapping[str, Option] = field(default_factory=dict)
    gates: Gates = field(default_factory=default_gates, compare=False)
    stress: bool = field(default=True, compare=False)

    def configurations(self) -> tuple[Configuration, ...]:
        """The original first; for labels and colours, which do not depend on how each is opened."""
        return tuple(Configuration(artifact) for artifact in (self.original, *self.artifacts))

    def is_like(self, other: Work | None) -> bool:
        """Of the same model, opened in the same way: results of one say something of the other."""
        if other is None:
            return False
        mine, others = (self.source, self.shared, self.load), (other.source, other.shared, other.load)
        return mine == others


def work_of(state: WizardState, settings: Settings) -> Work | None:
    """What there is to measure now; ``None`` where nothing was made."""
    if state.source is None or state.original is None or not state.made:
        return None
    return Work(
        state.source,
        state.original,
        state.made,
        settings.benchmark_depth if settings.benchmark_depth in PLANS else "quick",
        state.opening.shared,
        state.opening.words(state.to_measure),
        with_thresholds(default_gates(), known_thresholds(settings.gate_thresholds)),
        settings.benchmark_stress,
    )


@dataclass(frozen=True)
class Ears:
    """What the worker's thread calls while it measures."""

    gate: Callable[[], None]
    on_start: Callable[[str], None]
    on_result: Callable[[ConfigurationResult], None]


def measure(work: Work, job: JobContext, history: History, ears: Ears) -> RunRecord:
    """Runs in the worker's thread, where the imports cost the window nothing."""
    from backends.actions.compare import compare
    from backends.actions.devices import check_device

    check_device(work.shared.device, (one.framework for one in (work.original, *work.artifacts)), job)
    return compare(comparison_of(work), job, history, ears.gate, ears.on_result, ears.on_start)


def comparison_of(work: Work) -> Comparison:
    """Raises BadInput for an option of opening that will not do."""
    from backends.actions.bench import DEPTHS
    from backends.actions.compare import Comparison
    from backends.actions.opening import opened_with
    from backends.optimization.stress import STRESS_PLANS

    usual = Comparison(
        work.source,
        work.original,
        work.artifacts,
        DEPTHS[work.depth],
        context=work.shared.context,
        device=work.shared.device,
        threads=work.shared.threads,
        gates=work.gates,
        stress=STRESS_PLANS[work.depth] if work.stress else None,
    )
    return replace(usual, opened=opened_with(usual.configurations(), work.load)) if work.load else usual


def carry_on(run_id: str, job: JobContext, history: History, ears: Ears) -> RunRecord:
    """A run that was stopped or cut off goes on; what it has whole is not measured again."""
    from backends.actions.compare import resume

    return resume(run_id, job, history, ears.gate, ears.on_result)
