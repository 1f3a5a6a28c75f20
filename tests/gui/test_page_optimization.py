"""Optimizing in stages: the page follows a run, keeps what was decided, and offers to resume or discard."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from backends.domain.errors import BadInput
from backends.domain.events import Progress
from backends.domain.result import RunRecord, Stage
from backends.frameworks.base import JobContext
from backends.storage.history import History
from backends.workflow.wizard import Choice
from gui.app import Services
from gui.charts.waterfall_chart import WaterfallChart
from gui.wizard.pages.optimization import OptimizationPage
from gui.wizard.pages.optimization_work import Ears, Wish, cut_off, falls
from tests.gui.simulated import stored_run, wizard_state, work
from tests.unit.reporting.made_up_stages import made_up_stages


class FakeOptimize:
    """Hands over made-up stages one by one; ``last`` is the number of the stage it waits before."""

    def __init__(self, last: int = 99, error: Exception | None = None) -> None:
        self.last, self.error = last, error
        self.wishes: list[Wish] = []
        self.held = threading.Event()

    def __call__(self, wish: Wish, job: JobContext, history: History, ears: Ears) -> RunRecord:
        self.wishes.append(wish)
        if self.error is not None:
            raise self.error
        record = stored_run(history)
        ears.on_start(record.run_id)
        for number, stage in enumerate(made_up_stages(record)):
            job.emit(Progress(number / 5, f"{stage.name}: pair 3", 90.0))
            if number == self.last:
                self.held.set()
                while True:
                    job.check_cancelled()
                    threading.Event().wait(0.01)
            history.add_stages(record.run_id, [stage])
            ears.on_stage(stage)
        return history.run(record.run_id)


@pytest.fixture
def make(services: Services, qtbot):
    def page_with(optimize: FakeOptimize, carry_on=None) -> OptimizationPage:  # type: ignore[no-untyped-def]
        services.store.update(wizard_state(work()))
        page = OptimizationPage(services, optimize, carry_on or (lambda *_: None))
        qtbot.addWidget(page)
        page.resize(1000, 800)
        page.show()
        page.on_enter()
        return page

    return page_with


def test_without_a_model_it_says_where_to_choose_one(services: Services, qtbot) -> None:
    page = OptimizationPage(services)
    qtbot.addWidget(page)
    page.show()
    page.on_enter()
    assert page.empty.isVisible() and page.state.primary == ""
    with qtbot.waitSignal(page.navigate) as asked:
        page.empty.button.click()
    assert asked.args == ["model"]


def test_stages_appear_as_they_are_decided_and_then_gates_and_papers(make, qtbot) -> None:
    page = make(FakeOptimize())
    assert page.apply() is False
    qtbot.waitUntil(lambda: page.view.isVisible() and not page.running)
    chips = {name: card.chip.text() for name, card in page.cards.items()}
    assert chips == {
        "baseline": "kept",
        "conversion": "dropped",
        "quantization": "kept",
        "acceleration": "kept",
        "validation": "inconclusive",
    }
    assert "slower by the whole interval" in page.cards["conversion"].evidence.text()
    assert "threads" in page.cards["acceleration"].what.text()
    assert "Tried: 1 0.61×" in page.cards["acceleration"].tried.text()
    assert page.state.primary == "Certificate…"
    assert page.documents.report_action in page.state.actions
    assert len(page.charts.waterfall.falls) == 4 and not page.charts.waterfall.falls[0].kept


def test_what_was_chosen_in_the_wizard_can_be_made(make, qtbot) -> None:
    fake = FakeOptimize()
    page = make(fake)
    assert page.choice.count() == 4 and page.choice.currentData() is None
    page.choice.setCurrentIndex(1)
    page.apply()
    qtbot.waitUntil(lambda: not page.running)
    assert fake.wishes[0].choice == Choice("llamacpp", "Q4_K_M")
    assert fake.wishes[0].depth == "quick"
    qtbot.waitUntil(lambda: page.view.isVisible())


def test_cancel_keeps_what_was_decided(make, qtbot) -> None:
    fake = FakeOptimize(last=2)
    page = make(fake)
    page.start()
    qtbot.waitUntil(fake.held.is_set)
    qtbot.waitUntil(lambda: page.cards["conversion"].chip.text() == "dropped")
    qtbot.waitUntil(lambda: page.cards["quantization"].chip.text() == "running")
    assert "pair 3" in page.cards["quantization"].evidence.text()
    assert page.state.busy and page.state.progress
    page.cancel()
    qtbot.waitUntil(lambda: not page.running)
    assert page.cards["quantization"].chip.text() == "stopped"
    assert page.cards["baseline"].chip.text() == "kept"
    assert page.state.primary == "Optimize"


def test_a_pause_holds_it_where_it_can_be_held(make, qtbot) -> None:
    held, passed = threading.Event(), threading.Event()

    def optimize(wish: Wish, job: JobContext, history: History, ears: Ears) -> RunRecord:
        held.wait(30)
        ears.gate()
        passed.set()
        return stored_run(history)

    page = make(optimize)
    page.start()
    texts = [action.text() for action in page.state.actions]
    assert texts == ["Pause", "Cancel"]
    page.state.actions[0].trigger()
    assert page.state.status == "Pausing; what is in hand is finished first"
    held.set()
    qtbot.waitUntil(lambda: page.state.status == "Paused")
    assert not passed.is_set()
    page.state.actions[0].trigger()
    qtbot.waitUntil(lambda: page.view.isVisible() and not page.running)
    assert passed.is_set()


def test_what_is_paused_can_be_cancelled(make, qtbot) -> None:
    ended = threading.Event()

    def optimize(wish: Wish, job: JobContext, history: History, ears: Ears) -> RunRecord:
        try:
            while True:
                ears.gate()
                job.check_cancelled()
        finally:
            ended.set()

    page = make(optimize)
    page.start()
    page.pausing.pause()
    qtbot.waitUntil(lambda: page.state.status == "Paused")
    page.cancel()
    qtbot.waitUntil(lambda: not page.running)
    assert ended.is_set()


def test_bad_input_stands_on_the_page(make, qtbot) -> None:
    page = make(FakeOptimize(error=BadInput("Nothing can be made of it here.", "Name a framework.")))
    page.start()
    qtbot.waitUntil(page.banner.isVisible)
    assert "Nothing can be made" in page.banner.sentence.text()
    assert page.state.can_continue


def interrupted(services: Services) -> str:
    model = work().source.name
    run_id = services.history.start(model, request={"optimization": {}})
    services.history.add_stages(run_id, [Stage("baseline", "kept", ("The start.",))])
    services.history.finish(run_id, "interrupted")
    return run_id


def test_a_run_that_was_cut_off_is_offered_and_resumed(make, services: Services, qtbot) -> None:
    run_id = interrupted(services)
    asked: list[str] = []

    def carry_on(wanted: str, job: JobContext, history: History, ears: Ears) -> RunRecord:
        asked.append(wanted)
        return stored_run(history)

    page = make(FakeOptimize(), carry_on)
    qtbot.waitUntil(page.notice.isVisible)
    page.resume()
    qtbot.waitUntil(lambda: not page.running and page.view.isVisible())
    assert asked == [run_id] and not page.notice.isVisible()


def test_a_run_that_was_cut_off_can_be_discarded(make, services: Services, qtbot) -> None:
    run_id = interrupted(services)
    page = make(FakeOptimize())
    qtbot.waitUntil(page.notice.isVisible)
    page.discard()
    qtbot.waitUntil(lambda: run_id not in [run.run_id for run in services.history.runs()])
    assert not page.notice.isVisible()


def test_only_the_newest_run_of_this_model_is_offered(services: Services) -> None:
    interrupted(services)
    done = services.history.start(work().source.name, request={"optimization": {}})
    services.history.finish(done)
    assert cut_off(work().source.name, services.history) == ""
    assert cut_off("another model", services.history) == ""


def test_the_waterfall_draws_and_tells(services: Services, qtbot) -> None:
    chart = WaterfallChart("x", "× the original")
    qtbot.addWidget(chart)
    chart.resize(600, 300)
    chart.show()
    found = falls(made_up_stages(stored_run(services.history)))
    chart.set_falls(found)
    chart.redraw()
    assert [fall.start for fall in found] == pytest.approx([1.0, 1.0, 2.31, 1.0])
    rows = chart.csv_rows()
    assert rows[0] == ["stage", "start", "factor", "low", "high", "kept"] and len(rows) == 5
    from PySide6.QtCore import QPointF

    assert "0.88×" in chart.readout_at(QPointF(0, 0)) and chart.readout_at(QPointF(0, 9)) == ""
    chart.set_falls([replace(found[0], low=0.0)])
    assert chart.falls == (), "what cannot stand on a logarithmic scale is left out"
