"""Optimizing in stages: the page follows a run, keeps what was decided, and offers to resume or discard."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from backends.actions import devices
from backends.actions import optimize as action
from backends.domain.errors import BadInput
from backends.domain.events import Progress
from backends.domain.result import RunRecord, Stage
from backends.frameworks import registry
from backends.frameworks.base import Availability, JobContext
from backends.jobs.context import Context
from backends.optimization.stress import STRESS_PLANS
from backends.storage.history import History
from backends.workflow.wizard import Choice
from gui.app import Services
from gui.charts.waterfall_chart import WaterfallChart
from gui.wizard.pages.measuring import comparison_of
from gui.wizard.pages.optimization import OptimizationPage
from gui.wizard.pages.optimization_work import Ears, Wish, cut_off, falls, optimize
from gui.wizard.pages.options_dialog import OptionsDialog
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
    choice = page.wishes.choice
    assert choice.count() == 5 and choice.currentData() is None
    choice.setCurrentIndex(1)
    page.apply()
    qtbot.waitUntil(lambda: not page.running)
    assert fake.wishes[0].choices == (Choice("llamacpp", "Q4_K_M"),)
    assert fake.wishes[0].depth == "quick"
    qtbot.waitUntil(lambda: page.view.isVisible())


def test_all_that_was_chosen_can_be_made(make, services: Services, qtbot) -> None:
    page = make(FakeOptimize())
    choice = page.wishes.choice
    choice.setCurrentIndex(choice.count() - 1)
    assert choice.currentText() == "All 3 that were chosen"
    assert page.wishes.wish().choices == services.store.state.chosen
    page.on_enter()
    assert choice.choices == services.store.state.chosen, "what was taken stays taken"


def test_the_rules_are_those_of_settings_where_nothing_else_is_set(make, services: Services) -> None:
    services.settings.change(benchmark_depth="standard", benchmark_stress=False)
    page = make(FakeOptimize())
    wish = page.wishes.wish()
    assert (wish.choices, wish.depth, wish.stress) == ((), "standard", False)
    assert (wish.candidates, wish.device, wish.threads) == (1, "CPU", 0)
    assert wish.weights == services.store.state.weights
    assert not page.wishes.note.isVisible()


def options_of(page: OptimizationPage) -> OptionsDialog:
    page.wishes.options.click()
    return page.findChildren(OptionsDialog)[-1]


def test_other_rules_reach_the_run_and_stand_on_the_page(make, services: Services, qtbot) -> None:
    fake = FakeOptimize()
    page = make(fake)
    dialog = options_of(page)
    assert list(dialog.fields) == ["depth", "candidates", "threads", "stress_run"], "one device only is here"
    dialog.fields["depth"].widget.setCurrentIndex(2)
    dialog.fields["candidates"].widget.setText("2")
    dialog.fields["threads"].widget.setText("3")
    dialog.fields["stress_run"].widget.setCurrentIndex(0)
    dialog.use.click()
    said = "With depth thorough · candidates 2 · threads 3 · stress run off"
    assert page.wishes.note.text() == said and page.wishes.note.isVisible()
    page.start()
    assert not page.wishes.isEnabled()
    qtbot.waitUntil(lambda: page.view.isVisible() and not page.running)
    wish = fake.wishes[0]
    assert (wish.depth, wish.candidates, wish.threads, wish.stress) == ("thorough", 2, 3, False)
    page.wishes.choice.setCurrentIndex(1)
    assert "candidates" not in page.wishes.note.text(), "nothing is recommended where one is named"
    assert page.wishes.wish().candidates == 1


def test_a_device_is_offered_where_all_that_run_have_it(make, services: Services) -> None:
    page = make(FakeOptimize())
    seen = {"llamacpp": ("CPU", "CUDA0"), "onnxruntime": ("CPU", "CUDA")}
    answers = {name: Availability(name, True, devices=names) for name, names in seen.items()}
    services.store.update(replace(services.store.state, availability=answers))
    dialog = options_of(page)
    field = dialog.fields["device"]
    assert [field.widget.itemText(index) for index in range(field.widget.count())] == ["CPU", "CUDA0"]
    field.widget.setCurrentIndex(1)
    dialog.use.click()
    assert page.wishes.wish().device == "CUDA0"
    page.wishes.choice.setCurrentIndex(3)
    assert page.wishes.wish().device == "CPU", "the other framework calls it otherwise"
    assert page.wishes.note.text() == ""


def test_what_is_no_number_of_candidates_is_said_at_its_field(make) -> None:
    dialog = options_of(make(FakeOptimize()))
    dialog.fields["candidates"].widget.setText("99")
    dialog.use.click()
    assert dialog.isVisible()
    most = len(registry.manifests())
    words = f"The option “candidates” cannot be “99”. Give a whole number from 1 to {most}."
    assert dialog.form.troubles["candidates"].text() == words
    dialog.cancel.click()


def test_the_wish_becomes_what_the_command_line_would_run(monkeypatch, services: Services) -> None:
    ran: list[object] = []
    asked: list[object] = []
    choices = (Choice("llamacpp", "Q4_K_M"), Choice("openvino", "INT8"))
    stressed = replace(comparison_of(work()), stress=STRESS_PLANS["quick"])
    monkeypatch.setattr(action, "comparison_at", lambda depth, source, job: stressed)
    monkeypatch.setattr(action, "optimize", lambda wanted, *_: ran.append(wanted))
    monkeypatch.setattr(action, "choose", lambda source, job, *named, **how: (Choice(*named[:2]),))
    monkeypatch.setattr(
        devices, "check_device", lambda device, names, job: asked.append((device, set(names)))
    )
    wish = Wish(work().source, choices, "this", "quick", device="CUDA0", threads=3, stress=False)
    ears = Ears(lambda run_id: None, lambda stage: None, lambda: None)
    optimize(wish, Context(lambda event: None), services.history, ears)
    (wanted,) = ran
    assert wanted.choices == choices
    made = wanted.comparison
    assert (made.device, made.threads, made.stress) == ("CUDA0", 3, None)
    assert asked == [("CUDA0", {"llamacpp", "openvino"})]


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
