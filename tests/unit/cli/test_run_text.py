"""What `bench` says to people: ratios with intervals, verdicts with reasons, and what disturbed it."""

from __future__ import annotations

from dataclasses import replace

from backends.cli_run import run_text
from backends.cli_text import WIDTH, run_document
from backends.domain.gate import Verdict
from backends.domain.result import RunRecord
from tests.unit.reporting.made_up import made_up_run

RECORD = made_up_run()


def told(record: RunRecord) -> str:
    return run_text(run_document(record))


def test_ratios_stand_with_their_intervals() -> None:
    text = told(RECORD)
    table = text.partition("× the original's speed")[2].partition("\n\n")[0]
    assert "decode" in table and "prefill" in table
    for one in RECORD.results[1:-1]:
        (row,) = (line for line in table.splitlines() if line.startswith(one.label))
        assert all(f"{pairs.ratio.estimate:.2f} (" in row for pairs in one.comparisons[:1])
        assert "–" in row and row.endswith("fail")


def test_every_gate_says_why_and_what_did_not_pass_comes_first() -> None:
    one = RECORD.results[1]
    section = told(RECORD).partition(f"\n\n{one.label}: ")[2].partition("\n\n")[0]
    flat = " ".join(section.split())
    assert all(gate.evidence in flat for gate in one.gates)
    verdicts = [line.split(":")[0].strip() for line in section.splitlines()]
    seen = [name for name in verdicts if name in list(Verdict)]
    assert seen == sorted(seen, key=["fail", "inconclusive", "not measured", "pass"].index)
    assert "About 13 more would decide." in " ".join(told(RECORD).split())


def test_quality_is_told_in_full() -> None:
    text = " ".join(told(RECORD).split())
    assert "99th percentile 0.300" in text and "times the original's; 5.4% of the answers changed" in text
    score = RECORD.results[1].quality
    assert score is not None
    tested = replace(
        RECORD.results[1], quality=replace(score, mcnemar_p=0.031), quality_failure="It was NaN."
    )
    text = told(replace(RECORD, results=(RECORD.results[0], tested)))
    assert "McNemar p = 0.031" in text and "quality not measured: It was NaN." in text


def test_flags_notes_and_failures_are_not_kept_quiet() -> None:
    text = told(RECORD)
    assert "flagged: 1 of 12 readings; for example, other programs used 31 %" in text
    assert "failed: MLX runs on Apple machines only" in text
    assert text.splitlines()[-1].strip().startswith("Before measuring")


def test_it_fits_the_terminal() -> None:
    assert max(map(len, told(RECORD).splitlines())) <= WIDTH
