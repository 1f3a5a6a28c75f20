"""What the history keeps: everything, in order, even of a run that was cut off."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from backends.domain.artifact import Artifact, Configuration
from backends.domain.errors import BadInput
from backends.domain.metric import Interval, TensorMeasurement, TokenMeasurement
from backends.domain.model import ModelFormat, ModelKind, TensorContents
from backends.domain.result import ConfigurationResult, DataFile, Flag, Reading, RunSetup, Stage, Trial
from backends.storage.history import History
from tests.unit.samples import machine


def result(precision: str = "Q4_K_M", rate: float = 41.2) -> ConfigurationResult:
    artifact = Artifact(
        name="model",
        framework="llamacpp",
        precision=precision,
        format=ModelFormat.GGUF,
        kind=ModelKind.LANGUAGE,
        path=Path("model.gguf"),
        size_bytes=100,
        contents=TensorContents({"Q4_K": 31, "F32": 11}, 1000, 600, 4.8),
        source=Path("source.gguf"),
        options={"pure": False, "threads": 2, "kind": "x"},
    )
    rates = {"decode_tokens_per_s": Interval(rate, rate - 1, rate + 1, 0.983, 6)}
    return ConfigurationResult(Configuration(artifact), rates=rates, label=f"llama.cpp {precision}")


def reading(pair: int) -> Reading:
    flags = (Flag("another program used 31 % of a core", 1.5),)
    return Reading("llama.cpp Q4_K_M", pair, 0, 1.0, TokenMeasurement(4, (0.1, 0.2)), flags)


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "deep" / "history.sqlite3")


def test_what_is_stored_comes_back_the_same(history: History) -> None:
    run_id = history.start("model", notes=("busy",))
    tensor = replace(reading(1), measurement=TensorMeasurement(8, (0.01, 0.02)))
    for stored in (reading(0), tensor):
        history.add_reading(run_id, stored)
    history.put_result(run_id, result())
    history.finish(run_id)
    record = history.run(run_id)
    assert record.results == (result(),)
    assert record.readings == (reading(0), tensor)
    assert (record.model, record.state, record.notes) == ("model", "finished", ("busy",))


def test_a_newer_result_of_the_same_configuration_replaces_the_older(history: History) -> None:
    run_id = history.start("model")
    history.put_result(run_id, result(rate=1.0))
    history.put_result(run_id, result(rate=2.0))
    assert [r.rates["decode_tokens_per_s"].estimate for r in history.run(run_id).results] == [2.0]


def test_a_run_that_was_cut_off_is_marked_and_keeps_what_it_had(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = history.start("model")
    history.add_reading(run_id, reading(0))
    assert history.mark_interrupted() == 0, "this process is alive"
    monkeypatch.setattr("backends.storage.history._is_alive", lambda process: False)
    assert history.mark_interrupted() == 1
    assert history.mark_interrupted() == 0
    assert history.run(run_id).state == "interrupted"
    assert len(history.run(run_id).readings) == 1


def test_deleting_a_run_takes_its_readings_along(history: History, tmp_path: Path) -> None:
    run_id = history.start("model")
    history.add_reading(run_id, reading(0))
    history.delete(run_id)
    assert history.runs() == []
    with sqlite3.connect(tmp_path / "deep" / "history.sqlite3") as db:
        assert db.execute("SELECT count(*) FROM reading").fetchone() == (0,)
    db.close()


def test_newest_first(history: History) -> None:
    ids = [history.start(name) for name in ("a", "b")]
    assert [summary.run_id for summary in history.runs()] == ids[::-1]


def test_an_unknown_run(history: History) -> None:
    with pytest.raises(BadInput, match="no run"):
        history.run("nothing")


def test_a_file_that_is_no_history(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"
    path.write_bytes(b"not a database, but long enough to be taken for one" * 100)
    with pytest.raises(BadInput, match="cannot be used"):
        History(path).runs()


def test_a_history_of_another_version(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(BadInput, match="another version"):
        History(path).runs()


def test_machine_and_setup_are_kept_with_the_run(history: History) -> None:
    setup = RunSetup(
        "0.1", (6, 12), 1, 512, 128, 1.0, 2.0, 0.983, 10_000, 0, 1024, 0, tasks=DataFile("t", "ab")
    )
    run_id = history.start("model", machine(), setup=setup)
    assert (history.run(run_id).machine, history.run(run_id).setup) == (machine(), setup)
    final = replace(setup, hashes={"llama.cpp Q4_K_M": {"model.gguf": "cd"}})
    history.amend(run_id, final, ("busy",))
    assert (history.run(run_id).setup, history.run(run_id).notes) == (final, ("busy",))


def test_two_configurations_that_differ_in_threads_only_are_two_results(history: History) -> None:
    run_id = history.start("model")
    for threads in (1, 2):
        history.put_result(run_id, replace(result(), label=f"llama.cpp Q4_K_M (CPU, {threads} threads)"))
    assert len(history.run(run_id).results) == 2


def test_stages_are_kept_as_they_end_and_go_with_the_run(history: History) -> None:
    run_id = history.start("model")
    first = Stage("baseline", "kept", ("The start.",), result("F16"), took_s=1.5)
    second = Stage("acceleration", "skipped", ("Nothing.",), trials=(Trial("Threads", "2", None, "No."),))
    history.add_stages(run_id, [first])
    history.add_stages(run_id, [second])
    assert history.run(run_id).stages == (first, second)
    history.delete(run_id)
    assert history.runs() == []


def test_only_a_run_that_was_cut_off_is_resumed(history: History) -> None:
    run_id = history.start("model")
    with pytest.raises(BadInput):
        history.resume(run_id)
    history.finish(run_id, "interrupted")
    history.resume(run_id)
    assert history.run(run_id).state == "running"


def test_a_history_without_stages_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"
    old = History(path)
    run_id = old.start("model")
    db = sqlite3.connect(path)
    newer = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN ('run', 'result', 'reading')"
    for (table,) in db.execute(newer).fetchall():
        db.execute(f"DROP TABLE {table}")
    db.execute("PRAGMA user_version = 1")
    db.commit()
    db.close()
    history = History(path)
    assert history.run(run_id).stages == ()
    history.add_stages(run_id, [Stage("baseline", "kept", ("x",))])
    assert len(History(path).run(run_id).stages) == 1


def test_two_may_begin_a_history_at_the_same_moment(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: History(path).start(f"model {number}"), range(24)))
    assert {run.run_id for run in History(path).runs()} == set(made)
