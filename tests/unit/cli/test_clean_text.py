"""What `clean` prints: long names and problems do not widen its table."""

from __future__ import annotations

from backends.cli_text import WIDTH
from backends.commands.clearing import _text


def test_problems_stand_below_the_table() -> None:
    name, problem = "a-model-" * 20, "Another program holds it open. " * 5
    thing = {"name": name, "kind": "artifact", "size_bytes": 2_000_000, "last_used": "2026-11-01T00:00:00"}
    thing |= {"runs": [], "in_use": False, "removed": False, "problem": problem}
    text = _text({"things": [thing], "total_bytes": 2_000_000, "removed_bytes": 0})
    header, row = text.splitlines()[:2]
    assert max(len(header), len(row)) <= WIDTH and row.endswith("not removed")
    assert problem.strip() in " ".join(text.split()) and text.endswith("2.0 MB in all.")
