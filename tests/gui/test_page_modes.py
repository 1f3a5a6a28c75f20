"""The page of sweeps: real rules on invented engines, kept as documents, shown with their intervals."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
from PySide6.QtCore import QPointF

from backends.actions.sustained import document_of
from backends.benchmarking.sustained import measure as sustain
from backends.benchmarking.sweeps import Step, sweep
from backends.codec import to_plain
from backends.domain.errors import BadInput, JobFailed
from backends.domain.metric import TokenWorkload
from backends.frameworks.base import JobContext
from backends.storage.history import History
from gui.app import Services
from gui.wizard.pages.mode_work import Wish, modes_for, shown
from gui.wizard.pages.modes import ModesPage
from tests.gui.simulated import LANGUAGE, VISION, wizard_state, work
from tests.unit.benchmarking.fakes import CALM_LIMITS, World, busy_with, configuration

RATES = {1: 100.0, 2: 180.0, 4: 300.0, 8: 240.0}


def swept(job: JobContext, over: str = "threads", fails: int = 0) -> dict[str, Any]:
    """A document as the action keeps it."""
    world = World(conditions=lambda n: busy_with(30.0) if n == 9 else busy_with(0.0))
    world.rate = lambda precision, n: RATES[int(precision)] * (1 + n / 1000)

    def at(value: int) -> Step:
        engine = world.open_engine(configuration(str(value)))

        def opened() -> AbstractContextManager[tuple[int, ...]]:
            return nullcontext((value,))

        if value == fails:
            raised = JobFailed("Too many threads.")
            return Step(value, lambda: (_ for _ in ()).throw(raised), opened)
        return Step(value, lambda: (engine.measure(TokenWorkload(tuple(range(16)), 64)),), opened)

    world.emit = job.emit  # type: ignore[method-assign]
    found = sweep(over, [at(n) for n in RATES], world.clock, world.open_sampler, world, limits=CALM_LIMITS)
    return {"kind": "sweep", "label": "llama.cpp Q4_K_M", **to_plain(found)}


class Fake:
    """Stands in for the actions; what it measures is kept like theirs."""

    def __init__(self, make=swept) -> None:
        self.make, self.wishes = make, list[Wish]()
        self.go_on = threading.Event()
        self.go_on.set()

    def __call__(self, wish: Wish, job: JobContext, history: History) -> dict[str, Any]:
        self.wishes.append(wish)
        assert self.go_on.wait(60)
        job.check_cancelled()
        document = self.make(job)
        history.keep_document(document["kind"], wish.artifact.name, document)
        return document


@pytest.fixture
def open_page(services: Services, qtbot):
    def make(fake: Fake, makes=LANGUAGE) -> ModesPage:
        services.store.update(wizard_state(work(makes)))
        page = ModesPage(services, fake)
        qtbot.addWidget(page)
        page.resize(1000, 800)
        page.show()
        page.on_enter()
        return page

    return make


def actions(page: ModesPage) -> list[str]:
    return [action.text() for action in page.state.actions]


def steps(page: ModesPage) -> list[list[str]]:
    return [[str(page.steps.cell(row, column)) for column in range(3)] for row in range(4)]


def test_threads_are_swept_and_the_best_is_recommended(open_page, qtbot) -> None:
    fake = Fake(lambda job: swept(job, fails=8))
    page = open_page(fake)
    page.artifact.setCurrentIndex(1)
    assert not page.apply()
    assert page.state.busy and actions(page) == ["Pause", "Stop"]
    qtbot.waitUntil(lambda: page.result.isVisible() and not page.state.busy)
    assert fake.wishes[0].mode == "threads" and fake.wishes[0].artifact.precision == "Q4_K_M"
    assert page.sentence.text().startswith("threads = 4: +2")
    rows = steps(page)
    assert rows[2][1].startswith("30") and "–" in rows[2][1], "with its interval"
    assert rows[3][1:] == ["–", "failed"]
    assert sum(row[2] == "disturbed" for row in rows) == 1
    chart = page.chart_card.chart
    told = chart.readout_at(QPointF(4.0, 300.0))
    assert told.startswith("4 threads, recommended")
    header, *data = chart.csv_rows()
    assert header == ["series", "threads", "tok/s", "low", "high", "flag"]
    assert data[2][3] < data[2][2] < data[2][4]


def test_what_was_measured_is_kept_opened_and_deleted(open_page, services: Services, qtbot) -> None:
    page = open_page(Fake())
    assert not page.stored_card.isVisible()
    page.apply()
    qtbot.waitUntil(page.stored_card.isVisible)
    page.result.hide()
    page._follow(0, "open")
    assert page.result.isVisible() and page.result.accessibleName().startswith("Threads in steps")
    page._follow(0, "delete")
    assert services.history.documents() == [] and not page.stored_card.isVisible()


def test_it_can_be_stopped_and_says_what_fails(open_page, qtbot) -> None:
    def refuse(job: JobContext) -> dict[str, Any]:
        raise BadInput("No step could be measured.", "Try another.")

    fake = Fake(refuse)
    page = open_page(fake)
    fake.go_on.clear()
    page.apply()
    qtbot.waitUntil(lambda: bool(fake.wishes))
    page.stop()
    fake.go_on.set()
    qtbot.waitUntil(lambda: not page.state.busy)
    assert not page.banner.isVisible()
    page.apply()
    qtbot.waitUntil(page.banner.isVisible)
    assert page.banner.sentence.text() == "No step could be measured."


@pytest.fixture
def paused_page(open_page, qtbot) -> ModesPage:
    """A sweep that was paused while a step was in hand, and stands still now."""
    fake = Fake()
    page = open_page(fake)
    fake.go_on.clear()
    page.apply()
    page.pausing.pause()
    assert actions(page) == ["Go on", "Stop"]
    assert page.state.status == "Pausing; what is in hand is finished first"
    fake.go_on.set()
    qtbot.waitUntil(lambda: page.state.status == "Paused")
    assert page.state.busy and not page.result.isVisible()
    return page


def test_a_paused_sweep_goes_on(paused_page: ModesPage, qtbot) -> None:
    paused_page.pausing.resume()
    qtbot.waitUntil(paused_page.result.isVisible)
    assert not paused_page.state.busy and paused_page.state.status == ""


def test_a_paused_sweep_can_be_stopped(paused_page: ModesPage, qtbot) -> None:
    paused_page.stop()
    qtbot.waitUntil(lambda: not paused_page.state.busy)
    assert not paused_page.result.isVisible() and not paused_page.banner.isVisible()


def test_what_runs_without_a_break_has_no_pause(open_page, qtbot) -> None:
    fake = Fake()
    page = open_page(fake)
    page.mode.setCurrentIndex(page.mode.findData("sustained"))
    fake.go_on.clear()
    page.apply()
    assert actions(page) == ["Stop"]
    page.stop()
    fake.go_on.set()
    qtbot.waitUntil(lambda: not page.state.busy)


def test_each_kind_of_model_has_its_own(open_page, services: Services) -> None:
    assert modes_for(work(LANGUAGE).original) == (
        "threads",
        "depth",
        "concurrency",
        "sustained",
        "llama-bench",
    )
    page = open_page(Fake(), VISION)
    assert [page.mode.itemData(n) for n in range(page.mode.count())] == [
        "threads",
        "batch",
        "concurrency",
        "streams",
        "sustained",
    ]
    services.store.update(services.store.state.with_source(None))
    page.on_enter()
    assert page.empty.isVisible() and page.state.primary == ""


def test_sustained_runs_and_llama_bench_are_shown(open_page) -> None:
    world = World()
    engine = world.open_engine(configuration())
    work_ = TokenWorkload(tuple(range(16)), 64)
    found = sustain(engine, "x", work_, 80.0, world.clock, world.open_sampler, world)
    document = {"kind": "sustained", "label": "x", **document_of(found)}
    page = open_page(Fake())
    page.show_document(document)
    assert page.sentence.text() == "In the last minute 100.0\xa0% of the first seconds' speed is left."
    assert len(page.chart_card.chart.data(page.chart_card.chart.series[0])) == len(found.readings)
    tests = [{"test": "pp512", "avg_ts": 400.0, "stddev_ts": 5.0, "samples_ts": [395.0, 405.0]}]
    page.show_document({"kind": "llama-bench", "label": "x", "definition": "", "tests": tests})
    assert page.chart_card is None
    assert shown({"kind": "llama-bench", "label": "x", "tests": tests}).rows[0].rate.low == 395.0
