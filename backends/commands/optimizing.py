"""``edgewright optimize``: from the model as it is to the one to ship, one measured stage after the other."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends import cli_text
from backends.cli_run import run_text
from backends.codec import to_plain
from backends.commands.adding import AddCommand, add_device
from backends.commands.imaging import add_preprocessing, asked_of
from backends.commands.measuring import add_energy, add_gates, gates_of
from backends.commands.sourcing import named
from backends.domain.errors import BadInput
from backends.jobs.context import Context

if TYPE_CHECKING:
    from backends.actions.compare import Comparison
    from backends.actions.pipeline import Optimization
    from backends.domain.model import SourceModel
    from backends.workflow.wizard import Choice


def add(add_command: AddCommand) -> None:
    command = add_command(
        "optimize",
        _optimize,
        "convert, quantize, accelerate and validate a model, each stage measured against the one before",
        _text,
    )
    command.add_argument("model", type=Path, nargs="?")
    command.add_argument(
        "--framework", action="append", default=[], help="without it: what is recommended for this machine"
    )
    command.add_argument(
        "--precision",
        action="append",
        default=[],
        help="of the framework; without it its usual one. Several frameworks need one each",
    )
    command.add_argument("--candidates", type=int, default=1, help="how many of those recommended are tried")
    command.add_argument("--target", default="this", help="this, android, ios, intel_server, …")
    command.add_argument("--depth", choices=("quick", "standard", "thorough"), default="quick")
    command.add_argument("--out", type=Path, metavar="DIR", help="where the artifacts are put")
    command.add_argument("--data", type=Path, help="tasks (JSONL) or labelled images (folder, .npz, IDX)")
    command.add_argument("--text", type=Path, help="text for timing and perplexity")
    command.add_argument("--calibration", type=Path, help="text, or .npz with samples")
    add_preprocessing(command)
    command.add_argument("--threads", type=int, default=0, help="to begin with")
    add_device(command)
    command.add_argument("--no-stress", action="store_true", help="leave the stress run out")
    add_energy(command)
    add_gates(command)
    command.add_argument("--resume", default="", metavar="RUN", help="go on with a run that was cut off")
    command.add_argument("--report", type=Path, metavar="FILE.html|.pdf", help="write the report as well")
    command.add_argument(
        "--certificate", type=Path, metavar="FILE", help="write a signed certificate as well"
    )


def _optimize(arguments: argparse.Namespace, job: Context) -> dict[str, Any]:
    from backends.actions.optimize import optimize, resume
    from backends.storage.history import History
    from backends.storage.paths import app_paths

    history = History(app_paths().history)
    if arguments.resume:
        record = resume(arguments.resume, job, history)
    else:
        record = optimize(_wanted(arguments, job), job, history)
    stages = [to_plain(stage) for stage in record.stages]
    return {**cli_text.run_document(record), "stages": stages, **_papers(arguments, record.run_id)}


def _wanted(arguments: argparse.Namespace, job: Context) -> Optimization:
    from backends.actions.assess import assess
    from backends.actions.devices import check_device
    from backends.actions.pipeline import Optimization
    from backends.storage.paths import app_paths

    if arguments.model is None:
        raise BadInput("Which model?", "Name one, or a run that was cut off with --resume.")
    source = _with_data(assess(named(arguments.model, job), job), arguments)
    choices, comparison = _choices(source, arguments, job), _comparison(source, arguments, job)
    runners = (comparison.original.framework, *(choice.framework for choice in choices))
    check_device(arguments.device, runners, job)
    folder = arguments.out or app_paths().artifacts
    return Optimization(comparison, choices, folder, arguments.depth)


def _choices(source: SourceModel, arguments: argparse.Namespace, job: Context) -> tuple[Choice, ...]:
    """Those that are named, in pairs where they are several; else what is recommended."""
    from backends.actions.optimize import choose

    frameworks, precisions = arguments.framework, arguments.precision
    if max(len(frameworks), len(precisions)) < 2:
        framework, precision = "".join(frameworks), "".join(precisions)
        return choose(source, job, framework, precision, arguments.target, arguments.candidates)
    if len(frameworks) != len(precisions):
        raise BadInput(
            "Several frameworks need a precision each.", "Name --framework and --precision in pairs."
        )
    named = zip(frameworks, precisions, strict=True)
    return tuple(
        choice for framework, precision in named for choice in choose(source, job, framework, precision)
    )


def _with_data(source: SourceModel, arguments: argparse.Namespace) -> SourceModel:
    from backends.actions.preprocessing import preprocessed

    given = replace(
        source,
        tasks=arguments.data or source.tasks,
        evaluation=arguments.text or source.evaluation,
        calibration=arguments.calibration or source.calibration,
    )
    return preprocessed(given, asked_of(arguments), given.tasks, given.calibration)


def _comparison(source: SourceModel, arguments: argparse.Namespace, job: Context) -> Comparison:
    from backends.actions.optimize import comparison_at
    from backends.benchmarking.grid import grid_of

    usual = comparison_at(arguments.depth, source, job)
    return replace(
        usual,
        device=arguments.device,
        threads=arguments.threads,
        gates=gates_of(arguments),
        energy=arguments.energy or usual.energy,
        grid=grid_of(arguments.grid or usual.grid).code,
        stress=None if arguments.no_stress else usual.stress,
    )


def _papers(arguments: argparse.Namespace, run_id: str) -> dict[str, str | None]:
    """What was asked for beside the run itself."""
    from backends.actions.certificate import certify
    from backends.actions.report import write_report
    from backends.storage.history import History
    from backends.storage.paths import app_paths

    history = History(app_paths().history)
    if arguments.report:
        write_report(run_id, arguments.report, history, arguments.print_pdf)
    if arguments.certificate:
        certify(run_id, arguments.certificate, history)
    return {
        "report": str(arguments.report) if arguments.report else None,
        "certificate": str(arguments.certificate) if arguments.certificate else None,
    }


def _text(document: Any) -> str:
    """The stages with what they found, then the run as a table."""
    first, _, rest = run_text(document).partition("\n")
    lines = [first]
    for stage in document["stages"]:
        lines += ["", f"{stage['name']}: {stage['verdict']}{_what(stage)}"]
        lines += [cli_text.wrapped(sentence) for sentence in stage["evidence"]]
    lines += ["", rest]
    lines += [f"{name}: {document[name]}" for name in ("report", "certificate") if document[name]]
    return "\n".join(lines)


def _what(stage: Mapping[str, Any]) -> str:
    return f" — {stage['result']['label']}" if stage["result"] else ""
