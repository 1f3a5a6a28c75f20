"""What `clean` prints: long names and problems do not widen its table."""

from __future__ import annotations

import pytest

from backends.cli_text import WIDTH
from backends.commands.clearing import _text

THING = {
    "name": "made",
    "kind": "artifact",
    "size_bytes": 2_000_000,
    "last_used": "2026-11-01T00:00:00",
    "runs": [],
    "in_use": False,
    "removed": False,
    "problem": "",
}


def test_problems_stand_below_the_table() -> None:
    name, problem = "a-model-" * 20, "Another program holds it open. " * 5
    thing = {**THING, "name": name, "problem": problem}
    text = _text({"things": [thing], "total_bytes": 2_000_000, "removed_bytes": 0})
    header, row = text.splitlines()[:2]
    assert max(len(header), len(row)) <= WIDTH and row.endswith("not removed")
    assert problem.strip() in " ".join(text.split()) and text.endswith("2.0 MB in all.")


def test_where_nothing_is_kept_it_says_so() -> None:
    assert _text({"things": [], "total_bytes": 0, "removed_bytes": 0}) == "Nothing is kept here."


@pytest.mark.parametrize(("runs", "state"), [(["a"], "by a stored run"), (["a", "b"], "by 2 stored runs")])
def test_what_runs_need_says_of_how_many(runs: list[str], state: str) -> None:
    assert state in _text({"things": [{**THING, "runs": runs}], "total_bytes": 2, "removed_bytes": 0})
