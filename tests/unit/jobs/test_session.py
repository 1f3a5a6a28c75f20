"""The child's side of measuring: generations repeated, inferences several at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backends.benchmarking.memory import MemoryRecorder
from backends.domain.errors import BadInput, JobCancelled
from backends.domain.metric import (
    MemoryReading,
    TensorMeasurement,
    TensorWorkload,
    TokenMeasurement,
    TokenWorkload,
)
from backends.domain.model import TensorSpec
from backends.frameworks.generation import greedy
from backends.frameworks.streams import in_threads
from backends.jobs.context import CancelToken, Context
from backends.jobs.session import WorkerSession
from backends.jobs.spec import INFER, MEASURE, MEMORY, InferRequest, JobSpec, OpenRequest, WorkRequest
from tests.unit.benchmarking.fakes import configuration

JOB = Context(lambda event: None)


class FakeSession:
    """Generates in 0.1 s, infers at once; streams only where it is told to."""

    device, threads, vocabulary = "CPU", 1, 10
    kv_bytes_per_token, kv_allocated_bytes = 2.5, 40
    details = warnings = ()

    def __init__(self, streams: bool) -> None:
        if streams:
            self.infer_in_streams = self._in_streams

    def generate(self, token_ids: tuple[int, ...], new_tokens: int, job: Any) -> TokenMeasurement:
        return TokenMeasurement(len(token_ids), (0.02, 0.1))

    def tokenize(self, text: str) -> list[int]:
        return [len(word) for word in text.split()]

    def infer(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        return dict(inputs)

    def _in_streams(self, inputs: Mapping[str, Any], parallel: int, go_on: Any) -> tuple[list[float], float]:
        return in_threads(lambda: self.infer(inputs), parallel, go_on)


class FakeAdapter:
    def __init__(self, streams: bool = True) -> None:
        self._streams = streams

    def probe(self, hardware: object) -> Any:
        return type("Found", (), {"version": "1"})()

    @contextmanager
    def open(self, artifact: object, options: object) -> Iterator[FakeSession]:
        yield FakeSession(self._streams)

    def optimize(self, request: object, job: object) -> Any:
        raise NotImplementedError


class Recurrent:
    """Takes two samples at once, and scalars or a state whose first axis is something else."""

    device, threads = "CPU", 1
    details = warnings = ()

    def __init__(self, inputs: tuple[TensorSpec, ...]) -> None:
        self.inputs, self.calls = inputs, list[dict[str, tuple[int, ...]]]()

    def infer(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append({name: array.shape for name, array in inputs.items()})
        return {**inputs, "loss": np.float32(len(self.calls))}


@pytest.mark.parametrize(
    ("shapes", "calls"),
    [
        ({"x": (1, 64), "flag": ()}, 1),
        ({"x": (1, 64), "state": (2, 1, 128)}, 1),
        ({"flag": ()}, 1),
        ({"x": (4, 64), "state": (4, 128)}, 2),
    ],
    ids=str,
)
def test_inputs_are_cut_only_where_all_have_the_samples_first(
    tmp_path: Path, shapes: dict[str, tuple[int, ...]], calls: int
) -> None:
    given = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}
    np.savez(tmp_path / "in.npz", allow_pickle=False, **given)
    fake = Recurrent(tuple(TensorSpec(name, "float32", (2, *shape[1:])) for name, shape in shapes.items()))
    chosen = configuration()
    request = OpenRequest(chosen.artifact, chosen.load, tmp_path)
    session = WorkerSession(fake, nullcontext(), request, MemoryRecorder())
    out = session.answer(JobSpec(INFER, InferRequest(tmp_path / "in.npz", tmp_path / "out.npz"), "fake"), JOB)
    with np.load(out) as found:
        assert {name: found[name].shape for name in shapes} == shapes
        assert found["loss"].size == calls == len(fake.calls)
    session.answer(JobSpec(MEASURE, WorkRequest(TensorWorkload(tmp_path / "in.npz", 2, 0.0)), "fake"), JOB)
    assert fake.calls[-1] == shapes, "what is timed is whole"


def answer(
    work: TokenWorkload | TensorWorkload, streams: bool = True, job: Context = JOB, task: Any = MEASURE
) -> Any:
    chosen = configuration()
    request = OpenRequest(chosen.artifact, chosen.load, Path())
    session = WorkerSession.open(FakeAdapter(streams), request, "fake")
    try:
        return session.answer(JobSpec(task, WorkRequest(work), "fake"), job)
    finally:
        session.close()


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    path = tmp_path / "inputs.npz"
    np.savez(path, x=np.zeros((2, 3), np.float32))
    return path


def test_a_short_generation_is_repeated_until_the_time_is_over() -> None:
    measurement = answer(TokenWorkload((1, 2, 3), 2, min_duration_s=0.45))
    assert isinstance(measurement, TokenMeasurement)
    assert len(measurement.passes) == 5 and measurement.duration_s == pytest.approx(0.5)
    assert measurement.decode_tokens_per_s == pytest.approx(1 / 0.08)
    assert measurement.prefill_tokens_per_s == pytest.approx(3 / 0.02)
    assert len(measurement.gaps_s) == 5
    assert answer(TokenWorkload((1,), 2)).repeats == ()


def test_inferences_several_at_a_time(inputs: Path) -> None:
    measurement = answer(TensorWorkload(inputs, 0.0, 20, parallel=4))
    assert isinstance(measurement, TensorMeasurement)
    assert measurement.batch == 2
    assert 20 <= len(measurement.latencies_s) < 25
    assert measurement.elapsed_s is not None
    assert measurement.inferences_per_s == 2 * len(measurement.latencies_s) / measurement.elapsed_s


def test_an_engine_without_streams_says_so(inputs: Path) -> None:
    with pytest.raises(BadInput, match="one inference at a time"):
        answer(TensorWorkload(inputs, parallel=2), streams=False)


def test_a_cancel_is_heard_in_all_streams(inputs: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(JobCancelled):
        answer(TensorWorkload(inputs, parallel=2), job=Context(lambda event: None, token))


def test_memory_tells_of_the_cache_by_its_formula_and_as_it_is() -> None:
    reading = answer(TokenWorkload((1, 2, 3), 2), task=MEMORY)
    assert reading.kv_cache_bytes == 2.5 * configuration().load.context
    assert (reading.kv_allocated_bytes, reading.context) == (40, 5)
    assert reading.total_peak_bytes >= reading.baseline_bytes > 0


def test_memory_is_looked_at_when_the_prompt_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once with the model loaded, once behind the first token, once at the end."""
    told: list[str] = []

    def generate(token_ids: tuple[int, ...], new_tokens: int, job: Any) -> TokenMeasurement:
        def forward(ids: Any) -> Any:
            told.append("forward")
            return np.zeros(10, np.float32)

        return greedy(forward, token_ids, new_tokens, job)

    monkeypatch.setattr(FakeSession, "generate", lambda self, *given: generate(*given))
    monkeypatch.setattr(MemoryRecorder, "look", lambda self: told.append("look"))
    monkeypatch.setattr(MemoryRecorder, "reading", lambda self, *given: MemoryReading(1, 1, 0, 1, 1, 1, ""))
    answer(TokenWorkload((1, 2, 3), 3), task=MEMORY)
    assert told == ["look", "forward", "look", "forward", "forward"]


def test_a_text_is_split_and_its_splitting_timed() -> None:
    measurement = answer(TokenWorkload((), 1, text="one three fifteen"))
    assert measurement.prompt_tokens == 3
    assert measurement.tokenizing_s > 0
    assert measurement.ttft_user_s == measurement.tokenizing_s + 0.02
    assert answer(TokenWorkload((1,), 1)).ttft_user_s is None


def test_a_text_is_laid_out_by_the_chat_template_first() -> None:
    chat = "{% for m in messages %}{{ m.role }} {{ m.content }} {% endfor %}assistant"
    plain, laid = (answer(TokenWorkload((), 1, text="one three fifteen", chat=one)) for one in ("", chat))
    assert (plain.prompt_tokens, laid.prompt_tokens) == (3, 5)
    with pytest.raises(BadInput, match="chat template"):
        answer(TokenWorkload((), 1, text="one", chat="{% for %}"))


def test_a_text_beyond_the_context_is_cut() -> None:
    context = configuration().load.context
    assert answer(TokenWorkload((), 4, text="word " * 2 * context)).prompt_tokens == context - 4
