"""``python -m tests.tour OUT``: the real window through the whole wizard, every page as PNG, light and dark.

Real pages, real jobs, the bundled models that are whole; everything in a home of its own. Ends with 0 only if
every page was reached. ``--size 1024x700`` (more than once) replaces 1280×800, ``--page result`` keeps only
the pictures of some pages, ``--model digits`` takes only some models.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEventLoop, QTimer, SignalInstance
from PySide6.QtWidgets import QApplication, QScrollArea

from backends.storage.paths import HOME_VARIABLE
from gui import app
from gui.app import Services
from gui.charts.redraw import redraw_clock
from gui.main_window import MainWindow
from gui.theme.theme import Scheme
from gui.widgets.table import Table
from gui.wizard.page import Page
from gui.wizard.pages.attach import PLACES, STEPS, attach_pages
from gui.wizard.pages.benchmark import BenchmarkPage
from gui.wizard.pages.benchmark_phase import Phase
from gui.wizard.pages.history import HistoryPage
from gui.wizard.pages.model import ModelPage
from gui.wizard.pages.optimization import OptimizationPage
from gui.wizard.pages.recommendation import RecommendationPage
from gui.wizard.shell import Shell

USUAL = "1280x800"
SOON_S, JOB_S, BENCHMARK_S = 60.0, 300.0, 1_800.0
CHOSEN = 2  # precisions: enough for every page, and soon made
Size = tuple[int, int]


class NotReached(Exception):
    """A page or state that did not come; says which."""


class Camera:
    """Saves the window in every wanted size and both schemes; of a long page the lower end too."""

    def __init__(
        self, window: MainWindow, services: Services, out: Path, sizes: list[Size], only: set[str]
    ) -> None:
        self._window, self._theme = window, services.theme
        self._out, self._sizes, self._only = out, sizes, only
        self._number = 0
        self.saved: list[Path] = []

    def shoot(self, page: str, what: str = "") -> None:
        """``page`` is its key; ``what`` tells several pictures of one page apart."""
        if self._only and page not in self._only:
            return
        self._number += 1
        name = "-".join(filter(None, (f"{self._number:02}", page, what)))
        for width, height in self._sizes:
            self._window.resize(width, height)
            size = "" if f"{width}x{height}" == USUAL else f"-{width}x{height}"
            for scheme in (Scheme.LIGHT, Scheme.DARK):
                self._theme.choose(scheme)
                self._save(f"{name}-{scheme.value}{size}")
        self._theme.choose(Scheme.LIGHT)

    def _save(self, name: str) -> None:
        area = self._window.shell.stack.currentWidget()
        assert isinstance(area, QScrollArea)
        bar = area.verticalScrollBar()
        bar.setValue(0)
        self._grab(name)
        if bar.maximum() > 0:
            bar.setValue(bar.maximum())
            self._grab(f"{name}-below")
            bar.setValue(0)

    def _grab(self, name: str) -> None:
        for _ in range(2):  # the second round is for what the first one has laid out anew
            QApplication.sendPostedEvents()
            redraw_clock().tick()
        path = self._out / f"{name}.png"
        if not self._window.grab().save(str(path), "PNG"):
            raise NotReached(f"{path} cannot be written.")
        self.saved.append(path)


class Tour:
    def __init__(self, window: MainWindow, services: Services, camera: Camera) -> None:
        self._shell: Shell = window.shell
        self._services = services
        self._camera = camera

    def models(self) -> list[str]:
        """Look at the machine, then name the bundled models that are whole."""
        hardware = self._current("hardware")
        self._wait(hardware, lambda: hardware.state.can_continue and not hardware.state.busy, JOB_S)
        self._camera.shoot("hardware")
        page = self._go_on("model")
        assert isinstance(page, ModelPage)
        self._wait_for(
            self._services.runner.running_changed, lambda: bool(page.cards), SOON_S, "bundled models"
        )
        return [card.source.name for card in page.cards if card.source is not None]

    def wizard(self, model: str) -> None:
        """Steps 2 to 6 with one model."""
        slug = model.lower().replace(" ", "-")
        self._choose_model(model)
        self._camera.shoot("model", slug)
        self._choose_precisions()
        self._camera.shoot("recommendation", slug)
        optimize = self._go_on("optimize")
        self._camera.shoot("optimize", f"{slug}-begins")
        self._wait(optimize, lambda: optimize.state.can_continue and not optimize.state.busy, JOB_S)
        self._camera.shoot("optimize", f"{slug}-made")
        self._benchmark(slug)
        result = self._go_on("result")
        self._wait(result, lambda: result.state.primary != "", SOON_S)
        self._camera.shoot("result", slug)

    def stages(self) -> None:
        """The model that was chosen last, from the original to proof."""
        page = self._visit("stages")
        assert isinstance(page, OptimizationPage)
        self._camera.shoot("stages", "begins")
        self._shell.go_on()
        self._wait(page, lambda: not page.running or _is_running(page, "acceleration"), BENCHMARK_S)
        self._camera.shoot("stages", "running")
        self._wait(page, lambda: not page.running and page.view.isVisible(), BENCHMARK_S)
        self._camera.shoot("stages", "validated")

    def places(self) -> None:
        history = self._visit("history")
        assert isinstance(history, HistoryPage)
        self._camera.shoot("history")
        history.findChildren(Table)[0].selectRow(0)
        self._shell.go_on()
        self._wait(history, history.view.isVisible, SOON_S)
        self._camera.shoot("history", "run")
        self._visit("modes")
        self._camera.shoot("modes")
        self._visit("finetune")
        self._camera.shoot("finetune")
        frameworks = self._visit("frameworks")
        self._wait(frameworks, lambda: not frameworks.state.progress, JOB_S)
        self._camera.shoot("frameworks")
        data = self._visit("data")
        self._wait(data, lambda: not data.state.progress, JOB_S)
        self._camera.shoot("data")
        self._visit("settings")
        self._camera.shoot("settings")

    def _choose_model(self, name: str) -> None:
        page = self._visit("model")
        assert isinstance(page, ModelPage)
        next(card for card in page.cards if card.source and card.source.name == name).chosen.emit()
        self._wait(page, lambda: page.state.can_continue and not page.state.busy, SOON_S)

    def _choose_precisions(self) -> None:
        """The best ranked of each framework."""
        page = self._go_on("recommendation")
        assert isinstance(page, RecommendationPage)
        best = {row.choice.framework: row.choice for row in reversed(page.model.rows)}
        wanted = [row.choice for row in page.model.rows if best[row.choice.framework] == row.choice][:CHOSEN]
        for number in range(page.model.rowCount()):
            row = page.model.rows[number]
            if row.chosen != (row.choice in wanted):
                page.model.check_toggled.emit(number, row.choice in wanted)
        self._wait(page, lambda: page.state.can_continue, SOON_S)

    def _benchmark(self, slug: str) -> None:
        page = self._go_on("benchmark")
        assert isinstance(page, BenchmarkPage)
        self._wait(page, lambda: page.phase is not Phase.RUNNING or _some_pairs(page), BENCHMARK_S)
        for topic in page.topics.topics:
            page.topics.choose(topic)
            self._camera.shoot("benchmark", f"{slug}-running-{topic}")
        page.topics.choose(page.topics.topics[0])
        self._wait(page, lambda: page.phase in (Phase.ENDED, Phase.WAITING), BENCHMARK_S)
        self._camera.shoot("benchmark", f"{slug}-measured")

    def _current(self, key: str) -> Page:
        page = self._shell.current_page
        if page is None or self._shell.current != key:
            missing = self._services.store.missing(key) if key in [spec.key for spec in STEPS] else ""
            raise NotReached(f"{key} was not reached. {missing}".strip())
        return page

    def _go_on(self, key: str) -> Page:
        self._shell.go_on()
        return self._current(key)

    def _visit(self, key: str) -> Page:
        self._shell.go_to(key)
        return self._current(key)

    def _wait(self, page: Page, done: Callable[[], bool], timeout_s: float) -> None:
        self._wait_for(page.state_changed, done, timeout_s, page.title)
        if page.banner.isVisible():
            raise NotReached(
                f"{page.title}: {page.banner.sentence.text()} {page.banner.remedy.text()}".strip()
            )

    @staticmethod
    def _wait_for(signal: SignalInstance, done: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Until ``done`` holds after one of ``signal``."""
        loop, timer = QEventLoop(), QTimer(singleShot=True)
        timer.timeout.connect(loop.quit)

        def look(*_: object) -> None:
            if done():
                loop.quit()

        signal.connect(look)
        timer.start(round(timeout_s * 1000))
        while not done() and timer.isActive():  # what held at a signal may hold no longer a moment after
            loop.exec()
        timer.stop()
        signal.disconnect(look)
        if not done():
            raise NotReached(f"{what}: nothing came of it in {timeout_s:.0f} s.")


def _some_pairs(page: BenchmarkPage) -> bool:
    """Enough for every chart to show something: the second configuration has begun."""
    measured = [track for track in page.live.tracks.values() if track.ratios] if page.live else []
    return len(measured) > 1 or any(len(track.ratios) > 3 for track in measured)


def _is_running(page: OptimizationPage, step: str) -> bool:
    return page.cards[step].chip.text() == page.tr("running")


def tour(out: Path, sizes: list[Size], pages: set[str], models: list[str]) -> list[Path]:
    """The pictures, in the order they were taken. Raises NotReached."""
    given: list[Services] = []

    def make_shell(services: Services) -> Shell:
        given.append(services)
        return attach_pages(services)

    out.mkdir(parents=True, exist_ok=True)
    application = QApplication.instance() or app.make_application(["edgewright"])
    assert application is not None
    with ExitStack() as cleanup:
        window = app.make_window(make_shell, cleanup, Scheme.LIGHT)
        cleanup.callback(window.close)
        window.show()
        camera = Camera(window, given[0], out, sizes, pages)
        guide = Tour(window, given[0], camera)
        for model in _chosen(guide.models(), models):
            guide.wizard(model)
        guide.stages()
        guide.places()
    return camera.saved


def _chosen(whole: list[str], wanted: list[str]) -> Iterator[str]:
    found = [name for name in whole if not wanted or any(part.lower() in name.lower() for part in wanted)]
    if not found:
        raise NotReached(f"No bundled model to tour with; whole are: {', '.join(whole) or 'none'}.")
    yield from found


def _size(text: str) -> Size:
    width, height = text.lower().split("x")
    return int(width), int(height)


def main() -> int:
    keys = [spec.key for spec in (*STEPS, *PLACES)]
    parser = argparse.ArgumentParser(prog="python -m tests.tour", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "--size", type=_size, action="append", metavar="WIDTHxHEIGHT", help=f"instead of {USUAL}"
    )
    parser.add_argument(
        "--page", choices=keys, action="append", default=[], help="keep pictures of these only"
    )
    parser.add_argument("--model", action="append", default=[], help="part of a bundled model's name")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edgewright-tour-") as home:
        os.environ[HOME_VARIABLE] = home
        try:
            saved = tour(
                arguments.out, arguments.size or [_size(USUAL)], set(arguments.page), arguments.model
            )
        except NotReached as missed:
            sys.stderr.write(f"{missed}\n")
            return 1
    sys.stdout.write(f"{len(saved)} pictures in {arguments.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
