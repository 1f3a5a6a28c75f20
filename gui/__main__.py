"""The front door: a worker process, the command line, or the window."""

from __future__ import annotations

import multiprocessing
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from backends.reporting.report import PrintedReport

CHECK_WINDOW = "--check-window"  # open it, close it, say whether that went well: for built programs
NO_DISPLAY = (
    "Edgewright found no display to open its window on. "
    "Start it in a desktop session, or use the command line: edgewright --help\n"
)
NO_QT = (
    "The window needs libraries of the system that are missing: {0}\n"
    "On Debian and Ubuntu: apt-get install libegl1 libgl1 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 "
    "libxcb-keysyms1 libxcb-image0 libxcb-render-util0 libxcb-xinerama0 libdbus-1-3 libfontconfig1\n"
    "The command line works without them: edgewright --help\n"
)


def main() -> int:
    multiprocessing.freeze_support()
    arguments = sys.argv[1:]
    if arguments[:1] == ["--worker"]:
        from backends.jobs import worker

        return worker.main()
    if arguments == [CHECK_WINDOW]:
        return open_window(check_only=True)
    if arguments:
        from backends import cli

        return cli.main(arguments, print_pdf=print_pdf)
    return open_window()


def print_pdf(report: PrintedReport, path: Path) -> None:
    """For the command line: Qt is imported only when a PDF is asked for."""
    from gui.reporting.pdf import write_pdf

    write_pdf(report, path)


def open_window(check_only: bool = False) -> int:
    if not has_display():
        sys.stderr.write(NO_DISPLAY)
        return 3
    try:
        from gui import app
    except ImportError as error:
        sys.stderr.write(NO_QT.format(error))
        return 3
    return app.main(check_only=check_only)


def has_display() -> bool:
    """On Linux Qt aborts the process where there is none, so it is looked for first."""
    named = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in named)


if __name__ == "__main__":
    sys.exit(main())
