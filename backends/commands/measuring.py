"""Measuring, and what was measured: bench, demo, history."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends import cli_text
from backends.cli_modes import mode_text
from backends.cli_run import run_text
from backends.codec import to_plain
from backends.commands.adding import AddCommand, add_device, add_load, options_of
from backends.commands.imaging import add_preprocessing, asked_of
from backends.commands.sourcing import named
from backends.domain.errors import BadInput
from backends.domain.events import Log
from backends.jobs.context import Context
from backends.reporting.words import moment

if TYPE_CHECKING:
    from backends.optimization.gates import Gates
    from backends.storage.history import History


def add(add_command: AddCommand) -> None:
    bench = add_command(
        "bench",
        _bench,
        "measure artifacts; the first is what the others are compared with",
        run_text,
    )
    bench.add_argument("artifact", type=Path, nargs="*")
    bench.add_argument("--resume", metavar="RUN", help="carry on with a run that ended early")
    bench.add_argument("--data", type=Path, help="tasks (JSONL) or labelled images (folder, .npz, IDX)")
    bench.add_argument("--text", type=Path, help="text for timing and perplexity")
    add_preprocessing(bench)
    bench.add_argument("--threads", type=int, default=0)
    bench.add_argument("--context", type=int, help="tokens (default: 1,024, or what the model was made for)")
    add_device(bench)
    add_load(bench, several=True)
    add_energy(bench)
    bench.add_argument("--depth", choices=("quick", "standard", "thorough"), default="quick")
    bench.add_argument(
        "--stress", action="store_true", help="many sessions, long context, repeated loading as well"
    )
    bench.add_argument("--questions", type=int, metavar="N", help="ask at most so many of the tasks")
    add_gates(bench)
    demo = add_command("demo", _demo, "the whole main job on the bundled models", _demo_text)
    demo.add_argument("--keep", type=Path, help="folder in which the artifacts stay")
    history = add_command(
        "history", _history, "the runs there have been, or one of them whole", _history_text
    )
    history.add_argument("run", nargs="?", help="a run, or another measurement")
    history.add_argument("--discard", metavar="RUN", help="forget a run or a measurement for good")


def add_gates(command: argparse.ArgumentParser) -> None:
    """``--gate NAME=VALUE``, as often as wanted; :func:`gates_of` reads it."""
    command.add_argument(
        "--gate",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="judge by another threshold, such as decode_speed=1.5; “usual” leaves out those of the settings",
    )


def add_energy(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--energy",
        choices=("counters", "battery", "off"),
        default="",
        help="read counters (usual), or for ten minutes each what a battery loses, where there are none",
    )
    command.add_argument("--grid", default="", help="country code of the electricity, for its carbon")


def gates_of(arguments: argparse.Namespace) -> Gates:
    """The user's gates, or the usual ones, with the thresholds that were named. Raises BadInput."""
    from backends.actions.keeping import chosen_gates
    from backends.actions.repeating import USUAL
    from backends.optimization.gates import default_gates, with_thresholds

    given = dict(_threshold(text) for text in arguments.gate if text != USUAL)
    return with_thresholds(default_gates(), given) if USUAL in arguments.gate else chosen_gates(given)


def _threshold(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name.strip(), float(value)
    except ValueError as error:
        raise BadInput(f"“{text}” names no threshold.", "Write NAME=VALUE, such as memory=0.6.") from error


def _bench(arguments: argparse.Namespace, job: Context) -> Any:
    from backends.actions.bench import bench
    from backends.actions.compare import resume
    from backends.storage.history import History
    from backends.storage.paths import app_paths

    if bool(arguments.artifact) == bool(arguments.resume):
        raise BadInput("Nothing to measure, or too much.", "Name artifacts, or a run with --resume.")
    history = History(app_paths().history)
    if arguments.resume:
        return cli_text.run_document(resume(arguments.resume, job, history))
    record = bench(
        [named(artifact, job) for artifact in arguments.artifact],
        job,
        history,
        data=arguments.data,
        text=arguments.text,
        images=asked_of(arguments),
        threads=arguments.threads,
        depth=arguments.depth,
        energy=arguments.energy,
        grid=arguments.grid,
        stress=arguments.stress,
        gates=gates_of(arguments),
        load=options_of(arguments.load),
        task_limit=arguments.questions,
        context=arguments.context,
        device=arguments.device,
    )
    return cli_text.run_document(record)


def _demo(arguments: argparse.Namespace, job: Context) -> dict[str, Any]:
    from backends.actions.demo import demo
    from backends.storage.history import History
    from backends.storage.paths import app_paths

    with tempfile.TemporaryDirectory(prefix="edgewright-demo-") as scratch:
        result = demo(job, History(app_paths().history), arguments.keep or Path(scratch))
    return {
        "runs": [cli_text.run_document(record) for record in result.records],
        "failures": list(result.failures),
    }


def _history(arguments: argparse.Namespace, job: Context) -> Any:
    from backends.storage.history import History
    from backends.storage.paths import app_paths

    history = History(app_paths().history)
    history.mark_interrupted()  # a run whose program is gone runs no more
    if arguments.discard:
        _discard(history, arguments.discard)
        job.emit(Log(f"{arguments.discard} is forgotten."))
    elif arguments.run:
        kept = history.document(arguments.run)
        return cli_text.run_document(history.run(arguments.run)) if kept is None else kept
    return {
        "runs": [to_plain(summary) for summary in history.runs()],
        "measurements": [to_plain(summary) for summary in history.documents()],
    }


def _discard(history: History, run_id: str) -> None:
    """Raises BadInput for an id nothing has, and for a run that is under way."""
    if history.document(run_id) is None and history.run(run_id).state == "running":
        raise BadInput(f"The run {run_id} is under way.", "Stop it first.")
    history.delete(run_id)


def _demo_text(document: Any) -> str:
    parts = [run_text(run) for run in document["runs"]] + list(document["failures"])
    return "\n\n".join(parts)


def _history_text(document: Any) -> str:
    if "configurations" in document:
        return run_text(document)
    if "runs" not in document:
        return mode_text(document)
    rows = [
        [run["run_id"], moment(run["started_at"]), run["model"], run["state"], str(run["configurations"])]
        for run in document["runs"]
    ] + [
        [one["document_id"], moment(one["started_at"]), one["model"], one["kind"], ""]
        for one in document["measurements"]
    ]
    return (
        cli_text.table(["run", "started", "model", "state", "configurations"], rows)
        if rows
        else "No runs yet."
    )
