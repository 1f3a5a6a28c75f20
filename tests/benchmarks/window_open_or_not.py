"""``python -m tests.benchmarks.window_open_or_not``: the same benchmark with the window open, and without.

Pairs of whole benchmarks of the bundled digit classifier and its INT8 form, in mirrored order, each in a
process of its own: one with the window on the Benchmark page and its charts in sight, one from the same
action without any window. The ratio of the rates, over all pairs, is to lie within 2 % of 1.
Exit code 0: it does, or its 95 % interval holds 1.

A benchmark takes about 70 s on two quiet cores: six pairs a quarter of an hour.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import geometric_mean

from tests.benchmarks import turns

UNITS = {"rate": "inferences/s"}
LONGEST_S = 1200


def headless(folder: Path) -> None:
    """As the command line does it."""
    from backends.actions.compare import Comparison, compare
    from backends.actions.energy import OFF
    from backends.storage.history import History
    from backends.storage.paths import app_paths
    from tests.benchmarks.window_disturbance import PRECISIONS, bundled_digits

    state = bundled_digits(folder, PRECISIONS[:1])
    assert state.source is not None and state.original is not None
    comparison = Comparison(state.source, state.original, tuple(state.artifacts.values()), energy=OFF)
    compare(comparison, turns.quiet_job(), History(app_paths().history))


def windowed(folder: Path) -> None:
    """The page measures when it is entered; this ends when it has ended."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QEventLoop, QTimer

    from gui import app
    from gui.app import Services
    from gui.theme.theme import Scheme
    from gui.wizard.pages.attach import attach_pages
    from gui.wizard.pages.benchmark import BenchmarkPage
    from gui.wizard.pages.benchmark_phase import Phase
    from gui.wizard.shell import Shell
    from tests.benchmarks.window_disturbance import PRECISIONS, bundled_digits, page_runs

    given: list[Services] = []

    def make_shell(services: Services) -> Shell:
        given.append(services)
        return attach_pages(services)

    state = bundled_digits(folder, PRECISIONS[:1])
    application = app.make_application(["edgewright"])
    with ExitStack() as cleanup:
        window = app.make_window(make_shell, cleanup, Scheme.LIGHT)
        cleanup.callback(window.close)
        window.show()
        given[0].runner.cancel_all()
        given[0].store.update(state)
        window.shell.go_to("benchmark")
        page = window.shell.current_page
        assert isinstance(page, BenchmarkPage)
        page_runs(page)
        loop = QEventLoop()
        page.state_changed.connect(lambda: loop.quit() if page.phase is Phase.ENDED else None)
        QTimer.singleShot(LONGEST_S * 1000, loop.quit)
        loop.exec()
        assert page.phase is Phase.ENDED, "the benchmark did not end"
    assert application is not None


def measured(way: str) -> Mapping[str, float]:
    """One benchmark in a process of its own: the geometric mean of its configurations' rates."""
    from backends.storage.history import History
    from backends.storage.paths import HOME_VARIABLE, app_paths

    with tempfile.TemporaryDirectory(prefix="edgewright-window-") as home:
        command = [sys.executable, "-m", "tests.benchmarks.window_open_or_not", "--way", way]
        done = subprocess.run(
            command, env={**os.environ, HOME_VARIABLE: home}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"The benchmark ({way}) ended with {done.returncode}:\n{done.stderr}")
        kept, os.environ[HOME_VARIABLE] = os.environ.get(HOME_VARIABLE), home
        try:
            history = History(app_paths().history)
            record = history.run(history.runs()[0].run_id)
        finally:
            os.environ.pop(HOME_VARIABLE)
            if kept is not None:
                os.environ[HOME_VARIABLE] = kept
    rates = [one.rates["inferences_per_s"].estimate for one in record.results]
    return {"rate": geometric_mean(rates)}


def main() -> int:
    parser = turns.parser(__doc__, pairs=6)
    parser.add_argument(
        "--way", choices=("windowed", "headless"), help="one benchmark, for the script itself"
    )
    asked = parser.parse_args()
    if asked.way:
        with tempfile.TemporaryDirectory(prefix="edgewright-way-") as folder:
            {"windowed": windowed, "headless": headless}[asked.way](Path(folder))
        return 0
    found = turns.in_turns(
        lambda: measured("windowed"), lambda: measured("headless"), asked.pairs, UNITS, warm_up=False
    )
    return turns.report(found, asked.json, what="window open against headless")


if __name__ == "__main__":
    sys.exit(main())
