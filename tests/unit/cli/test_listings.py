"""What lists things for people: runs with their time in words, and every framework and tool by its name."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from backends.commands.installing import _frameworks_text
from backends.storage.history import History
from backends.storage.paths import app_paths
from tests.unit.cli.test_cli import run


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWRIGHT_HOME", str(tmp_path / "home"))


def test_a_run_is_listed_with_its_time_in_words_until_it_is_forgotten(
    capsys: pytest.CaptureFixture[str],
) -> None:
    history = History(app_paths().history)
    run_id = history.start("tiny")
    history.finish(run_id)
    (row,) = run(capsys, "history")[1].splitlines()[1:]
    assert re.fullmatch(run_id + r" +\d+ [A-Z][a-z]+ \d{4}, \d\d:\d\d UTC +tiny +finished +0", row)
    _, text, told = run(capsys, "history", "--discard", run_id)
    assert "No runs yet" in text and f"{run_id} is forgotten." in told


def test_a_run_whose_program_is_gone_is_not_under_way(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backends.storage.history._this_process", lambda: "no process")
    run_id = History(app_paths().history).start("tiny")
    assert [one["state"] for one in json.loads(run(capsys, "history", "--json")[1])["runs"]] == [
        "interrupted"
    ]
    assert "interrupted" in run(capsys, "history", run_id)[1]


def test_tools_are_listed_whether_they_are_there_or_not() -> None:
    entry = {"available": True, "version": "1.0", "devices": ["CPU"], "reason": "", "remedy": ""}
    ready, gone = {**entry, "title": "tool a"}, {**entry, "title": "tool b", "available": False}
    gone |= {"version": "", "devices": [], "reason": "not installed", "remedy": "Install it."}
    text = _frameworks_text({"frameworks": [{**entry, "title": "engine"}], "tools": [ready, gone]})
    assert [line.split("  ")[0] for line in text.splitlines()[1:4]] == ["engine", "tool a", "tool b"]
    assert text.endswith("tool b: not installed. Install it.")
