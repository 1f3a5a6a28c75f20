"""What has piled up is shown, and only what nobody needs is cleared away."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from backends import cli
from backends.actions import cleaning
from backends.actions.artifacts import save_artifact
from backends.actions.cleaning import Kept, clear, kept
from backends.actions.engines import note_use
from backends.domain.artifact import Configuration
from backends.domain.errors import BadInput
from backends.domain.result import ConfigurationResult
from backends.storage.files import PARTIAL, partial_prefix
from backends.storage.history import History
from backends.storage.paths import HOME_VARIABLE, AppPaths, app_paths, resources
from tests.unit.samples import artifact

DAY_S = 86_400


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppPaths:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    return app_paths()


@pytest.fixture
def history(paths: AppPaths) -> History:
    return History(paths.history)


def put(folder: Path, days_ago: float = 0.0, size: int = 1000) -> Path:
    folder.mkdir(parents=True)
    (folder / "model.gguf").write_bytes(bytes(size))
    save_artifact(folder, replace(artifact(), name="tiny", path=folder / "model.gguf"))
    then = time.time() - days_ago * DAY_S
    os.utime(folder, (then, then))
    return folder


def names(found: tuple[Kept, ...], chosen: Callable[[Kept], bool] = lambda one: True) -> list[str]:
    return [one.path.name for one in found if chosen(one)]


def test_everything_is_listed_by_kind_the_largest_first(paths: AppPaths, history: History) -> None:
    put(paths.artifacts / "small")
    put(paths.artifacts / "large", size=5000)
    put(paths.conversions / "abc")
    (paths.data / "hub" / "models--a--b").mkdir(parents=True)
    (paths.artifacts / f"{PARTIAL}1-1-x").mkdir()
    paths.references.mkdir(parents=True)
    (paths.references / "tiny-F16-0123.npz").write_bytes(bytes(9))
    found = kept(paths, history)
    assert [one.kind for one in found] == [
        *("artifact", "artifact", "conversion"),
        *("download", "half-made", "reference"),
    ]
    assert names(found)[:3] == ["large", "small", "abc"]
    assert found[0].size_bytes > 5000
    assert found[0].name.startswith("tiny, ")
    assert not any(one.needed for one in found)


def test_nothing_is_there_at_first(paths: AppPaths, history: History) -> None:
    assert kept(paths, history) == ()
    assert not paths.data.exists()


def test_what_lay_unused_for_so_long_goes(paths: AppPaths, history: History) -> None:
    put(paths.artifacts / "new")
    old = put(paths.artifacts / "old", days_ago=40)
    found = clear(kept(paths, history), older_than_days=30)
    assert names(found, lambda one: one.removed) == ["old"]
    assert not old.exists()
    assert names(kept(paths, history)) == ["new"]
    assert names(clear(kept(paths, history)), lambda one: one.removed) == ["new"]
    assert list(paths.artifacts.iterdir()) == []


def test_what_a_stored_run_measured_stays_unless_asked(paths: AppPaths, history: History) -> None:
    folder = put(paths.artifacts / "measured", days_ago=40)
    put(paths.artifacts / "other", days_ago=40)
    run = history.start("tiny")
    measured = replace(artifact(), path=folder / "model.gguf", source=Path("elsewhere"))
    history.put_result(run, ConfigurationResult(Configuration(measured)))
    found = clear(kept(paths, history))
    assert {one.path.name: (one.runs, one.removed) for one in found} == {
        "measured": ((run,), False),
        "other": ((), True),
    }
    assert names(clear(kept(paths, history), needed_too=True), lambda one: one.removed) == ["measured"]
    assert history.run(run).results  # the figures stay


def test_what_a_running_window_may_use_stays_whatever_is_asked(
    paths: AppPaths, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(paths.artifacts / "before", days_ago=2)
    put(paths.artifacts / "since")
    monkeypatch.setattr(cleaning, "running_since", lambda _: time.time() - DAY_S)
    found = clear(kept(paths, history), needed_too=True)
    assert names(found, lambda one: one.removed) == ["before"]
    assert names(found, lambda one: one.in_use) == ["since"]


def test_what_is_being_made_now_stays(paths: AppPaths, history: History) -> None:
    (paths.artifacts / f"{partial_prefix()}x").mkdir(parents=True)
    (paths.artifacts / f"{PARTIAL}1-1-x").mkdir()
    found = clear(kept(paths, history))
    assert sorted(one.removed for one in found) == [False, True]
    assert [path.name for path in paths.artifacts.iterdir()] == [f"{partial_prefix()}x"]


def test_use_is_noted(paths: AppPaths, history: History) -> None:
    folder = put(paths.artifacts / "old", days_ago=40)
    note_use(folder / "model.gguf")
    note_use(Path("elsewhere"))
    assert names(clear(kept(paths, history), older_than_days=30), lambda one: one.removed) == []


def test_what_cannot_be_removed_says_so(
    paths: AppPaths, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(paths.artifacts / "mine")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    (found,) = clear(kept(paths, history))
    assert (found.removed, found.problem) == (False, "It could not be removed: Permission denied.")


def test_a_negative_time_is_refused(paths: AppPaths, history: History) -> None:
    with pytest.raises(BadInput):
        clear((), older_than_days=-1)


def test_the_command_shows_first_and_removes_when_asked(
    paths: AppPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    put(paths.artifacts / "old", days_ago=40)
    schema = json.loads((resources() / "schemas" / "clean.json").read_text())
    assert cli.main(["clean"]) == 0
    assert "free to go" in capsys.readouterr().out
    assert cli.main(["clean", "--of-runs"]) == 2
    capsys.readouterr()
    for words, removed in (([], False), (["--older-than", "50"], False), (["--all"], True)):
        assert cli.main(["clean", "--json", *words]) == 0
        document = json.loads(capsys.readouterr().out)
        jsonschema.validate(document, schema)
        assert [one["removed"] for one in document["things"]] == [removed]
    assert list(paths.artifacts.iterdir()) == []
