"""Getting models: from the Hugging Face Hub, and shapes without a model."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backends import cli_text
from backends.codec import to_plain
from backends.commands.adding import AddCommand
from backends.domain.errors import BadInput
from backends.jobs.context import Context
from backends.storage.paths import resources


def add(add_command: AddCommand) -> None:
    fetch = add_command("fetch", _fetch, "download a model from the Hugging Face Hub", _fetch_text)
    fetch.add_argument("model", metavar="OWNER/NAME")
    fetch.add_argument("--revision", default="", help="a branch, tag or commit; else main")
    fetch.add_argument("--plan", action="store_true", help="only show what would be downloaded")
    fetch.add_argument(
        "--file",
        action="append",
        default=[],
        metavar="PATTERN",
        help="which weights, of several",
    )
    shape = add_command(
        "shape", _shape, "make random weights in a model's shape, to measure speed and memory", _shape_text
    )
    shape.add_argument("shape", nargs="?", metavar="NAME|config.json")
    shape.add_argument("--out", type=Path, help="a folder that is not there yet")
    shape.add_argument("--dtype", choices=("F16", "BF16"), default="F16")
    shape.add_argument("--list", action="store_true", help="the shapes that are known, and whether they fit")


def named(model: Path, job: Context) -> Path:
    """What a command was given: a path as it is; "hf:owner/name[@revision]" is fetched first.

    The name of a bundled model is its folder, unless something of that name is here.
    """
    from backends.actions import fetch

    text = model.as_posix()
    if fetch.is_hub_name(text):
        return fetch.fetch(fetch.parse(text), job).path
    bundled = resources() / "models" / model.name
    return bundled if text == model.name and bundled.is_dir() and not model.exists() else model


def _fetch(arguments: argparse.Namespace, job: Context) -> dict[str, Any]:
    from backends.actions import fetch

    model, files = fetch.parse(arguments.model, arguments.revision), tuple(arguments.file)
    if not arguments.plan:
        return to_plain(fetch.fetch(model, job, files))  # type: ignore[no-any-return]
    planned = fetch.plan(model, job, files)
    return {**to_plain(planned), "size_bytes": planned.size_bytes}


def _fetch_text(document: Any) -> str:
    name, commit = document["model"]["name"], document["commit"]
    if "files" not in document:
        return f"{name} at commit {commit}\n{document['path']}"
    rows = [[file["name"], _megabytes(file["size_bytes"])] for file in document["files"]]
    total = f"{_megabytes(document['size_bytes'])} MB in {len(rows)} files"
    return f"{name} at commit {commit}: {total}\n{cli_text.table(['file', 'MB'], rows)}"


def _shape(arguments: argparse.Namespace, job: Context) -> dict[str, Any]:
    from backends.actions import shapes
    from backends.actions.keeping import this_machine

    hardware = this_machine()
    if arguments.list:
        return {"shapes": [to_plain(offer) for offer in shapes.offers(hardware)], "made": None}
    if not arguments.shape:
        raise BadInput("Which shape?", "Name one of “edgewright shape --list”, or a config.json.")
    if arguments.out is None:
        raise BadInput("Where to?", "Name a new folder with --out.")
    shape = shapes.find_shape(arguments.shape)
    offer = shapes.offer(shape, hardware)
    made = shapes.make(shape, arguments.out, job, arguments.dtype)
    return {"shapes": [to_plain(offer)], "made": to_plain(made.profile)}


def _shape_text(document: Any) -> str:
    rows = [_shape_row(shape) for shape in document["shapes"]]
    table = cli_text.table(["shape", "parameters", "F16 MB", "in memory", "of free"], rows)
    made = document["made"]
    return f"{table}\n{made['path']}: random weights, for speed and memory only" if made else table


def _shape_row(shape: Mapping[str, Any]) -> list[str]:
    share = shape["fit"]["share_of_free"]
    return [
        shape["name"],
        f"{shape['parameters'] / 1e6:,.0f} M",
        _megabytes(shape["size_bytes"]),
        f"{_megabytes(shape['fit']['total_bytes'])} MB",
        "not known" if share is None else f"{share:.0%}",
    ]


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f}"
