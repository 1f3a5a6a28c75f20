"""Fetching a model through a real child process: kept by commit, whole or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from backends.actions import fetch
from backends.actions.assess import assess
from backends.domain.errors import BadInput, JobCancelled, JobFailed
from backends.domain.events import Event, Log
from backends.domain.model import ModelFormat
from backends.jobs.context import CancelToken, Context
from backends.sources.shapes import Shape, write_folder
from tests.conftest import ROOT
from tests.unit.sources.server import OTHER_COMMIT, Behaviour, serving, small_model
from tests.unit.sources.test_shapes import TINY

MODEL = fetch.parse("owner/name")
TOKEN = "hf_secretsecretsecret"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("EDGEWRIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "no-such-home"))
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "HF_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


def quiet(events: list[Event] | None = None, token: CancelToken | None = None) -> Context:
    return Context(lambda event: events.append(event) if events is not None else None, token)


def leftovers(home: Path) -> list[str]:
    return [path.name for path in (home / "data" / "hub").glob("*/.edgewright-partial-*")]


def test_a_model_is_kept_under_its_commit_and_fetched_once(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    behaviour = Behaviour()
    with serving(behaviour) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        first = fetch.fetch(MODEL, quiet())
        asked = len(behaviour.asked)
        second = fetch.fetch(MODEL, quiet())
    assert first.commit == behaviour.commit and first.folder.name == behaviour.commit
    assert first.path == first.folder and (first.folder / "model.safetensors").is_file()
    assert first.downloaded_bytes > 0 and second.downloaded_bytes == 0
    assert second.folder == first.folder
    assert len(behaviour.asked) == asked + 1  # what the revision stands for, and no file
    assert json.loads((first.folder / fetch.ORIGIN).read_text())["commit"] == behaviour.commit
    assert not leftovers(home)


def test_a_new_commit_lies_beside_the_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    behaviour = Behaviour()
    with serving(behaviour) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        first = fetch.fetch(MODEL, quiet())
        behaviour.commit = OTHER_COMMIT
        second = fetch.fetch(MODEL, quiet())
    assert first.folder != second.folder and first.folder.is_dir()


def test_a_file_that_was_damaged_here_is_fetched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Behaviour()) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        kept = fetch.fetch(MODEL, quiet()).folder / "model.safetensors"
        kept.write_bytes(b"cut")
        fetch.fetch(MODEL, quiet())
    assert kept.read_bytes() == small_model()["model.safetensors"]


def test_without_a_server_the_last_copy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Behaviour()) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        kept = fetch.fetch(MODEL, quiet())
    events: list[Event] = []
    again = fetch.fetch(MODEL, quiet(events))
    assert (again.folder, again.downloaded_bytes) == (kept.folder, 0)
    assert any(isinstance(event, Log) and "copy that is here" in event.text for event in events)
    with pytest.raises(JobFailed, match="cannot be reached"):
        fetch.fetch(fetch.parse("owner/another"), quiet())


def test_a_cancelled_download_goes_on_where_it_was(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server holds the line: the child that waits for it is ended, and its part stays."""
    token, behaviour = CancelToken(), Behaviour(hold=threading.Event())
    user = threading.Thread(target=lambda: (behaviour.holding.wait(60), token.cancel()))
    with serving(behaviour) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        user.start()
        with pytest.raises(JobCancelled):
            fetch.fetch(MODEL, quiet(token=token))
        user.join()
        assert leftovers(home) and not list((home / "data" / "hub").glob("*/snapshots/*"))
        assert behaviour.hold is not None
        behaviour.hold.set()
        behaviour.hold = None
        fetched = fetch.fetch(MODEL, quiet())
    assert (fetched.folder / "model.safetensors").read_bytes() == small_model()["model.safetensors"]
    assert len(behaviour.downloads("config.json")) == 1
    assert not leftovers(home)


def test_clearing_away_leaves_a_running_download_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that goes on where an earlier one was: its folder is older than the process that downloads."""
    behaviour, cleared = Behaviour(hold=threading.Event()), list[str]()
    root = home / "data" / "hub" / "models--owner--name"
    root.mkdir(parents=True)
    os.utime(root, (0, 0))
    token = CancelToken()

    def clear() -> None:
        behaviour.holding.wait(60)
        try:
            cleared.append(cleared_elsewhere())
        finally:
            token.cancel()

    user = threading.Thread(target=clear)
    with serving(behaviour) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        user.start()
        with pytest.raises(JobCancelled):
            fetch.fetch(MODEL, quiet(token=token))
        user.join()
    (thing,) = json.loads(cleared[0])["things"]
    assert (thing["kind"], thing["in_use"], thing["removed"]) == ("download", True, False)
    assert leftovers(home)


def cleared_elsewhere() -> str:
    command = [sys.executable, "-m", "backends.cli", "clean", "--all", "--json"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_remote_code_is_refused_before_the_weights_come(monkeypatch: pytest.MonkeyPatch) -> None:
    config = b'{"architectures": ["Own"], "auto_map": {"AutoModel": "modeling_own.Own"}}'
    behaviour = Behaviour(files={**small_model(), "config.json": config})
    with serving(behaviour) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        with pytest.raises(BadInput, match="remote code"):
            fetch.fetch(MODEL, quiet())
    assert not behaviour.downloads("model.safetensors")


def test_a_gated_model_comes_with_the_token_and_the_token_stays_nowhere(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Event] = []
    with serving(Behaviour(token=TOKEN)) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        with pytest.raises(BadInput, match="private or gated"):
            fetch.fetch(MODEL, quiet(events))
        fetch.fetch(MODEL, quiet(events), token=TOKEN)
    assert TOKEN not in repr(events)
    kept = [path for path in home.rglob("*") if path.is_file()]
    assert kept and not any(TOKEN.encode() in path.read_bytes() for path in kept)


def test_one_of_several_models_is_opened_by_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"m-q4.gguf": b"GGUF" + b"4" * 2000, "m-q8.gguf": b"GGUF" + b"8" * 2000, "README.md": b"words"}
    with serving(Behaviour(files=files)) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        with pytest.raises(BadInput, match="2 models"):
            fetch.fetch(MODEL, quiet())
        q8 = fetch.fetch(MODEL, quiet(), files=("*q8.gguf",))
        q4 = fetch.fetch(MODEL, quiet(), files=("*q4.gguf",))
    assert q8.path.name == "m-q8.gguf" and q4.path.name == "m-q4.gguf"
    assert q8.folder != q4.folder and not (q8.folder / "m-q4.gguf").exists()


def test_the_models_to_choose_from_are_told_with_their_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {
        "onnx/model.onnx": b"o" * 20,
        "onnx/model.onnx_data": b"d" * 500,
        "onnx/model.onnx_data_1": b"e" * 90,
    }
    files = {**parts, "onnx/model_q4.onnx": b"q" * 80, "README.md": b"words"}
    with serving(Behaviour(files=files)) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        seen = fetch.look(MODEL, quiet())
        assert seen.files == ()
        assert [(one.name, one.size_bytes) for one in seen.choices] == [
            ("onnx/model_q4.onnx", 80),
            ("onnx/model.onnx", 610),
        ]
        chosen = fetch.look(MODEL, quiet(), ("onnx/model.onnx",))
        here = fetch.bring(chosen, quiet())
        again = fetch.fetch(MODEL, quiet(), ("onnx/model.onnx",))
    assert here.path == here.folder / "onnx" / "model.onnx"
    assert {name: (here.folder / name).read_bytes() for name in parts} == parts
    assert not (here.folder / "onnx" / "model_q4.onnx").exists()
    assert (again.folder, again.downloaded_bytes) == (here.folder, 0)


def test_what_was_fetched_is_assessed_under_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "made"
    made.mkdir()
    write_folder(made, Shape("tiny", TINY), "F16", lambda count: None)
    files = {path.name: path.read_bytes() for path in made.iterdir()}
    with serving(Behaviour(files=files)) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        source = assess(fetch.fetch(MODEL, quiet()).path, quiet())
    assert source.name == "owner/name"
    assert source.profile.format is ModelFormat.HUGGING_FACE
