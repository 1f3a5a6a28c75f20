"""``edgewright data`` as a user meets it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from backends.storage.paths import resources
from tests.unit.cli.test_cli import check, run

DIGITS = resources() / "models" / "edgewright-digits"
LM = resources() / "models" / "edgewright-lm"


def test_images_for_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "data", str(DIGITS / "eval.npz"), "--model", str(DIGITS), "--json")
    document = check("data", out)
    assert (code, document["form"], document["items"], document["ready"]) == (0, "npz", 540, True)
    assert len(document["classes"]) == 10
    assert document["problems"] == []
    assert document["plan"]["passes_from"] > 0.95


def test_questions_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "data", str(LM / "tasks.jsonl"))
    assert code == 0
    assert "Form:   tasks" in out
    assert "items the 95% gate" in out
    assert "Assumed: the original is right in 80%" in out
    check("data", run(capsys, "data", str(LM / "tasks.jsonl"), "--json")[1])


def test_a_file_that_cannot_be_used(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"\x00\x00\x08\x03\x00\x00")
    code, _, err = run(capsys, "data", str(tmp_path / "train-images-idx3-ubyte"))
    assert code == 2
    assert "no complete IDX file" in err


@pytest.mark.real
def test_tokens_are_counted_with_the_models_own_tokenizer(capsys: pytest.CaptureFixture[str]) -> None:
    model = str(LM / "edgewright-lm-f16.gguf")
    code, out, _ = run(capsys, "data", str(LM / "eval.txt"), "--model", model, "--json")
    document = check("data", out)
    assert code == 0
    for excerpt in document["excerpts"]:
        assert 0 < excerpt["tokens"] < excerpt["characters"]


def test_a_text_is_shown_a_line_each(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("A first\nline, and\nmore.\n\n" + "word " * 60)
    told = run(capsys, "data", str(tmp_path / "own.txt"))[1]
    assert "  “A first line, and more.”\n" in told
    assert re.search(r"  “(word )+\w*…”\n", told)
    assert "Characters: " in told and "Labels" not in told


def test_preprocessing_is_told_in_figures(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    Image.new("L", (9, 9), 200).save(tmp_path / "images" / "one.png")
    told = run(capsys, "data", str(tmp_path / "images"), "--model", str(DIGITS))[1]
    assert "mean 0, standard deviation 1" in told and "[" not in told
    assert "Labels:        none" in told
