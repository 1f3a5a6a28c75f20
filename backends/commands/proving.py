"""What can be passed on and checked: report, certify, verify, rerun."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.cli_text import facts, wrapped
from backends.commands.adding import AddCommand
from backends.jobs.context import Context
from backends.reporting.words import moment

if TYPE_CHECKING:
    from backends.reporting.verification import Verification


def add(add_command: AddCommand) -> None:
    report = add_command("report", _report, "a run as one file to pass on: HTML, or PDF", _report_text)
    report.add_argument("run", help="its id, as “edgewright history” lists it")
    report.add_argument("--out", type=Path, required=True, metavar="FILE.html|.pdf")
    certify = add_command(
        "certify", _certify, "a run with its raw samples, signed so that any change shows", _certify_text
    )
    certify.add_argument("run", help="its id, as “edgewright history” lists it")
    certify.add_argument("--out", type=Path, required=True, metavar="FILE")
    verify = add_command(
        "verify", _verify, "is a certificate as it was signed, and its artifacts as certified", _verify_text
    )
    rerun = add_command(
        "rerun", _rerun, "repeat the measurement of a certificate: does it agree?", _rerun_text
    )
    for command in (verify, rerun):
        command.add_argument("certificate", type=Path)
        command.add_argument(
            "--artifacts",
            type=Path,
            nargs="+",
            default=[],
            metavar="PATH",
            help="the artifacts, or a folder that holds all of them",
        )
    verify.add_argument("--trust", action="store_true", help="from now on trust the key that signed it")


def _report(arguments: argparse.Namespace, job: Context) -> dict[str, Any]:
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
        "artifacts": _checked(found),
    }


def _checked(found: Verification) -> list[str]:
    """A line for each certified artifact."""
    folders = {one.label: one.folder for one in found.artifacts}
    return [
        f"{one.label}: {folders[one.label]}, as certified"
        if one.label in folders
        else f"{one.label}: not checked; name it with --artifacts"
        for one in (found.certificate.artifacts if found.certificate else ())
    ]


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


def _report_text(document: Any) -> str:
    return facts([("Report", document["report"]), ("Run", document["run_id"])])


def _certify_text(document: Any) -> str:
    rows = [
        ("Certificate", document["certificate"]),
        ("Run", document["run_id"]),
        ("Signed by", document["signed_by"]),
    ]
    return "\n\n".join([facts(rows), *_verdicts(document)])


def _verify_text(document: Any) -> str:
    rows = [
        ("Certificate", document["certificate"]),
        ("As signed", "yes" if document["intact"] else "no, it was changed"),
        ("Signed by", f"{document['signed_by']} ({'trusted' if document['trusted'] else 'not trusted'})"),
        ("Model", document["model"]),
        ("Issued", moment(document["issued_at"])),
    ]
    return "\n\n".join([facts(rows), *_verdicts(document), *_titled("artifacts", document["artifacts"])])


def _rerun_text(document: Any) -> str:
    rows = [("Run", document["run_id"]), ("Agrees", "yes" if document["agrees"] else "no")]
    figures, remarks = _titled("figures", document["figures"]), _titled("remarks", document["remarks"])
    return "\n\n".join([facts(rows), *figures, *remarks])


def _verdicts(document: Any) -> list[str]:
    return _titled("verdicts", [f"{label}: {verdict}" for label, verdict in document["overall"].items()])


def _titled(title: str, sentences: Iterable[str]) -> list[str]:
    """A paragraph, or none where there is nothing to say."""
    lines = [wrapped(one, "  ", "      ") for one in sentences]
    return ["\n".join([title, *lines])] if lines else []
