"""The benchmark as an action for the runner, and the gate at which it waits while the user has paused."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from backends.domain.artifact import Artifact
from backends.domain.model import SourceModel
from backends.domain.result import ConfigurationResult, RunRecord
from backends.frameworks.base import JobContext
from backends.jobs.context import Context
from backends.optimization.gates import Gates, default_gates
from backends.storage.history import History


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
        """Block while paused. Raises JobCancelled where the job is cancelled meanwhile."""
        if self.paused:
            self._on_hold()
        forget = job.token.on_cancel(self.resume) if isinstance(job, Context) else self.resume
        self._open.wait()
        forget()
        job.check_cancelled()


@dataclass(frozen=True)
class Work:
    """What one run of the Benchmark page measures. ``depth``: "quick", "standard" or "thorough".

    ``stress``: with a stress run of each artifact. Other ``gates``, or stress, alone are no reason to measure
    again.
    """

    source: SourceModel
    original: Artifact
    artifacts: tuple[Artifact, ...]
    depth: str = "quick"
    gates: Gates = field(default_factory=default_gates, compare=False)
    stress: bool = field(default=True, compare=False)


@dataclass(frozen=True)
class Ears:
    """What the worker's thread calls while it measures."""

    gate: Callable[[], None]
    on_start: Callable[[str], None]
    on_result: Callable[[ConfigurationResult], None]


def measure(work: Work, job: JobContext, history: History, ears: Ears) -> RunRecord:
    """Runs in the worker's thread, where the imports cost the window nothing."""
    from backends.actions.bench import DEPTHS
    from backends.actions.compare import Comparison, compare
    from backends.optimization.stress import STRESS_PLANS

    comparison = Comparison(
        work.source,
        work.original,
        work.artifacts,
        DEPTHS[work.depth],
        gates=work.gates,
        stress=STRESS_PLANS[work.depth] if work.stress else None,
    )
    return compare(comparison, job, history, ears.gate, ears.on_result, ears.on_start)


def carry_on(run_id: str, job: JobContext, history: History, ears: Ears) -> RunRecord:
    """A run that was stopped or cut off goes on; what it has whole is not measured again."""
    from backends.actions.compare import resume

    return resume(run_id, job, history, ears.gate, ears.on_result)
