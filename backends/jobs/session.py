"""The child's side of an open session: what the adapter opened, and the commands that use it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from backends.benchmarking.memory import GpuBytes, MemoryRecorder
from backends.domain.artifact import Artifact, LoadOptions
from backends.domain.errors import BadInput
from backends.domain.metric import (
    ChoiceScores,
    LoadedEngine,
    LogitsRef,
    Measurement,
    MemoryReading,
    TensorMeasurement,
    TensorWorkload,
    TokenMeasurement,
    TokenWorkload,
    Workload,
)
from backends.frameworks.base import Adapter, JobContext, LanguageSession, TensorSession
from backends.frameworks.chat import laid_out
from backends.frameworks.samples import samples_of
from backends.jobs.spec import (
    CHOOSE,
    INFER,
    LOGITS,
    MEASURE,
    MEMORY,
    ChooseRequest,
    InferRequest,
    JobSpec,
    LogitsRequest,
    OpenRequest,
    TokenizeRequest,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from backends.hardware.nvml import Nvml

INFER_BATCH = 64


class WorkerSession:
    """One artifact, opened once."""

    def __init__(
        self,
        session: Any,
        closing: AbstractContextManager[Any],
        request: OpenRequest,
        recorder: MemoryRecorder,
    ) -> None:
        self._session = session
        self._recorder = recorder
        self._closing = closing
        self._artifact: Artifact = request.artifact
        self._context_tokens = request.options.context
        self._scratch = request.scratch
        self._arrays = 0
        self.engine: LoadedEngine

    @classmethod
    def open(cls, adapter: Adapter, request: OpenRequest, framework: str) -> WorkerSession:
        """Load the artifact and time it; the memory marks start from the runtime without a model."""
        version = adapter.probe(None).version
        recorder = MemoryRecorder(gpu_bytes=_gpu_bytes(request.options))
        began = time.perf_counter()
        closing = adapter.open(request.artifact, request.options)
        session = closing.__enter__()
        opened = cls(session, closing, request, recorder)
        opened.engine = LoadedEngine(
            framework,
            version,
            session.device,
            session.threads,
            time.perf_counter() - began,
            recorder.baseline_bytes,
            tuple(session.details),
            tuple(session.warnings),
            getattr(session, "bos_id", None),
            getattr(session, "vocabulary", None),
        )
        return opened

    def close(self) -> None:
        self._closing.__exit__(None, None, None)

    def answer(self, spec: JobSpec[Any, Any], job: JobContext) -> Any:
        if spec.task == MEASURE:
            return self._measure(spec.payload.work, job)
        if spec.task == MEMORY:
            return self._memory(spec.payload.work, job)
        if spec.task == LOGITS:
            return self._logits(spec.payload)
        if spec.task == CHOOSE:
            return self._choose(spec.payload, job)
        if spec.task == INFER:
            return self._infer(spec.payload, job)
        return self._tokenize(spec.payload)

    def _measure(self, work: Workload, job: JobContext) -> Measurement:
        if isinstance(work, TokenWorkload):
            return self._tokens(work, job)
        return self._repeat(work, job)

    def _tokens(self, work: TokenWorkload, job: JobContext) -> TokenMeasurement:
        """Whole generations, one after the other, until the asked-for time has passed."""
        first = self._generation(work, job)
        spent_s, repeats = first.duration_s, list[tuple[float, ...]]()
        while spent_s < work.min_duration_s:
            repeats.append(self._generation(work, job).token_times_s)
            spent_s += repeats[-1][-1]
        return replace(first, repeats=tuple(repeats)) if repeats else first

    def _generation(self, work: TokenWorkload, job: JobContext) -> TokenMeasurement:
        if work.text:
            return self._from_text(work, job)
        if work.sampling:
            return self._language.generate(work.token_ids, work.new_tokens, job)
        feed = getattr(self._session, "feed", None)
        if feed is None:
            raise BadInput(
                f"{self.engine.framework} cannot be measured without choosing tokens, as llama-bench does.",
                "Choose llama.cpp for the figures that are to be held against llama-bench.",
            )
        measurement: TokenMeasurement = feed(work.token_ids, work.new_tokens, job)
        return measurement

    def _from_text(self, work: TokenWorkload, job: JobContext) -> TokenMeasurement:
        began = time.perf_counter()
        text = laid_out(work.chat, work.text) if work.chat else work.text
        ids = tuple(self._language.tokenize(text))[: self._context_tokens - work.new_tokens]
        took_s = time.perf_counter() - began
        return replace(self._language.generate(ids, work.new_tokens, job), tokenizing_s=took_s)

    def _repeat(self, work: TensorWorkload, job: JobContext) -> TensorMeasurement:
        inputs = read_arrays(work.inputs)
        if work.parallel > 1:
            return self._in_streams(work, inputs, job)
        latencies: list[float] = []
        infer = self._bound(inputs)
        began = time.perf_counter()
        while len(latencies) < work.min_repeats or time.perf_counter() - began < work.min_duration_s:
            job.check_cancelled()
            start = time.perf_counter()
            infer()
            latencies.append(time.perf_counter() - start)
        return TensorMeasurement(samples_of(inputs) or 1, tuple(latencies))

    def _bound(self, inputs: dict[str, NDArray[np.generic]]) -> Callable[[], object]:
        """With the inputs in place where the session offers it: what Python takes to hand them over, and the
        outputs back, is no part of the engine, and for a small model a sixth of its time."""
        self._tensor.infer(inputs)  # refuses with a sentence what does not fit
        bound = getattr(self._session, "bound", None)
        return bound(inputs) if bound is not None else lambda: self._tensor.infer(inputs)

    def _in_streams(
        self, work: TensorWorkload, inputs: dict[str, NDArray[np.generic]], job: JobContext
    ) -> TensorMeasurement:
        """Several inferences at a time, where the session offers it."""
        stream = getattr(self._session, "infer_in_streams", None)
        if stream is None:
            raise BadInput(
                f"{self.engine.framework} runs one inference at a time here.",
                "Change something else in steps (--over).",
            )
        began = time.perf_counter()

        def go_on(done: int) -> bool:
            job.check_cancelled()
            return done < work.min_repeats or time.perf_counter() - began < work.min_duration_s

        latencies, elapsed_s = stream(inputs, work.parallel, go_on)
        return TensorMeasurement(samples_of(inputs) or 1, tuple(latencies), elapsed_s)

    def _memory(self, work: Workload, job: JobContext) -> MemoryReading:
        """Looked at with the model loaded, with the prompt computed, and at the end."""
        self._recorder.look()
        self._measure(work, _Watched(job, self._recorder.look))
        per_token: float | None = getattr(self._session, "kv_bytes_per_token", None)
        cache = round(per_token * self._context_tokens) if per_token else None
        reading = replace(
            self._recorder.reading(self._artifact.size_bytes, cache),
            kv_allocated_bytes=getattr(self._session, "kv_allocated_bytes", None),
            context=len(work.token_ids) + work.new_tokens if isinstance(work, TokenWorkload) else None,
        )
        counted: int | None = getattr(self._session, "engine_peak_bytes", None)
        if counted is None:
            return reading
        source = f"{reading.source}; the engine itself counts {counted / 1e6:,.1f} MB"
        return replace(reading, source=source, engine_peak_bytes=counted)

    def _logits(self, request: LogitsRequest) -> LogitsRef:
        import numpy as np

        logits = self._language.logits(request.token_ids)
        self._arrays += 1
        path = self._scratch / f"logits-{self._arrays}.npy"
        np.save(path, logits, allow_pickle=False)
        return LogitsRef(path, *logits.shape)

    def _choose(self, request: ChooseRequest, job: JobContext) -> list[ChoiceScores]:
        from backends.quality.scoring import score_choices

        scores = []
        for item in request.items:
            job.check_cancelled()
            scores.append(score_choices(self._language.logits, item))
        return scores

    def _tokenize(self, request: TokenizeRequest) -> list[list[int]]:
        return [self._language.tokenize(text) for text in request.texts]

    def _infer(self, request: InferRequest, job: JobContext) -> Any:
        """The samples in batches, outputs joined along the first axis; in one call where that is no batch."""
        import numpy as np

        inputs = read_arrays(request.inputs)
        total, batch = samples_of(inputs), self._batch()
        if total is None or total <= batch:
            outputs: dict[str, Any] = self._tensor.infer(inputs)
        else:
            parts: list[dict[str, NDArray[np.generic]]] = []
            for start in range(0, total, batch):
                job.check_cancelled()
                parts.append(self._tensor.infer({k: v[start : start + batch] for k, v in inputs.items()}))
            outputs = {name: _joined([part[name] for part in parts]) for name in parts[0]}
        np.savez(request.output, allow_pickle=False, **outputs)
        return request.output

    def _batch(self) -> int:
        """As many samples as the model takes at once: its own number where that is fixed."""
        leading = {spec.shape[0] for spec in self._tensor.inputs if spec.shape}
        fixed = [size for size in leading if isinstance(size, int) and size > 0]
        return min(fixed, default=INFER_BATCH)

    @property
    def _language(self) -> LanguageSession:
        session: LanguageSession = self._session
        return session

    @property
    def _tensor(self) -> TensorSession:
        session: TensorSession = self._session
        return session


class _Watched:
    """A job that wants to know when the first token of a generation is there."""

    def __init__(self, job: JobContext, prefilled: Callable[[], None]) -> None:
        self.emit, self.check_cancelled, self.prefilled = job.emit, job.check_cancelled, prefilled


def _gpu_bytes(options: LoadOptions) -> GpuBytes | None:
    """NVIDIA's library is loaded where something other than the CPU is asked for: starting it takes time."""
    if options.device.upper() == "CPU":
        return None
    library = _nvml()
    return library.process_bytes if library is not None else None


@cache
def _nvml() -> Nvml | None:
    """Once a process: a model may be opened again and again."""
    from backends.hardware import nvml

    return nvml.connect()


def _joined(parts: list[NDArray[np.generic]]) -> NDArray[np.generic]:
    """An output without axes is one figure a batch."""
    import numpy as np

    return np.concatenate(parts) if parts[0].ndim else np.stack(parts)


def read_arrays(path: Any) -> dict[str, NDArray[np.generic]]:
    import numpy as np

    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
