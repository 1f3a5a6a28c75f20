"""What “edgewright olive” says without Olive, and how its documents read."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.commands import workflows
from backends.storage.paths import resources
from tests.unit.cli.test_cli import check, run

DIGITS = str(resources() / "models" / "edgewright-digits")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWRIGHT_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("passes",), 3, "frameworks install olive"),
        (("plan",), 2, "Which model?"),
        (("plan", DIGITS), 3, "frameworks install olive"),
        (("search", DIGITS), 2, "Where to?"),
        (("run", DIGITS, "--out", "there"), 2, "Which workflow?"),
        (("plan", DIGITS, "--precision", "INT5"), 2, "INT8_STATIC"),
        (("search", DIGITS, "--out", "there", "--data", "/nowhere.npz"), 2, "nowhere"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_what_is_missing_is_said(
    words: tuple[str, ...], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found, out, err = run(capsys, "olive", *words, "--json")
    assert (found, says in err) == (code, True), err
    assert check("error", out)["error"]["exit_code"] == code


def test_a_search_reads_as_a_list_with_its_choice() -> None:
    trial = {"name": "original", "metrics": {"accuracy": 0.9}, "chosen": False, "failure": ""}
    document = {
        "passes": [{"name": "A", "devices": ["*"], "precisions": ["int4", "int8"], "lacking": ["inc"]}],
        "trials": [trial, {**trial, "name": "B", "chosen": True}, {**trial, "name": "C", "failure": "No."}],
        "artifact": {"precision": "INT8", "path": "out/model.onnx", "size_bytes": 1_000_000},
        "workflow": {"passes": {}},
        "notes": ["D is left out."],
    }
    lines = workflows._text(document).splitlines()
    assert lines[0].split() == ["A", "any", "int4", "int8", "(needs", "inc)"]
    assert lines[1:4] == ["  original: accuracy 0.9", "→ B: accuracy 0.9", "  C: No."]
    assert lines[4:] == ["INT8: out/model.onnx (1.0 MB)", "D is left out."]
    assert '"passes"' in workflows._text({**document, "artifact": None})
