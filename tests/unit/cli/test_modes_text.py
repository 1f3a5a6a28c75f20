"""What sweeps, sustained runs and llama-bench print, also when `history` opens them again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest import CaptureFixture

from backends import cli
from backends.cli_modes import bench_text, mode_text, sustained_text, sweep_text
from backends.cli_text import WIDTH
from backends.storage.history import History
from backends.storage.paths import HOME_VARIABLE, app_paths

HEAD = {"id": "36d9c8bd711b", "label": "original F16", "model": "edgewright-lm"}
REASON = "The engine stopped while it made the model ready, because the memory did not suffice for it, twice."
BUSY = "other programs used 131 % of a core; the busiest was python"


def interval(estimate: float) -> dict[str, Any]:
    return {"estimate": estimate, "low": estimate - 1, "high": estimate + 1, "samples": 3}


SWEEP = {
    **HEAD,
    "kind": "sweep",
    "metric": "decode_tokens_per_s",
    "over": "threads",
    "points": [
        {"value": 1, "failure": "", "flags": [BUSY], "rates": {"decode_tokens_per_s": interval(1481.5)}},
        {"value": 2, "failure": REASON, "flags": [], "rates": {}},
    ],
    "advice": "threads = 1: more brings less than 3 %.",
    "diagnosis": [{"title": "Another count is faster", "evidence": "b " * 60, "suggestion": "Set it."}],
}
SUSTAINED = {
    **HEAD,
    "kind": "sustained",
    "metric": "inferences_per_s",
    "burst": interval(1200.0),
    "last_minute": interval(900.0),
    "kept": 0.75,
    "throttled": True,
    "temperature_rise_celsius": 21.5,
    "frequency_change_hz": -4.0e8,
    "flags": [BUSY, BUSY],
}
BENCH = {
    **HEAD,
    "kind": "llama-bench",
    "definition": "llama-bench compatible",
    "tests": [
        {
            "model": "edgewright-lm F16",
            "size": 2**23,
            "params": 4721408,
            "backend": "CPU",
            "threads": 2,
            "test": test,
            "avg_ts": rate,
            "stddev_ts": 1.5,
        }
        for test, rate in (("pp512", 5006.77), ("tg128", 234.42))
    ],
}


@pytest.mark.parametrize("document", [SWEEP, SUSTAINED, BENCH], ids=lambda found: found["kind"])
def test_it_fits_the_terminal_in_words(document: dict[str, Any]) -> None:
    text = mode_text(document)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert HEAD["id"] in text and not any(word in text for word in ("None", "True", "False", "_per_s"))


@pytest.mark.parametrize("document", [SWEEP, SUSTAINED, BENCH], ids=lambda found: found["kind"])
def test_history_prints_what_the_command_printed(
    document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: CaptureFixture[str]
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    found = {key: value for key, value in document.items() if key != "id"}
    kept_as = History(app_paths().history).keep_document(found["kind"], found["model"], found)
    assert cli.main(["history", kept_as]) == 0
    printed, made = capsys.readouterr().out.splitlines(), mode_text(document).splitlines()
    assert printed[1:] == made[1:] and printed[0].endswith(", edgewright-lm")


def test_a_step_that_failed_says_why_below_the_table() -> None:
    text = sweep_text(SWEEP)
    row = next(line for line in text.splitlines() if line.startswith("2 "))
    assert row.split() == ["2", "failed"]
    flat = " ".join(text.split())
    assert f"threads 2 failed: {REASON}" in flat and "1,480.5 to 1,482.5" in flat
    assert f"Disturbed once: {BUSY}." in flat


def test_sustained_has_units_and_signs() -> None:
    flat = " ".join(sustained_text(SUSTAINED).split())
    assert "Burst: 1,200.0 inferences/s (1,199.0 to 1,201.0)" in flat and "Kept: 75% of the burst" in flat
    assert "Throttled: yes Temperature: +21.5 °C Frequency: -400 MHz" in flat
    assert f"Disturbed 2 times; for example, {BUSY}." in flat


def test_what_the_system_does_not_tell() -> None:
    early = {key: value for key, value in SUSTAINED.items() if key != "flags"}
    silent = dict.fromkeys(("throttled", "temperature_rise_celsius", "frequency_change_hz"))
    text = sustained_text({**early, **silent})
    assert text.count("this system does not tell") == 3 and "Disturbed" not in text


def test_llama_bench_stays_a_markdown_table() -> None:
    rows = bench_text(BENCH).splitlines()[1:]
    assert len(rows) == 4 and {row.count("|") for row in rows} == {8}
    assert len({len(row) for row in rows}) == 1 and "5006.77 ± 1.50" in rows[2]
