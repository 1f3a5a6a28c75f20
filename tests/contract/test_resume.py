"""Runs that end early: carried on where they were, or discarded. Real engines on the bundled digits."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from backends.actions.artifacts import original_artifact
from backends.actions.compare import Comparison, compare, resume
from backends.actions.energy import OFF
from backends.actions.quantize import quantize
from backends.assessment.bundled import read_bundle
from backends.benchmarking.protocol import Protocol
from backends.domain.errors import BadInput, JobCancelled, JobFailed
from backends.domain.events import Event
from backends.domain.result import ConfigurationResult
from backends.jobs.context import CancelToken, Context
from backends.storage.history import History
from backends.storage.paths import resources

BRISK = Protocol(looks=(6,), idle_s=0.0, arm_s=0.05, warm_up_s=0.05)


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    folder = tmp_path_factory.mktemp("artifacts")
    source = read_bundle(resources() / "models" / "edgewright-digits", bundled=True)
    job = Context(lambda event: None)
    made = tuple(
        quantize(source, "onnxruntime", name, folder / name, job) for name in ("INT8_STATIC", "INT8_DYNAMIC")
    )
    return Comparison(source, original_artifact(source), made, BRISK, energy=OFF)


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "history.sqlite")


def cut_off(comparison: Comparison, history: History) -> str:
    """A run that is cancelled when its first candidate is finished."""
    token, ids = CancelToken(), list[str]()

    def finished(result: ConfigurationResult) -> None:
        token.cancel()

    with pytest.raises(JobCancelled):
        compare(comparison, Context(lambda event: None, token), history, lambda: None, finished, ids.append)
    return ids[0]


def test_a_cancelled_run_goes_on_with_what_is_missing(comparison: Comparison, history: History) -> None:
    run_id = cut_off(comparison, history)
    before = history.run(run_id)
    first = before.results[0]
    assert before.state == "cancelled" and len(before.results) == 1
    record = resume(run_id, Context(lambda event: None), history)
    assert record.run_id == run_id and record.state == "finished"
    assert record.readings[: len(before.readings)] == before.readings
    again = [r for r in record.readings[len(before.readings) :] if r.comparison == first.label]
    assert again == []
    by_label = {result.label: result for result in record.results}
    assert len(by_label) == 3
    assert by_label[first.label].rates == first.rates
    assert by_label[first.label].memory == first.memory
    assert by_label[first.label].engine == first.engine
    assert all(result.quality for result in record.results)
    assert all(result.gates for result in record.results[1:])
    with pytest.raises(BadInput, match="is finished"):
        resume(run_id, Context(lambda event: None), history)


def test_a_run_of_changed_files_is_not_carried_on(
    comparison: Comparison, history: History, tmp_path: Path
) -> None:
    copy = tmp_path / "model.onnx"
    copy.write_bytes(comparison.artifacts[0].path.read_bytes())
    moved = replace(comparison, artifacts=(replace(comparison.artifacts[0], path=copy),))
    run_id = cut_off(moved, history)
    with copy.open("ab") as file:
        file.write(b"x")
    with pytest.raises(BadInput, match="no longer the file"):
        resume(run_id, Context(lambda event: None), history)
    assert history.run(run_id).state == "cancelled"


def test_a_run_that_never_was_cannot_be_resumed(history: History) -> None:
    with pytest.raises(BadInput, match="no run"):
        resume("nothing", Context(lambda event: None), history)


class FullDisk(History):
    """A history whose file may not grow beyond what it has, once it holds some readings."""

    pages = 0

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with super()._connection() as db:
            if self.pages:
                db.execute(f"PRAGMA max_page_count = {self.pages}")
            yield db


def test_a_full_disk_ends_the_run_with_a_sentence_and_keeps_what_was_written(
    comparison: Comparison, tmp_path: Path
) -> None:
    history = FullDisk(tmp_path / "history.sqlite")
    ids, seen = list[str](), list[Event]()

    def started(run_id: str) -> None:
        ids.append(run_id)
        history.pages = 1  # the least it can be held to is what it has already

    with pytest.raises(JobFailed, match="could not be written") as caught:
        compare(comparison, Context(seen.append), history, on_start=started)
    assert "--resume" in caught.value.remedy
    history.pages = 0
    cut = history.run(ids[0])
    assert all(reading.label for reading in cut.readings)
    assert cut.state == "running"  # until the next start of the program marks it as interrupted
