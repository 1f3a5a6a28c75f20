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
from typing import TYPE_CHECKING, Any

from backends import __version__, cli_text
from backends.codec import to_plain
from backends.domain.errors import BadInput, EdgewrightError, JobCancelled
from backends.frameworks.base import Availability, Manifest
from backends.jobs.context import CancelToken, Context

if TYPE_CHECKING:
    from backends.actions.report import PrintPdf

CANCELLED = 130

Command = Callable[[argparse.Namespace, Context], Any]


def main(argv: Sequence[str] | None = None, print_pdf: PrintPdf | None = None) -> int:
    """Run one command. Returns the exit code; argparse itself exits with 2 for words it does not know.

    ``print_pdf`` is the window's printer, where the caller has one.
    """
    arguments = _parser().parse_args(argv)
    arguments.print_pdf = print_pdf
    token = CancelToken()
    previous = signal.signal(signal.SIGINT, lambda *_: token.cancel())
    context = Context(cli_text.ProgressPrinter(sys.stderr), token)
    try:
        document = arguments.execute(arguments, context)
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
        command.set_defaults(execute=run)
        return command

    detect = add("detect", _detect, "what is in this machine, and what can be used of it")
    detect.add_argument("--fresh", action="store_true", help="measure bandwidth and arithmetic again")
    assess = add("assess", _assess, "what a model is, and which frameworks take it")
    assess.add_argument("model", type=Path)
    recommend = add("recommend", _recommend, "frameworks and precisions for a model, ranked with reasons")
    recommend.add_argument("model", type=Path)
    recommend.add_argument("--target", default="this", help="this, android, ios, intel_server, …")
    quantize = add("quantize", _quantize, "make a model smaller in one framework")
    quantize.add_argument("model", type=Path)
    quantize.add_argument("--framework", required=True)
    quantize.add_argument("--precision", required=True)
    quantize.add_argument("--out", type=Path, required=True, help="a folder that is not there yet")
    quantize.add_argument("--calibration", type=Path, help="text, or .npz with samples")
    quantize.add_argument("--option", action="append", default=[], metavar="NAME=VALUE")
    convert = add("convert", _convert, "bring a model into another format, and prove that it is the same")
    convert.add_argument("model", type=Path)
    convert.add_argument("--to", required=True, choices=("gguf", "onnx", "openvino", "mlx"))
    convert.add_argument("--out", type=Path, help="a folder that is not there yet")
    convert.add_argument("--plan", action="store_true", help="only show the road, and what it would take")
    convert.add_argument(
        "--find-links", type=Path, metavar="DIR", help="where the converter's source archive lies, offline"
    )
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
    frameworks = add(
        "frameworks", _frameworks, "which frameworks there are, and what is missing for the others"
    )
    frameworks.add_argument(
        "verb", nargs="?", choices=("list", "install", "repair", "remove"), default="list"
    )
    frameworks.add_argument("name", nargs="?", help="the framework to install, repair or remove")
    frameworks.add_argument("--find-links", type=Path, metavar="DIR", help="wheels to install from, offline")
    frameworks.add_argument("--python", type=Path, help="an interpreter of your own that has the packages")
    report = add("report", _report_command, "a run as one file to pass on: HTML, or PDF")
    report.add_argument("run", help="its id, as “edgewright history” lists it")
    report.add_argument("--out", type=Path, required=True, metavar="FILE.html|.pdf")
    certify = add("certify", _certify, "a run with its raw samples, signed so that any change shows")
    certify.add_argument("run", help="its id, as “edgewright history” lists it")
    certify.add_argument("--out", type=Path, required=True, metavar="FILE")
    verify = add("verify", _verify, "is a certificate as it was signed, and its artifacts as certified")
    rerun = add("rerun", _rerun, "repeat the measurement of a certificate: does it agree?")
    for command in (verify, rerun):
        command.add_argument("certificate", type=Path)
        command.add_argument(
            "--artifacts", type=Path, nargs="+", default=[], metavar="DIR", help="where the artifacts are"
        )
    verify.add_argument("--trust", action="store_true", help="from now on trust the key that signed it")
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
    from backends.actions.assess import assess
    from backends.actions.takers import takers

    source = assess(arguments.model, job)
    return {
        "profile": to_plain(source.profile),
        "forms": {form.value: str(path) for form, path in source.forms.items()},
        "frameworks": [to_plain(taker) for taker in takers(source)],
    }


def _recommend(arguments: argparse.Namespace, job: Context) -> Any:
    from backends.actions.assess import assess
    from backends.actions.detect import detect
    from backends.actions.recommend import recommend_for

    source = assess(arguments.model, job)
    found = detect(job)
    return to_plain(recommend_for(source, found.hardware, found.availability, target=arguments.target))


def _quantize(arguments: argparse.Namespace, job: Context) -> Any:
    from dataclasses import replace

    from backends.actions.assess import assess
    from backends.actions.quantize import quantize

    source = assess(arguments.model, job)
    if arguments.calibration is not None:
        source = replace(source, calibration=arguments.calibration)
    options = dict(_option(text) for text in arguments.option)
    made = quantize(source, arguments.framework, arguments.precision, arguments.out, job, options)
    return to_plain(made)


def _convert(arguments: argparse.Namespace, job: Context) -> dict[str, Any]:
    from backends.actions import convert
    from backends.actions.assess import assess
    from backends.domain.model import ModelFormat

    if arguments.out is None and not arguments.plan:
        raise BadInput("Where to?", "Name a new folder with --out, or look at the road with --plan.")
    source = assess(arguments.model, job)
    target = ModelFormat(arguments.to)
    road = convert.road_to(source, (target,))
    made = None
    if not arguments.plan:
        made = convert.convert(source, target, arguments.out, job, arguments.find_links)
    return {
        "road": [form.value for form in road.formats],
        "steps": [to_plain(step) for step in convert.planned(road)],
        "time_s": road.time_s,
        "disk_bytes": road.disk_bytes,
        "artifact": to_plain(made) if made else None,
    }


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
    from backends.actions import environments
    from backends.actions.frameworks import availabilities
    from backends.frameworks import registry

    if arguments.verb == "list":
        if arguments.name or arguments.python or arguments.find_links:
            raise BadInput("Listing takes no name and no options.", "Say install, repair or remove first.")
        found = availabilities(job)
        return {"frameworks": [_framework(entry, found[entry.name]) for entry in registry.manifests()]}
    if not arguments.name:
        raise BadInput(f"Which framework to {arguments.verb}?", "Name one of “edgewright frameworks”.")
    manifest = registry.manifest(arguments.name)
    if arguments.verb == "install":
        answer = environments.install(manifest.name, job, arguments.find_links, arguments.python)
    elif arguments.verb == "repair":
        answer = environments.repair(manifest.name, job, arguments.find_links)
    else:
        answer = environments.remove(manifest.name, job)
    return {"frameworks": [_framework(manifest, answer)]}


def _framework(manifest: Manifest, answer: Availability) -> dict[str, Any]:
    from backends.actions import environments

    status = environments.status(manifest)
    return {
        "title": manifest.title,
        "summary": manifest.summary,
        **to_plain(answer),
        "environment": {
            **to_plain(status),
            "shared_with": list(environments.sharing(manifest)),
            "isolation_reason": manifest.isolation_reason,
        },
    }


def _report_command(arguments: argparse.Namespace, job: Context) -> dict[str, Any]:
    from backends.actions.report import write_report
    from backends.storage.history import History
    from backends.storage.paths import app_paths

    write_report(arguments.run, arguments.out, History(app_paths().history), arguments.print_pdf)
    return {"run_id": arguments.run, "report": str(arguments.out)}


def _certify(arguments: argparse.Namespace, job: Context) -> dict[str, Any]:
    from backends.actions.certificate import certify
    from backends.reporting.keys import fingerprint
    from backends.storage.history import History
    from backends.storage.paths import app_paths

    made = certify(arguments.run, arguments.out, History(app_paths().history))
    return {
        "run_id": arguments.run,
        "certificate": str(arguments.out),
        "signed_by": fingerprint(made.public_key),
        "overall": dict(made.overall),
    }


def _verify(arguments: argparse.Namespace, job: Context) -> dict[str, Any]:
    from backends.actions.certificate import confirmed

    found = confirmed(arguments.certificate, arguments.artifacts, arguments.trust)
    certificate = found.certificate
    return {
        "certificate": str(arguments.certificate),
        "intact": found.intact,
        "trusted": found.trusted,
        "signed_by": found.signer,
        "model": certificate.model if certificate else "",
        "issued_at": certificate.issued_at if certificate else "",
        "overall": dict(certificate.overall) if certificate else {},
        "artifacts": [f"{one.label}: {one.folder}, as certified" for one in found.artifacts]
        or ["not checked: name their folders with --artifacts"],
    }


def _rerun(arguments: argparse.Namespace, job: Context) -> dict[str, Any]:
    from backends.actions.certificate import agreed
    from backends.storage.history import History
    from backends.storage.paths import app_paths

    found = agreed(arguments.certificate, arguments.artifacts, job, History(app_paths().history))
    return {
        "run_id": found.record.run_id,
        "agrees": found.agrees,
        "figures": [one.sentence for one in found.agreements],
        "remarks": list(found.remarks),
    }


if __name__ == "__main__":
    raise SystemExit(main())
