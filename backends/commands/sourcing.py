"""Getting models: from the Hugging Face Hub, and shapes without a model."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from backends import cli_text
from backends.codec import to_plain
from backends.commands.adding import AddCommand
from backends.domain.errors import BadInput
from backends.domain.hub import HubModel
from backends.jobs.context import Context
from backends.recommendation.fit import CONTEXT_TOKENS
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
    """A plan lists the files that would come and names those that would not; else where the model lies."""
    model = document["model"]
    known = [
        ("Model", HubModel(model["name"], model["revision"]).title),
        ("Commit", document["commit"]),
    ]
    if "files" not in document:
        came = document["downloaded_bytes"]
        downloaded = _megabytes(came) if came else "nothing, as it was here already"
        return cli_text.facts([*known, ("Where", document["path"]), ("Downloaded", downloaded)])
    rows = [[file["name"], _megabytes(file["size_bytes"])] for file in document["files"]]
    told = [
        *known,
        ("Download", f"{_megabytes(document['size_bytes'])} in {_files(len(rows))}"),
        ("Left out", ", ".join(document["left_out"])),
    ]
    return f"{cli_text.facts(told)}\n\n{cli_text.table(['file', 'size'], rows)}"


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
    """The shapes with what each would take here; one that was made with where it lies."""
    made = document["made"]
    if made:
        return cli_text.facts(_made(made, document["shapes"][0]))
    rows = [_shape_row(shape) for shape in document["shapes"]]
    table = cli_text.table(["shape", "parameters", "size as F16", "in memory", "of what is free"], rows)
    cache = f"a cache of {CONTEXT_TOKENS:,} tokens"
    expected = f"In memory: expected for the weights, {cache} and a framework's runtime."
    return f"{table}\n{cli_text.wrapped(expected, '', '  ')}"


def _made(made: Mapping[str, Any], shape: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    share = shape["fit"]["share_of_free"]
    yield "Shape", f"{shape['name']}, {shape['architecture']}"
    yield "Where", made["path"]
    yield "Parameters", f"{made['contents']['parameters'] / 1e6:,.2f} M"
    yield "Size", f"{_megabytes(made['size_bytes'])} as {made['precision']}"
    free = "" if share is None else f", {share:.0%} of what is free"
    yield "In memory", f"about {_megabytes(shape['fit']['total_bytes'])}{free}"
    yield "Weights", "random, for speed and memory only"


def _shape_row(shape: Mapping[str, Any]) -> list[str]:
    share = shape["fit"]["share_of_free"]
    return [
        shape["name"],
        f"{shape['parameters'] / 1e6:,.0f} M",
        _megabytes(shape["size_bytes"]),
        _megabytes(shape["fit"]["total_bytes"]),
        "not known" if share is None else f"{share:.0%}",
    ]


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB" if size_bytes >= 1e6 else f"{size_bytes / 1e3:,.1f} kB"


def _files(count: int) -> str:
    return "one file" if count == 1 else f"{count} files"
