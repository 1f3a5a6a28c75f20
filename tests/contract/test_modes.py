"""sweep, sustained and llama-bench as a user types them, on the bundled models with real engines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from backends import cli
from backends.actions.modes import subject_of
from backends.actions.sustained import run_sustained
from backends.benchmarking.clock import RealClock
from backends.cli_modes import mode_text
from backends.cli_text import WIDTH
from backends.jobs.context import Context
from backends.storage.history import History
from backends.storage.paths import HOME_VARIABLE, app_paths, resources
from tests.unit.benchmarking.fakes import CALM

MODELS = resources() / "models"
LANGUAGE, DIGITS = str(MODELS / "edgewright-lm"), str(MODELS / "edgewright-digits")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    return tmp_path


def check(name: str, document: Any) -> Any:
    schema = json.loads((resources() / "schemas" / f"{name}.json").read_text())
    jsonschema.validate(document, schema)
    return document


def run(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    code = cli.main([*words, "--json"])
    out, err = capsys.readouterr()
    assert code == 0, err
    return told(check(words[0], json.loads(out)))


def told(document: Any) -> Any:
    """The same document; its text for people fits the terminal and holds no program's words."""
    text = mode_text(document)
    assert document["id"] in text and max(map(len, text.splitlines())) <= WIDTH
    assert not any(word in text for word in ("None", "True", "False"))
    return document


def test_sweep_over_threads_advises_and_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    document = run(
        capsys, "sweep", LANGUAGE, "--over", "threads", "--values", "1,2", "--rounds", "2", "--context", "256"
    )
    assert document["best"] in (1, 2) and document["advice"].startswith("threads = ")
    assert [point["value"] for point in document["points"]] == [1, 2]
    assert cli.main(["history", document["id"], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["advice"] == document["advice"]
    assert cli.main(["history"]) == 0
    assert document["id"] in capsys.readouterr().out


def test_sweep_over_depth(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--over", "depth", "--rounds", "1", "--threads", "1", "--context", "400")
    document = run(capsys, "sweep", LANGUAGE, *words)
    assert [point["value"] for point in document["points"]] == [0, 256, 336]
    assert document["best"] is None and "tokens it decodes at" in document["advice"]


@pytest.mark.parametrize(("over", "values"), [("batch", "1,4"), ("streams", "1,2"), ("concurrency", "1,2")])
def test_sweeps_of_a_tensor_model(over: str, values: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--over", over, "--values", values, "--rounds", "1")
    document = run(capsys, "sweep", DIGITS, *words)
    assert all(point["failure"] == "" for point in document["points"])
    assert all(point["rates"]["inferences_per_s"]["estimate"] > 0 for point in document["points"])
    assert cli.main(["sweep", LANGUAGE, "--over", "batch"]) == 2


def test_streams_of_openvino(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    made = str(tmp_path / "digits")
    words = ("--framework", "openvino", "--precision", "FP32", "--out", made)
    assert cli.main(["quantize", DIGITS, *words]) == 0
    capsys.readouterr()
    document = run(capsys, "sweep", made, "--over", "streams", "--values", "1,2", "--rounds", "1")
    assert [point["failure"] for point in document["points"]] == ["", ""]


def test_llama_bench(capsys: pytest.CaptureFixture[str]) -> None:
    document = run(capsys, "llama-bench", LANGUAGE, "-p", "64", "-n", "16", "-r", "2", "--threads", "1")
    assert [one["test"] for one in document["tests"]] == ["pp64", "tg16"]
    assert all(len(one["samples_ts"]) == 2 for one in document["tests"])
    assert cli.main(["llama-bench", DIGITS]) == 2


class Hasty(RealClock):
    """A thousand times as fast as the real one; nobody waits."""

    def now_s(self) -> float:
        return 1000 * super().now_s()

    def sleep_s(self, duration_s: float) -> None:
        pass


def test_sustained() -> None:
    history = History(app_paths().history)
    subject = subject_of(Path(DIGITS), Context(lambda event: None))
    found = run_sustained(subject, 5000.0, history, Hasty(), lambda pids: lambda: CALM)
    document = told(check("sustained", found))
    assert document["metric"] == "inferences_per_s" and document["kept"] > 0
    assert document["throttled"] is False and len(document["readings"]) >= 3
    assert [one.kind for one in history.documents()] == ["sustained"]
    assert cli.main(["sustained", DIGITS, "--duration", "5"]) == 2
