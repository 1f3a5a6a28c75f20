"""``python -m tests.benchmarks.window_disturbance``: what the window costs while a benchmark runs.

Prints the start-up time (import of ``gui`` to a visible window), the event loop's longest gap and the most
processor time the window's own thread spent in one (on a busy machine gaps are also others' doing), and the
share of one core this process uses with its charts in sight, with another page in sight (so without
redraws), and while nothing runs. The engines are other processes and not counted; the conductor's thread is.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import psutil
from PySide6.QtCore import QEventLoop, QObject, Qt, QTimer

from backends.actions.artifacts import original_artifact
from backends.actions.quantize import quantize
from backends.assessment.bundled import read_bundle
from backends.jobs.context import Context
from backends.storage.paths import HOME_VARIABLE, resources
from backends.workflow.wizard import Choice, WizardState
from gui import app
from gui.app import Services
from gui.theme.theme import Scheme
from gui.wizard.pages.attach import attach_pages
from gui.wizard.pages.benchmark import BenchmarkPage
from gui.wizard.pages.benchmark_phase import Phase
from gui.wizard.shell import Shell
from tests.unit.samples import machine

TICK_MS = 5
LIMIT_GAP_MS, LIMIT_SHARE, LIMIT_START_S = 50.0, 0.02, 1.5
PRECISIONS = ("INT8_STATIC", "INT8_DYNAMIC")
START = """
import time
began = time.perf_counter()
from contextlib import ExitStack
from gui import app
application = app.make_application(["edgewright"])
with ExitStack() as cleanup:
    window = app.make_window(app.attach_pages, cleanup)
    window.show()
    application.sendPostedEvents()
    print(time.perf_counter() - began)
    window.close()
"""


class Ticker(QObject):
    """How late each tick of a 5 ms timer was, which a user feels as a stutter, and the work in between."""

    def __init__(self) -> None:
        super().__init__()
        self.gaps_ms: list[float] = []
        self.work_ms: list[float] = []
        self._last = self._worked = 0.0
        self._timer = QTimer(self, interval=TICK_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        self._last, self._worked = time.perf_counter(), time.thread_time()
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()

    def _tick(self) -> None:
        now, worked = time.perf_counter(), time.thread_time()
        self.gaps_ms.append((now - self._last) * 1000)
        self.work_ms.append((worked - self._worked) * 1000)
        self._last, self._worked = now, worked


@dataclass(frozen=True)
class Share:
    """Of one core."""

    name: str
    share: float


def start_up_s(repeats: int) -> float:
    """The best of some starts with a warm disk: anything slower is someone else's load."""
    command = [sys.executable, "-c", START]
    times = [
        float(subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout)
        for _ in range(repeats)
    ]
    return min(times)


def pass_time(seconds: float) -> None:
    loop = QEventLoop()
    QTimer.singleShot(round(seconds * 1000), loop.quit)
    loop.exec()


def share_of_a_core(name: str, seconds: float) -> Share:
    process = psutil.Process()
    before, began = process.cpu_times(), time.perf_counter()
    pass_time(seconds)
    after, took = process.cpu_times(), time.perf_counter() - began
    return Share(name, (after.user + after.system - before.user - before.system) / took)


def bundled_digits(folder: Path, precisions: Sequence[str] = PRECISIONS) -> WizardState:
    """The wizard as it is after Optimize, with the digits model."""
    source = read_bundle(resources() / "models" / "edgewright-digits", bundled=True)
    choices = tuple(Choice("onnxruntime", precision) for precision in precisions)
    job = Context(lambda event: None)
    made = {c: quantize(source, c.framework, c.precision, folder / c.precision, job) for c in choices}
    return WizardState(
        hardware=machine(), source=source, chosen=choices, original=original_artifact(source), artifacts=made
    )


def measure(seconds: float, folder: Path) -> tuple[Ticker, list[Share]]:
    """The event loop while something is measured, and the shares of one core in three situations."""
    given: list[Services] = []

    def make_shell(services: Services) -> Shell:
        given.append(services)
        return attach_pages(services)

    state = bundled_digits(folder)
    application = app.make_application(["edgewright"])
    with ExitStack() as cleanup:
        window = app.make_window(make_shell, cleanup, Scheme.LIGHT)
        cleanup.callback(window.close)
        window.show()
        given[0].runner.cancel_all()  # the first page looks at the machine; that is not what is measured
        pass_time(1.0)
        given[0].store.update(state)
        window.shell.go_to("settings")
        shares = [share_of_a_core("nothing runs", seconds)]
        window.shell.go_to("benchmark")
        page = window.shell.current_page
        assert isinstance(page, BenchmarkPage)
        page_runs(page)
        ticker = Ticker()
        ticker.start()
        pass_time(seconds)
        ticker.stop()
        shares.append(share_of_a_core("measuring, charts in sight", seconds))
        window.shell.go_to("settings")
        shares.append(share_of_a_core("measuring, another page in sight", seconds))
        still = page.phase is Phase.RUNNING
        page.stop()
    assert still, "the benchmark ended before it was looked at; ask for fewer seconds"
    assert application is not None
    return ticker, shares


def page_runs(page: BenchmarkPage) -> None:
    """Until the first reading is drawn: the imports of the conductor lie before it."""
    loop = QEventLoop()
    page.state_changed.connect(lambda: loop.quit() if page.live and page.live.now else None)
    QTimer.singleShot(120_000, loop.quit)
    loop.exec()


def report(start_s: float, ticker: Ticker, shares: list[Share]) -> str:
    ordered = sorted(ticker.gaps_ms)
    longest, usual = ordered[-1], ordered[round(0.99 * (len(ordered) - 1))]
    lines = [
        _line("start-up", start_s, "s", LIMIT_START_S),
        _line("event loop, longest gap", longest, "ms", LIMIT_GAP_MS),
        _line("event loop, most own work in a gap", max(ticker.work_ms), "ms", LIMIT_GAP_MS),
        _line("event loop, 99 of 100 gaps below", usual, "ms", LIMIT_GAP_MS),
    ]
    lines += [_line(share.name, 100 * share.share, "% of a core", 100 * LIMIT_SHARE) for share in shares]
    return "\n".join(lines)


def _line(name: str, value: float, unit: str, limit: float) -> str:
    return f"{name:<36}{value:9.2f} {unit:<12} limit {limit:g}, that is {value / limit:.2f}× of it"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=15.0, help="of each of the situations")
    parser.add_argument("--starts", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edgewright-window-") as home:
        os.environ[HOME_VARIABLE] = home
        start_s = start_up_s(arguments.starts)
        ticker, shares = measure(arguments.seconds, Path(home) / "artifacts")
    print(report(start_s, ticker, shares))
    return 0


if __name__ == "__main__":
    sys.exit(main())
