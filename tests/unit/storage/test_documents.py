"""Measurements that are no comparison, what runs were asked for, and the way both go again."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends import cli
from backends.storage.history import History
from backends.storage.paths import HOME_VARIABLE, app_paths


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    return History(app_paths().history)


def test_documents_are_kept_newest_first(history: History) -> None:
    first = history.keep_document("sweep", "model", {"over": "threads"})
    second = history.keep_document("sustained", "model", {"kept": 0.9})
    assert [one.document_id for one in history.documents()] == [second, first]
    assert history.document(first) == {"over": "threads"}
    assert history.document("nothing") is None
    assert history.runs() == []


def test_a_request_goes_with_its_run(history: History) -> None:
    run_id = history.start("model", request={"threads": 2})
    assert history.request(run_id) == {"threads": 2}
    history.delete(run_id)
    assert history.request(run_id) is None


def test_discard(history: History, capsys: pytest.CaptureFixture[str]) -> None:
    cancelled, kept = history.start("model"), history.keep_document("sweep", "model", {})
    assert cli.main(["history", "--discard", cancelled]) == 2
    assert "under way" in capsys.readouterr().err
    history.finish(cancelled, "cancelled")
    assert cli.main(["history", "--discard", cancelled]) == 0
    assert cli.main(["history", "--discard", kept]) == 0
    assert history.runs() == [] and history.documents() == []
    assert cli.main(["history", "--discard", kept]) == 2


@pytest.mark.parametrize("words", [["bench"], ["bench", "model", "--resume", "x"]])
def test_bench_takes_artifacts_or_a_run(
    words: list[str], history: History, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 2
    assert "--resume" in capsys.readouterr().err
