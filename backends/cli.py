"""The headless front door: the same engine as the window, progress on stderr, one JSON document on stdout.

Exit codes: 0 done, 2 bad input, 3 framework not available, 4 job failed, 130 cancelled.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

from backends import __version__, cli_text
from backends.commands import (
    clearing,
    installing,
    looking,
    making,
    measuring,
    modes,
    optimizing,
    preparing,
    proving,
    sourcing,
    tuning,
    workflows,
)
from backends.commands.adding import Command, Render
from backends.domain.errors import EdgewrightError, JobCancelled, JobFailed
from backends.jobs.context import CancelToken, Context
from backends.storage.files import write_text
from backends.storage.paths import app_paths

if TYPE_CHECKING:
    from backends.actions.report import PrintPdf

CANCELLED = 130
# In the order of the help.
TOPICS = (
    *(looking, sourcing, preparing, making, tuning, workflows),
    *(measuring, modes, optimizing, installing, proving, clearing),
)


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
        text = json.dumps(document, indent=1) if arguments.json else arguments.render(document)
    except JobCancelled:
        sys.stderr.write("Cancelled.\n")
        return CANCELLED
    except EdgewrightError as error:
        return _report(error, arguments.json)
    except Exception as error:  # noqa: BLE001 - the last place where a user is spared a traceback
        return _report(_unforeseen(error), arguments.json)
    finally:
        signal.signal(signal.SIGINT, previous)
    sys.stdout.write(text + "\n")
    return 0


def _unforeseen(error: Exception) -> JobFailed:
    """A sentence for what nobody caught: the system's refusal of a file, or a fault of our own."""
    details = "".join(traceback.format_exception(error)).rstrip()
    if isinstance(error, OSError):
        where = f"“{error.filename}”: " if error.filename else ""
        remedy = "See that it is there, that you may read and write it, and that the disk has room."
        return JobFailed(f"The system refused: {where}{error.strerror or error}.", remedy, details)
    first = next(iter(str(error).splitlines()), "")
    what = f"{type(error).__name__}: {first}" if first else type(error).__name__
    return JobFailed(f"Something in Edgewright went wrong: {what}.", "Report it, please.", details)


def _report(error: EdgewrightError, as_json: bool) -> int:
    details = error.details if isinstance(error, JobFailed) else ""
    sys.stderr.write(f"{error}\n")
    if details:
        sys.stderr.write(_told(details))
    if as_json:
        body = {
            "message": error.message,
            "remedy": error.remedy,
            "details": details,
            "exit_code": error.exit_code,
        }
        sys.stdout.write(json.dumps({"error": body}, indent=1) + "\n")
    return error.exit_code


def _told(details: str) -> str:
    """Where they are kept until the next failure; a screen full of a library's words helps nobody."""
    path = app_paths().data / "last-failure.txt"
    try:
        write_text(path, details + "\n")
    except JobFailed:  # a full disk may be what failed in the first place
        return f"{details}\n"
    return f"The details are in {path}.\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edgewright",
        description="Find, make and prove the model to ship. No command: the window.",
    )
    parser.add_argument("--version", action="version", version=f"Edgewright {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add_command(
        name: str, run: Command, help_text: str, render: Render = cli_text.fields
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help_text, description=help_text)
        command.add_argument("--json", action="store_true", help="one JSON document on stdout")
        command.set_defaults(execute=run, render=render)
        return command

    for topic in TOPICS:
        topic.add(add_command)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
