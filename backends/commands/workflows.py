"""Workflows of passes: olive passes, plan, run, search, auto."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from backends.codec import to_plain
from backends.commands.adding import AddCommand
from backends.commands.imaging import add_preprocessing, asked_of
from backends.commands.sourcing import named
from backends.domain.errors import BadInput
from backends.domain.model import SourceModel
from backends.jobs.context import Context

MODES = {"search": "search", "auto": "auto"}


def add(add_command: AddCommand) -> None:
    olive = add_command(
        "olive",
        _olive,
        "Olive's workflows: list passes, plan, run an edited one, search, or let Olive choose",
        _text,
    )
    olive.add_argument("verb", choices=("passes", "plan", "run", "search", "auto"))
    olive.add_argument("model", nargs="?", type=Path)
    olive.add_argument("--precision", default="", help="INT8_STATIC, INT4, …; for passes: int8, fp16, …")
    olive.add_argument("--device", default="*", help="for passes: cpu, gpu or npu")
    olive.add_argument(
        "--workflow", type=Path, metavar="FILE.json", help="an edited workflow to check or run"
    )
    olive.add_argument("--mode", choices=("", "search", "auto"), default="", help="which one to plan")
    olive.add_argument("--data", type=Path, help="to judge by: labelled images, or text")
    olive.add_argument("--calibration", type=Path, help="images, or .npz with samples")
    add_preprocessing(olive)
    olive.add_argument(
        "--max-drop", type=float, metavar="SHARE", help="of quality that a search may lose (default 0.01)"
    )
    olive.add_argument("--out", type=Path, help="a folder that is not there yet")


def _olive(arguments: argparse.Namespace, job: Context) -> dict[str, Any]:
    from backends.actions import olive

    document: dict[str, Any] = {"passes": [], "workflow": None, "notes": [], "artifact": None, "trials": []}
    if arguments.verb == "passes":
        found = olive.passes(job, arguments.device, arguments.precision or "*")
        return document | {"passes": to_plain(found)}
    source, options = _source(arguments, job), _options(arguments)
    if arguments.verb == "plan":
        planned = olive.plan(source, arguments.precision, job, arguments.mode, arguments.data, options)
        return document | {"workflow": json.loads(planned.workflow), "notes": list(planned.notes)}
    if arguments.out is None:
        raise BadInput("Where to?", "Name a new folder with --out, or look at the workflow with “plan”.")
    if arguments.verb == "run" and arguments.workflow is None:
        raise BadInput("Which workflow?", "Name a file with --workflow; “plan” prints one to start from.")
    mode = MODES.get(arguments.verb, "")
    done = olive.run(source, arguments.precision, arguments.out, job, mode, arguments.data, options)
    return document | {
        "workflow": json.loads((arguments.out / str(done.artifact.options["workflow_file"])).read_text()),
        "artifact": to_plain(done.artifact),
        "trials": to_plain(done.trials),
        "notes": list(done.artifact.warnings),
    }


def _source(arguments: argparse.Namespace, job: Context) -> SourceModel:
    from dataclasses import replace

    from backends.actions.assess import assess
    from backends.actions.preprocessing import preprocessed

    if arguments.model is None:
        raise BadInput("Which model?", "Name a Hugging Face folder or an ONNX file.")
    source = assess(named(arguments.model, job), job)
    given = replace(source, calibration=arguments.calibration or source.calibration)
    return preprocessed(given, asked_of(arguments), arguments.data or given.tasks, given.calibration)


def _options(arguments: argparse.Namespace) -> dict[str, str | float]:
    given = {"workflow": arguments.workflow and str(arguments.workflow.resolve())}
    return {
        name: value for name, value in {**given, "max_drop": arguments.max_drop}.items() if value is not None
    }


def _text(document: Any) -> str:
    lines = [_pass_line(one) for one in document["passes"]]
    if document["artifact"] is None and document["workflow"]:
        lines.append(json.dumps(document["workflow"], indent=2))
    lines += [_trial_line(one) for one in document["trials"]]
    if document["artifact"]:
        made = document["artifact"]
        lines.append(f"{made['precision']}: {made['path']} ({made['size_bytes'] / 1e6:,.1f} MB)")
    return "\n".join([*lines, *document["notes"]])


def _pass_line(one: Any) -> str:
    def words(values: list[str]) -> str:
        return "any" if values == ["*"] else " ".join(values)

    text = f"{one['name']:34}{words(one['devices']):14}{words(one['precisions'])}"
    return text + (f"  (needs {', '.join(one['lacking'])})" if one["lacking"] else "")


def _trial_line(one: Any) -> str:
    if one["failure"]:
        return f"  {one['name']}: {one['failure']}"
    figures = ", ".join(f"{name} {value:,.4g}" for name, value in one["metrics"].items())
    return f"{'→' if one['chosen'] else ' '} {one['name']}: {figures}"
