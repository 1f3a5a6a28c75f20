"""report, certify and verify as a user types them: exit codes and sentences."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from backends import cli
from backends.storage.history import History
from backends.storage.paths import HOME_VARIABLE, app_paths
from tests.unit.cli.test_cli import check
from tests.unit.reporting.test_certificate import models, stored  # noqa: F401 (fixtures)


@pytest.fixture
def run_id(
    stored: tuple[History, str],  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """In the user's own history."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    app_paths().data.mkdir(parents=True)
    (tmp_path / "history.sqlite3").rename(app_paths().history)
    return stored[1]


def test_from_a_run_to_a_confirmed_certificate(
    run_id: str,
    models: Path,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    report, paper = tmp_path / "r.html", tmp_path / "c.json"
    assert cli.main(["report", run_id, "--out", str(report), "--json"]) == 0
    assert check("report", capsys.readouterr().out)["report"] == str(report)
    assert cli.main(["certify", run_id, "--out", str(paper), "--json"]) == 0
    signer = check("certify", capsys.readouterr().out)["signed_by"]
    assert cli.main(["verify", str(paper), "--artifacts", str(models), "--json"]) == 0
    found = check("verify", capsys.readouterr().out)
    assert (found["intact"], found["trusted"], found["signed_by"]) == (True, True, signer)
    assert len(found["artifacts"]) == 5
    assert cli.main(["verify", str(paper), "--artifacts", str(models)]) == 0
    text = capsys.readouterr().out
    assert "As signed:   yes" in text and f"{signer} (trusted)" in text
    assert all(f"  {label}: {verdict}" in text for label, verdict in found["overall"].items())
    assert not any(word in text for word in ("None", "True", "{"))


def test_what_does_not_hold_ends_with_2(
    run_id: str,
    models: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    paper = tmp_path / "c.json"
    assert cli.main(["certify", run_id, "--out", str(paper)]) == 0
    (models / "made-up-openvino-int8" / "model.gguf").write_bytes(b"other")
    assert cli.main(["verify", str(paper), "--artifacts", str(models)]) == 2
    assert "changed: model.gguf" in capsys.readouterr().err
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "another user"))
    assert cli.main(["verify", str(paper)]) == 2
    assert "not known here" in capsys.readouterr().err
    assert cli.main(["verify", str(paper), "--trust"]) == 0
    assert cli.main(["verify", str(paper)]) == 0
    assert cli.main(["verify", str(tmp_path / "nothing")]) == 2
    assert cli.main(["report", run_id, "--out", str(tmp_path / "r.pdf")]) == 2


def test_a_repetition_keeps_its_schema(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is found is simulated here; the real repetition is among the contract tests."""
    found = SimpleNamespace(
        record=SimpleNamespace(run_id="r"),
        agrees=True,
        agreements=[SimpleNamespace(sentence="s")],
        remarks=(),
    )
    monkeypatch.setattr("backends.actions.certificate.agreed", lambda *_: found)
    assert cli.main(["rerun", "certificate.json", "--json"]) == 0
    assert check("rerun", capsys.readouterr().out)["figures"] == ["s"]
