"""Making models of models: quantize, convert."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.cli_text import wrapped
from backends.cli_views import artifact_text, sameness
from backends.codec import to_plain
from backends.commands.adding import AddCommand, options_of
from backends.commands.imaging import add_preprocessing, asked_of
from backends.commands.sourcing import named
from backends.domain.errors import BadInput
from backends.jobs.context import Context

if TYPE_CHECKING:
    from backends.domain.model import SourceModel


def add(add_command: AddCommand) -> None:
    quantize = add_command("quantize", _quantize, "make a model smaller in one framework", _quantize_text)
    quantize.add_argument("model", type=Path)
    quantize.add_argument("--framework", required=True)
    quantize.add_argument("--precision", required=True)
    quantize.add_argument("--out", type=Path, required=True, help="a folder that is not there yet")
    quantize.add_argument("--calibration", type=Path, help="text, images, or .npz with samples")
    add_preprocessing(quantize)
    quantize.add_argument("--option", action="append", default=[], metavar="NAME=VALUE")
    convert = add_command(
        "convert", _convert, "bring a model into another format, and prove that it is the same", _convert_text
    )
    convert.add_argument("model", type=Path)
    forms = ("gguf", "hf", "onnx", "openvino", "mlx", "qnn_context")
    convert.add_argument("--to", required=True, choices=forms)
    convert.add_argument(
        "--calibration", type=Path, help="images, or .npz with samples, where the way quantizes"
    )
    add_preprocessing(convert)
    convert.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="target=sm8650")
    convert.add_argument("--out", type=Path, help="a folder that is not there yet")
    convert.add_argument("--plan", action="store_true", help="only show the road, and what it would take")
    convert.add_argument(
        "--find-links", type=Path, metavar="DIR", help="where the converter's source archive lies, offline"
    )


def _with_data(source: SourceModel, arguments: argparse.Namespace) -> SourceModel:
    from backends.actions.preprocessing import preprocessed

    given = replace(source, calibration=arguments.calibration or source.calibration)
    return preprocessed(given, asked_of(arguments), given.calibration)


def _quantize(arguments: argparse.Namespace, job: Context) -> Any:
    from backends.actions.assess import assess
    from backends.actions.quantize import quantize

    source = _with_data(assess(named(arguments.model, job), job), arguments)
    options = options_of(arguments.option)
    made = quantize(source, arguments.framework, arguments.precision, arguments.out, job, options)
    return to_plain(made)


def _quantize_text(document: Any) -> str:
    from backends.actions.artifacts import size_of

    return artifact_text(document, size_of(Path(document["source"])))


def _convert(arguments: argparse.Namespace, job: Context) -> dict[str, Any]:
    from backends.actions.assess import assess
    from backends.actions.convert import convert
    from backends.actions.roads import check_options, planned, road_to
    from backends.domain.model import ModelFormat

    if arguments.out is None and not arguments.plan:
        raise BadInput("Where to?", "Name a new folder with --out, or look at the road with --plan.")
    source = _with_data(assess(named(arguments.model, job), job), arguments)
    options = options_of(arguments.option)
    target = ModelFormat(arguments.to)
    road, made = road_to(source, (target,)), None
    check_options(road, options, source.profile.kind)
    if not arguments.plan:
        walked = convert(source, target, arguments.out, job, arguments.find_links, options)
        road, made = walked.road, walked.artifact
    return {
        "road": [form.value for form in road.formats],
        "steps": [to_plain(step) for step in planned(road)],
        "time_s": road.time_s,
        "disk_bytes": road.disk_bytes,
        "artifact": to_plain(made) if made else None,
    }


def _convert_text(document: Any) -> str:
    lines = [" → ".join(document["road"])]
    for step in document["steps"]:
        edge, expected = step["step"]["converter"], step["step"]
        size, place = expected["disk_bytes"] / 1e6, step["environment"] or "the base install"
        lines.append(
            f"  {edge['takes']} → {edge['makes']}: {edge['title']}, about {expected['time_s']:.0f} s "
            f"and {size:,.1f} MB, in {place}"
        )
        lines += [f"    {gone['framework']}: {gone['reason']}. {gone['remedy']}" for gone in step["missing"]]
    if document["artifact"]:
        lines += _proof(document["artifact"])
    return "\n".join(lines)


def _proof(artifact: Mapping[str, Any]) -> list[str]:
    lines = [f"{artifact['path']} ({artifact['size_bytes'] / 1e6:,.1f} MB)"]
    return [*lines, *(wrapped(sentence, "  ", "      ") for sentence in sameness(artifact))]
