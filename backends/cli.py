"""The headless front door: the same engine as the window, progress on stderr, one JSON document on stdout.

Exit codes: 0 done, 2 bad input, 3 framework not available, 4 job failed, 130 cancelled.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from backends import __version__, cli_text
from backends.codec import to_plain
from backends.domain.errors import EdgewrightError, JobCancelled
from backends.jobs.context import CancelToken, Context

CANCELLED = 130

Command = Callable[[argparse.Namespace, Context], Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code; argparse itself exits with 2 for words it does not know."""
    arguments = _parser().parse_args(argv)
    token = CancelToken()
    previous = signal.signal(signal.SIGINT, lambda *_: token.cancel())
    context = Context(cli_text.ProgressPrinter(sys.stderr), token)
    try:
        document = arguments.run(arguments, context)
    except JobCancelled:
        sys.stderr.write("Cancelled.\n")
        return CANCELLED
    except EdgewrightError as error:
        return _report(error, arguments.json)
    finally:
        signal.signal(signal.SIGINT, previous)
    text = json.dumps(document, indent=1) if arguments.json else cli_text.render(arguments.command, document)
    sys.stdout.write(text + "\n")
    return 0


def _report(error: EdgewrightError, as_json: bool) -> int:
    sys.stderr.write(f"{error}\n")
    if as_json:
        body = {"message": error.message, "remedy": error.remedy, "exit_code": error.exit_code}
        sys.stdout.write(json.dumps({"error": body}, indent=1) + "\n")
    return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edgewright",
        description="Find, make and prove the model to ship. No command: the window.",
    )
    parser.add_argument("--version", action="version", version=f"Edgewright {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: Command, help_text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help_text, description=help_text)
        command.add_argument("--json", action="store_true", help="one JSON document on stdout")
        command.set_defaults(run=run)
        return command

    detect = add("detect", _detect, "what is in this machine, and what can be used of it")
    detect.add_argument("--fresh", action="store_true", help="measure bandwidth and arithmetic again")
    assess = add("assess", _assess, "what a model is, and which frameworks take it")
    assess.add_argument("model", type=Path)
    recommend = add(
        "recommend", _recommend, "frameworks and precisions for a model, ranked with reasons"
    )
    recommend.add_argument("model", type=Path)
    recommend.add_argument("--target", default="this", help="this, android, ios, intel_server, …")
    quantize = add("quantize", _quantize, "make a model smaller in one framework")
    quantize.add_argument("model", type=Path)
    quantize.add_argument("--framework", required=True)
    quantize.add_argument("--precision", required=True)
    quantize.add_argument("--out", type=Path, required=True, help="a folder that is not there yet")
    quantize.add_argument("--calibration", type=Path, help="text, or .npz with samples")
    quantize.add_argument("--option", action="append", default=[], metavar="NAME=VALUE")
    bench = add("bench", _bench, "measure artifacts; the first is what the others are compared with")
    bench.add_argument("artifact", type=Path, nargs="+")
    bench.add_argument("--data", type=Path, help="tasks (JSONL) or labelled images (folder, .npz, IDX)")
    bench.add_argument("--text", type=Path, help="text for timing and perplexity")
    bench.add_argument("--mean", type=_floats, help="per channel, of pixels scaled to 0..1")
    bench.add_argument("--std", type=_floats, help="per channel, of pixels scaled to 0..1")
    bench.add_argument("--threads", type=int, default=0)
    bench.add_argument("--depth", choices=("quick", "standard", "thorough"), default="quick")
    demo = add("demo", _demo, "the whole main job on the bundled models")
    demo.add_argument("--keep", type=Path, help="folder in which the artifacts stay")
    history = add("history", _history, "the runs there have been, or one of them whole")
    history.add_argument("run", nargs="?")
    add("frameworks", _frameworks, "which frameworks there are, and what is missing for the others")
    return parser


def _floats(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


def _detect(arguments: argparse.Namespace, job: Context) -> dict[str, Any]:
    from backends.actions.detect import detect

    found = detect(job, fresh=arguments.fresh)
    return {
        "hardware": to_plain(found.hardware),
        "frameworks": [to_plain(answer) for answer in found.availability.values()],
    }


def _assess(arguments: argparse.Namespace, job: Context) -> dict[str, Any]:
    from backends.actions.takers import takers
    from backends.assessment.source import source_model

    source = source_model(arguments.model)
    return {
        "profile": to_plain(source.profile),
        "forms": {form.value: str(path) for form, path in source.forms.items()},
        "frameworks": [to_plain(taker) for taker in takers(source)],
    }


def _recommend(arguments: argparse.Namespace, job: Context) -> Any:
    from backends.actions.detect import detect
    from backends.actions.recommend import recommend_for
    from backends.assessment.source import source_model

    source = source_model(arguments.model)
    found = detect(job)
    return to_plain(recommend_for(source, found.hardware, found.availability, target=arguments.target))


def _quantize(arguments: argparse.Namespace, job: Context) -> Any:
    from dataclasses import replace

    from backends.actions.quantize import quantize
    from backends.assessment.source import source_model

    source = source_model(arguments.model)
    if arguments.calibration is not None:
        source = replace(source, calibration=arguments.calibration)
    options = dict(_option(text) for text in arguments.option)
    made = quantize(source, arguments.framework, arguments.precision, arguments.out, job, options)
    return to_plain(made)


def _option(text: str) -> tuple[str, str | int | float | bool]:
    """``name=value`` with the value's own type: true, false, a number, else text."""
    name, _, value = text.partition("=")
    try:
        plain = json.loads(value)
    except ValueError:
        plain = value
    return name, plain if isinstance(plain, (int, float, bool, str)) else value


def _bench(arguments: argparse.Namespace, job: Context) -> Any:
    from backends.actions.bench import bench
    from backends.storage.history import History
    from backends.storage.paths import app_paths

    record = bench(
        arguments.artifact,
        job,
        History(app_paths().history),
        data=arguments.data,
        text=arguments.text,
        mean=arguments.mean,
        std=arguments.std,
        threads=arguments.threads,
        depth=arguments.depth,
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
    if arguments.run:
        return cli_text.run_document(history.run(arguments.run))
    return {"runs": [to_plain(summary) for summary in history.runs()]}


def _frameworks(arguments: argparse.Namespace, job: Context) -> dict[str, Any]:
    from backends.actions.frameworks import availabilities
    from backends.frameworks import registry

    found = availabilities(job)
    return {
        "frameworks": [
            {"title": manifest.title, "summary": manifest.summary, **to_plain(found[manifest.name])}
            for manifest in registry.manifests()
        ]
    }


if __name__ == "__main__":
    raise SystemExit(main())
