"""The parent's side of an open session: an :class:`~backends.frameworks.base.EngineHandle` over a process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from backends.domain.artifact import Configuration
from backends.domain.metric import (
    ChoiceItem,
    ChoiceScores,
    LoadedEngine,
    LogitsRef,
    Measurement,
    MemoryReading,
    Workload,
)
from backends.domain.runtime import Runtime
from backends.frameworks.base import JobContext
from backends.jobs import spec as tasks
from backends.jobs.launcher import WorkerProcess, wait
from backends.jobs.spec import JobSpec, Task


class RemoteEngine:
    """One artifact, open in a worker of its own. Not for use by two threads at once."""

    engine: LoadedEngine

    def __init__(self, configuration: Configuration, job: JobContext, runtime: Runtime | None = None) -> None:
        self._job = job
        self._framework = configuration.artifact.framework
        self._worker = WorkerProcess(runtime)
        self._request = tasks.OpenRequest(configuration.artifact, configuration.load, self._worker.scratch)
        try:
            self.engine = self._ask(tasks.OPEN, self._request)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        return self._worker.pid

    def measure(self, work: Workload) -> Measurement:
        measurement: Measurement = self._ask(tasks.MEASURE, tasks.WorkRequest(work))
        return measurement

    def memory(self, work: Workload) -> MemoryReading:
        reading: MemoryReading = self._ask(tasks.MEMORY, tasks.WorkRequest(work))
        return reading

    def logits(self, token_ids: Sequence[int]) -> LogitsRef:
        ref: LogitsRef = self._ask(tasks.LOGITS, tasks.LogitsRequest(tuple(token_ids)))
        return ref

    def choose(self, items: Sequence[ChoiceItem]) -> list[ChoiceScores]:
        scores: list[ChoiceScores] = self._ask(tasks.CHOOSE, tasks.ChooseRequest(tuple(items)))
        return scores

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        ids: list[list[int]] = self._ask(tasks.TOKENIZE, tasks.TokenizeRequest(tuple(texts)))
        return ids

    def infer(self, inputs: Path, output: Path) -> Path:
        path: Path = self._ask(tasks.INFER, tasks.InferRequest(inputs, output))
        return path

    def reopen(self) -> None:
        """Unload the artifact and load it again in the same process."""
        self.engine = self._ask(tasks.OPEN, self._request)

    def begin_measure(self, work: Workload) -> Callable[[], Measurement]:
        """Start and return at once; the result comes from the function. For several engines at a time."""
        return self._begin(tasks.MEASURE, tasks.WorkRequest(work))

    def begin_infer(self, inputs: Path, output: Path) -> Callable[[], Path]:
        return self._begin(tasks.INFER, tasks.InferRequest(inputs, output))

    def close(self) -> None:
        self._worker.close()

    def _ask(self, task: Task[Any, Any], payload: Any) -> Any:
        return self._begin(task, payload)()

    def _begin(self, task: Task[Any, Any], payload: Any) -> Callable[[], Any]:
        handle = self._worker.submit(JobSpec(task, payload, self._framework))
        return lambda: wait(handle, self._job)


@contextmanager
def open_engine(
    configuration: Configuration, job: JobContext, runtime: Runtime | None = None
) -> Iterator[RemoteEngine]:
    """An engine that is closed, and its process gone, at the end of the block."""
    engine = RemoteEngine(configuration, job, runtime)
    try:
        yield engine
    finally:
        engine.close()
