"""What has piled up in the user's folders: clean."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from backends import cli_text
from backends.commands.adding import AddCommand
from backends.domain.errors import BadInput
from backends.jobs.context import Context

NAME_WIDTH = 34  # columns of a name in the table


def add(add_command: AddCommand) -> None:
    clean = add_command(
        "clean",
        _clean,
        "what artifacts, conversions, downloads and kept references take, and clearing them away",
        _text,
    )
    which = clean.add_mutually_exclusive_group()
    which.add_argument("--older-than", type=float, metavar="DAYS", help="remove what lay unused for so long")
    which.add_argument("--all", action="store_true", help="remove everything that nobody needs")
    clean.add_argument("--of-runs", action="store_true", help="what stored runs measured may go as well")


def _clean(arguments: argparse.Namespace, job: Context) -> dict[str, Any]:
    from backends.actions.cleaning import clear, kept
    from backends.storage.history import History
    from backends.storage.paths import app_paths

    asked = arguments.all or arguments.older_than is not None
    if arguments.of_runs and not asked:
        raise BadInput("What is to be removed?", "Say --all or --older-than DAYS.")
    paths = app_paths()
    found = kept(paths, History(paths.history))
    if asked:
        found = clear(found, arguments.older_than or 0.0, arguments.of_runs)
    return {
        "data": str(paths.data),
        "cache": str(paths.cache),
        "total_bytes": sum(one.size_bytes for one in found),
        "removed_bytes": sum(one.size_bytes for one in found if one.removed),
        "things": [
            {
                "kind": one.kind,
                "name": one.name,
                "path": str(one.path),
                "size_bytes": one.size_bytes,
                "last_used": datetime.fromtimestamp(one.last_used_s, UTC).isoformat(timespec="seconds"),
                "runs": list(one.runs),
                "in_use": one.in_use,
                "removed": one.removed,
                "problem": one.problem,
            }
            for one in found
        ],
    }


def _text(document: Any) -> str:
    """A row for each thing; why one could not be removed stands below the table."""
    things = document["things"]
    if not things:
        return "Nothing is kept here."
    rows = [
        [
            _short(one["name"]),
            one["kind"],
            f"{one['size_bytes'] / 1e6:,.1f} MB",
            one["last_used"][:10],
            _state(one),
        ]
        for one in things
    ]
    total, gone = document["total_bytes"] / 1e6, document["removed_bytes"] / 1e6
    end = f"{total:,.1f} MB in all" + (f", of which {gone:,.1f} MB were removed." if gone else ".")
    shown = cli_text.table(["name", "kind", "size", "last used", "state"], rows)
    problems = [
        cli_text.wrapped(f"{one['name']}: {one['problem']}", "", "  ") for one in things if one["problem"]
    ]
    return "\n".join([shown, *problems, end])


def _short(name: str) -> str:
    """Both ends of a long name tell more than its beginning."""
    half = NAME_WIDTH // 2 - 1
    return name if len(name) <= NAME_WIDTH else f"{name[:half]}…{name[-half:]}"


def _state(one: Mapping[str, Any]) -> str:
    if one["removed"]:
        return "removed"
    if one["problem"]:
        return "not removed"
    if one["in_use"]:
        return "in use"
    runs = len(one["runs"])
    needed = "needed by a stored run" if runs == 1 else f"needed by {runs} stored runs"
    return needed if runs else "free to go"
