"""The command line as a user meets it: documents that keep their schema, sentences, exit codes."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from backends import cli, cli_text
from backends.domain.errors import JobFailed
from backends.domain.events import Progress
from backends.storage.paths import resources
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEWRIGHT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(words)
    out, err = capsys.readouterr()
    return code, out, err


def check(name: str, text: str) -> Any:
    document = json.loads(text)
    schema = json.loads((resources() / "schemas" / f"{name}.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(document, schema)
    return document


def test_every_schema_is_a_schema() -> None:
    for path in (resources() / "schemas").glob("*.json"):
        jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text()))


@pytest.mark.parametrize("words", [(), ("nonsense",), ("quantize", "model"), ("assess",)])
def test_words_it_does_not_know(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == 2
    assert "usage" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("assess", "/nowhere/model.gguf"), "/nowhere/model.gguf"),
        (("bench", "/nowhere"), "/nowhere"),
        (("history", "no-such-run"), "no-such-run"),
    ],
)
def test_bad_input_is_one_sentence_and_two(
    words: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert sentence in err
    assert "Traceback" not in err
    code, out, _ = run(capsys, *words, "--json")
    assert code == check("error", out)["error"]["exit_code"] == 2


def test_what_a_failed_job_said_last_is_kept_in_a_file(
    capsys: pytest.CaptureFixture[str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise JobFailed("It broke.", "See the details.", "line 1\nline 2")

    monkeypatch.setattr("backends.actions.detect.detect", fail)
    code, out, err = run(capsys, "detect", "--json")
    assert code == 4
    assert check("error", out)["error"]["details"] == "line 1\nline 2"
    assert "line 1" not in err
    kept = home / "data" / "last-failure.txt"
    assert str(kept) in err
    assert kept.read_text(encoding="utf-8") == "line 1\nline 2\n"
    kept.parent.rename(home / "gone")
    (home / "data").write_text("no folder", encoding="utf-8")  # nothing can be written there now
    assert "line 2" in run(capsys, "detect")[2]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (KeyError("speed"), "Something in Edgewright went wrong: KeyError: 'speed'."),
        (ValueError("one\ntwo"), "Something in Edgewright went wrong: ValueError: one."),
        (AssertionError(), "Something in Edgewright went wrong: AssertionError."),
        (PermissionError(13, "Permission denied", "/locked"), "“/locked”: Permission denied."),
        (OSError(28, "No space left on device"), "The system refused: No space left on device."),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_a_fault_of_our_own_is_a_sentence_too(
    fault: Exception,
    says: str,
    capsys: pytest.CaptureFixture[str],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr("backends.actions.detect.detect", fail)
    code, out, err = run(capsys, "detect", "--json")
    assert code == check("error", out)["error"]["exit_code"] == 4
    assert says in err and "Traceback" not in err
    kept = (home / "data" / "last-failure.txt").read_text(encoding="utf-8")
    assert kept.startswith("Traceback") and type(fault).__name__ in kept


def test_a_document_that_cannot_be_shown_is_a_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backends.commands.looking.assess_text", lambda document: document["nothing"])
    code, _, err = run(capsys, "assess", str(resources() / "models" / "edgewright-digits"))
    assert code == 4 and "KeyError: 'nothing'" in err


def test_unknown_framework_and_precision_name_what_would_do(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    model = str(resources() / "models" / "edgewright-digits")
    ask = ("quantize", model, "--out", str(tmp_path / "out"))
    code, _, err = run(capsys, *ask, "--framework", "toaster", "--precision", "INT8")
    assert code == 2
    assert "onnxruntime" in err
    code, _, err = run(capsys, *ask, "--framework", "onnxruntime", "--precision", "Q9")
    assert code == 2
    assert "INT8" in err
    assert not (tmp_path / "out").exists()


def test_a_framework_that_is_not_installed_is_three(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    model = str(resources() / "models" / "edgewright-digits")
    words = ("quantize", model, "--framework", "qnn", "--precision", "A8W8", "--out", str(tmp_path / "out"))
    code, _, err = run(capsys, *words)
    assert code in (2, 3)
    if code == 3:
        assert "install" in err


def test_assess_keeps_its_schema(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "assess", str(resources() / "models" / "edgewright-digits"), "--json")
    document = check("assess", out)
    assert code == 0
    assert document["profile"]["format"] == "onnx"
    assert {entry["framework"] for entry in document["frameworks"]} >= {"llamacpp", "onnxruntime", "openvino"}


def test_a_plan_shows_the_road_and_starts_nothing(
    capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path
) -> None:
    model = str(resources() / "models" / "edgewright-digits")
    code, out, _ = run(capsys, "convert", model, "--to", "openvino", "--plan", "--json")
    document = check("convert", out)
    assert code == 0
    assert (document["road"], document["artifact"]) == (["onnx", "openvino"], None)
    assert document["steps"][0]["missing"] == []
    assert "onnx → openvino" in run(capsys, "convert", model, "--to", "openvino", "--plan")[1]
    assert not home.exists()
    code, _, err = run(capsys, "convert", model, "--to", "gguf", "--out", str(tmp_path / "out"))
    assert code == 2
    assert "leads from ONNX, OpenVINO or QNN context to GGUF" in err
    assert run(capsys, "convert", model, "--to", "openvino")[0] == 2  # where to?
    code, _, err = run(capsys, "convert", model, "--to", "openvino", "--plan", "--option", "anything=1")
    assert code == 2 and "“anything” of OpenVINO" in err


def test_a_conversion_without_its_environment_is_three(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    model = str(resources() / "models" / "edgewright-lm" / "hf")
    code, out, _ = run(capsys, "convert", model, "--to", "gguf", "--plan", "--json")
    assert [gone["framework"] for gone in check("convert", out)["steps"][0]["missing"]] == ["olive"]
    code, _, err = run(capsys, "convert", model, "--to", "gguf", "--out", str(tmp_path / "out"))
    assert code == 3
    assert "frameworks install olive" in err
    assert not (tmp_path / "out").exists()


def test_an_empty_history(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "history", "--json")
    assert code == 0
    assert check("history", out) == {"runs": [], "measurements": []}
    assert "No runs yet" in run(capsys, "history")[1]


@pytest.mark.slow
@pytest.mark.real
def test_detect_recommend_and_frameworks_for_real(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "detect", "--json")
    assert code == 0
    assert check("detect", out)["hardware"]["throughput"]["read_bytes_per_s"] > 0
    assert "Looking at this machine" in err
    code, out, _ = run(capsys, "recommend", str(resources() / "models" / "edgewright-digits"), "--json")
    assert code == 0
    assert check("recommend", out)["candidates"]
    code, out, _ = run(capsys, "frameworks", "--json")
    listed = {entry["framework"]: entry for entry in check("frameworks", out)["frameworks"]}
    assert set(listed) >= {"llamacpp", "onnxruntime", "openvino", "olive", "mlx", "qnn"}
    assert all(entry["available"] or (entry["reason"] and entry["remedy"]) for entry in listed.values())
    for command in ("detect", "frameworks"):
        assert run(capsys, command)[1].strip()


def test_an_added_framework_appears(faulty_framework: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Adding a framework takes one folder: registry, command line and assessment pick it up."""
    code, out, _ = run(capsys, "frameworks", "--json")
    assert code == 0
    assert faulty_framework in {entry["framework"] for entry in check("frameworks", out)["frameworks"]}


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent as a POSIX signal")
def test_ctrl_c_is_130_and_leaves_nothing(faulty_framework: str, tmp_path: Path) -> None:
    """A job that would go on for ever is interrupted as a user would do it."""
    words = ["quantize", str(model_file(tmp_path)), "--framework", faulty_framework, "--precision", "obey"]
    process = subprocess.Popen(
        [sys.executable, "-m", "backends.cli", *words, "--out", str(tmp_path / "out")],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env={**os.environ},
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "step" in line:
            process.send_signal(signal.SIGINT)
            break
    rest = process.stderr.read()
    process.stderr.close()
    assert process.wait() == cli.CANCELLED
    assert "Cancelled" in rest
    assert [path.name for path in tmp_path.iterdir() if path.name != "model.gguf"] == []


def model_file(folder: Path) -> Path:
    """A GGUF of one small tensor."""
    import gguf
    import numpy as np

    path = folder / "model.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tensor("token_embd.weight", np.zeros((8, 8), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_progress_is_told_once_a_second_and_every_new_stage_at_once() -> None:
    stream = io.StringIO()
    now = 0.0
    printer = cli_text.ProgressPrinter(stream, lambda: now)
    for step in range(20):
        now = step / 10
        printer(Progress(step / 20, f"Calibrating, sample {step} of 20"))
    printer(Progress(0.0, "Writing"))
    assert len(stream.getvalue().splitlines()) == 3


def test_lines_that_cannot_be_learned_from_are_said_before_anything_starts(
    capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path
) -> None:
    base, data = str(resources() / "models" / "edgewright-lm" / "hf"), tmp_path / "lines.jsonl"
    words = ("finetune", base, "--data", str(data), "--out", str(tmp_path / "out"))
    data.write_text('{"text": "one"}\nnonsense\n')
    code, _, err = run(capsys, *words)
    assert (code, "Line 2" in err) == (2, True)
    data.write_text("\n".join(json.dumps({"text": f"line {n}"}) for n in range(9)))
    code, _, err = run(capsys, *words, "--rank", "0")
    assert (code, "rank" in err) == (2, True)
    code, _, err = run(capsys, *words)  # nothing is wrong, and MLX is not installed in this home
    assert code == 3
    assert "frameworks install mlx" in err
    assert not (tmp_path / "out").exists()
