"""References that are kept: used again where all they follow from is the same, made anew where one is not."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backends.domain.events import Log
from backends.quality import harness
from backends.quality.kept import kept_reference, reference_name
from backends.quality.perplexity import Windows, cut_windows
from backends.quality.reference import read_reference

from .fakes import BOS, BigramEngine, Job, table

TEXT = "Once there was a small bird. It sang every day, and the fox listened. " * 40


@pytest.fixture
def windows() -> Windows:
    return cut_windows(list(TEXT.encode()), count=4, length=64, bos_id=BOS)


@pytest.fixture
def engine(tmp_path: Path) -> BigramEngine:
    return BigramEngine(table(), tmp_path)


def logs(job: Job) -> list[str]:
    return [event.text for event in job.events if isinstance(event, Log)]


def test_a_second_run_asks_the_original_nothing_again(
    tmp_path: Path, engine: BigramEngine, windows: Windows
) -> None:
    path, material = tmp_path / "kept" / "r.npz", harness.LanguageMaterial(windows=windows)
    first, _ = harness.judge_language_original(engine, material, path, Job(), reuse=True)
    os.utime(path, (0, 0))
    asked, job = len(engine.runs), Job()
    again, baseline = harness.judge_language_original(engine, material, path, job, reuse=True)
    assert len(engine.runs) == asked and again == first and baseline.reference is not None
    assert path.stat().st_mtime > 0, "its last use, for clearing away"
    assert any("kept from an earlier run" in line for line in logs(job))


def test_without_being_asked_nothing_is_used_again(
    tmp_path: Path, engine: BigramEngine, windows: Windows
) -> None:
    path, material = tmp_path / "r.npz", harness.LanguageMaterial(windows=windows)
    harness.judge_language_original(engine, material, path, Job())
    asked = len(engine.runs)
    harness.judge_language_original(engine, material, path, Job())
    assert len(engine.runs) == 2 * asked


def test_one_that_does_not_fit_is_made_anew_and_the_log_says_why(
    tmp_path: Path, engine: BigramEngine, windows: Windows
) -> None:
    path = tmp_path / "r.npz"
    kept_reference(engine, windows, path, Job())
    content = path.read_bytes()
    other_text = cut_windows(list(TEXT[9:].encode()), count=4, length=64, bos_id=BOS)
    other_words = BigramEngine(table(), tmp_path, shift=1)
    wider = BigramEngine(table(), tmp_path)
    wider.engine = replace(wider.engine, vocabulary=9999)
    for handle, ids, said in (
        (engine, other_text, "of another text"),
        (other_words, windows, "another tokenizer"),
        (wider, windows, "a vocabulary of 300 tokens, the model one of 9,999"),
    ):
        path.write_bytes(content)
        job = Job()
        made = kept_reference(handle, ids, path, job)
        assert made.windows == ids and read_reference(path) == made
        assert any(said in line and line.endswith("It is made anew.") for line in logs(job)), logs(job)


@pytest.mark.parametrize("place", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_damaged_one_is_made_anew(
    tmp_path: Path, engine: BigramEngine, windows: Windows, place: float
) -> None:
    path = tmp_path / "r.npz"
    whole = kept_reference(engine, windows, path, Job()).log_probabilities()
    content = bytearray(path.read_bytes())
    at = int(place * len(content))
    content[at : at + 8] = bytes(8 * [0xA5])
    path.write_bytes(content)
    job = Job()
    again = kept_reference(engine, windows, path, job)
    assert np.array_equal(again.log_probabilities(), whole)
    assert any("is damaged" in line and "made anew" in line for line in logs(job))


def test_the_name_changes_with_all_that_it_follows_from(engine: BigramEngine, windows: Windows) -> None:
    known = engine.engine
    name = reference_name("tiny model-F16", {"a": "1"}, windows, known)
    assert name == reference_name("tiny model-F16", {"a": "1"}, windows, replace(known, cold_load_s=9.0))
    assert name.startswith("tiny-model-F16-") and name.endswith(".npz")
    fewer = Windows(windows.ids[1:])
    others = {
        reference_name("tiny model-F16", {"a": "2"}, windows, known),
        reference_name("tiny model-F16", {"a": "1"}, fewer, known),
        *(
            reference_name("tiny model-F16", {"a": "1"}, windows, replace(known, **change))
            for change in ({"framework": "x"}, {"version": "2"}, {"device": "GPU"}, {"threads": 2})
        ),
    }
    assert len(others) == 6 and name not in others
