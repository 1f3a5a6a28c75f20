"""Looking at data before it is used: data."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from backends import cli_text
from backends.codec import to_plain
from backends.commands.adding import AddCommand
from backends.commands.sourcing import named
from backends.jobs.context import Context


def add(add_command: AddCommand) -> None:
    data = add_command(
        "data", _data, "what is in a file to calibrate or judge with, and what it can decide", _data_text
    )
    data.add_argument("file", type=Path, help="text, JSONL, image folder, IDX or .npz")
    data.add_argument("--model", type=Path, help="does it fit this model, and how many tokens is it")


def _data(arguments: argparse.Namespace, job: Context) -> dict[str, Any]:
    from backends.actions.assess import assess
    from backends.actions.data import look

    source = assess(named(arguments.model, job), job) if arguments.model is not None else None
    found = look(arguments.file, job, source, count_tokens=True)
    seen = found.preview
    return {
        "path": str(seen.path),
        "form": seen.form.value,
        "items": seen.items,
        "labelled": seen.labelled,
        "ready": seen.ready,
        "characters": seen.characters,
        "classes": [to_plain(one) for one in seen.classes],
        "shapes": [to_plain(one) for one in seen.shapes],
        "looked_at": seen.looked_at,
        "excerpts": [to_plain(one) for one in seen.excerpts],
        "questions": [to_plain(one) for one in seen.questions],
        "samples": [{"name": one.name, "label": one.label} for one in seen.samples],
        "preprocessing": to_plain(seen.preprocessing) if seen.preprocessing else None,
        "plan": to_plain(found.plan) if found.plan else None,
        "problems": list(seen.problems),
    }


def _data_text(document: Any) -> str:
    """What the file holds, its first items, what they can decide, and what is wrong with them."""
    told = [cli_text.wrapped(_excerpt(one)) for one in document["excerpts"]]
    told += [cli_text.wrapped(_question(one)) for one in document["questions"]]
    problems = [cli_text.wrapped(problem, "", "  ") for problem in document["problems"]]
    parts = [cli_text.facts(_facts(document)), *map("\n".join, (told, _plan(document["plan"]), problems))]
    return "\n\n".join(part for part in parts if part)


def _facts(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    items, looked_at, characters = (document[name] for name in ("items", "looked_at", "characters"))
    some = f"; {looked_at:,} were looked at" if 0 < looked_at < items else ""
    yield "File", document["path"]
    yield "Form", document["form"]
    yield "Items", f"{items:,}"
    yield "Characters", f"{characters:,}" if characters else ""
    yield "Values", "as the model takes them" if document["ready"] else ""
    yield "Shapes", _counts(document["shapes"], "shape") + some if document["shapes"] else ""
    yield "Labels", "" if characters else _counts(document["classes"], "name") or "none"
    yield "Preprocessing", _preprocessing(document["preprocessing"])


def _counts(counts: list[Mapping[str, Any]], key: str) -> str:
    def name(one: Mapping[str, Any]) -> str:
        return "×".join(map(str, one[key])) if isinstance(one[key], list) else str(one[key])

    shown = [f"{name(one)} ({one['items']:,})" for one in counts[:10]]
    return ", ".join(shown) + (", …" if len(counts) > 10 else "")


def _preprocessing(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    size = f"{found['height']}×{found['width']}×{found['channels']}"
    mean, std = (", ".join(f"{value:g}" for value in found[name]) for name in ("mean", "std"))
    figures = f"scale {found['scale']:.4g}, mean {mean}, standard deviation {std}"
    cut = f", cut out of a shorter side of {found['shorter_side']}" if found["shorter_side"] else ""
    return f"{size} {found['channel_order']}, {found['layout']}, {figures}{cut}"


def _excerpt(one: Mapping[str, Any]) -> str:
    tokens = "" if one["tokens"] is None else f" ({one['tokens']:,} tokens)"
    return f"“{_short(one['text'], 70)}”{tokens}"


def _question(one: Mapping[str, Any]) -> str:
    return f"{_short(one['query'], 50)} → {_short(one['choices'][one['gold']], 40)}"


def _short(text: str, characters: int) -> str:
    """On one line; what is longer ends in an ellipsis."""
    line = " ".join(text.split())
    return line if len(line) <= characters else f"{line[: characters - 1].rstrip()}…"


def _plan(found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return []
    rows = [[f"{one['kept']:.0%}", f"{one['items']:,}" if one["items"] else "–"] for one in found["needs"]]
    assumed = (
        f"Assumed: the original is right in {found['original_accuracy']:.0%}, "
        f"and the two differ on {found['differing']:.0%} of the items."
    )
    told = cli_text.wrapped(_decided(found), "", "  ")
    return [
        told,
        cli_text.table(["accuracy kept", "items that decide"], rows),
        cli_text.wrapped(assumed, "", "  "),
    ]


def _decided(found: Mapping[str, Any]) -> str:
    """What the items at hand decide."""
    gate = f"the {found['threshold']:.0%} gate"
    if found["passes_from"] is None and found["fails_below"] is None:
        return f"{found['items']:,} items hardly decide {gate}."
    parts = []
    if found["passes_from"] is not None:
        parts.append(f"passes a model that keeps {found['passes_from']:.1%} or more")
    if found["fails_below"] is not None:
        parts.append(f"fails one that keeps {found['fails_below']:.1%} or less")
    return f"With {found['items']:,} items {gate} {' and '.join(parts)}; between, it stays inconclusive."
