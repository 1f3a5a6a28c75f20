"""Pages that measure take turns: none begins while another has the machine."""

from __future__ import annotations

import threading

import pytest

from backends.domain.result import RunRecord
from backends.frameworks.base import JobContext
from backends.storage.history import History
from gui.app import Services
from gui.wizard.pages.benchmark import BenchmarkPage
from gui.wizard.pages.benchmark_phase import Phase
from gui.wizard.pages.hardware import HardwarePage
from gui.wizard.pages.optimization import OptimizationPage
from gui.wizard.pages.optimization_work import Ears, Wish
from gui.wizard.pages.optimize import OptimizePage
from tests.gui.simulated import Simulation, stored_run, wizard_state, work


class Stages:
    """Stands in for optimizing in stages; waits until it may end."""

    def __init__(self) -> None:
        self.held, self.asked = threading.Event(), 0

    def __call__(self, wish: Wish, job: JobContext, history: History, ears: Ears) -> RunRecord:
        self.asked += 1
        assert self.held.wait(60)
        return stored_run(history)


@pytest.fixture
def stages():
    made = Stages()
    yield made
    made.held.set()


@pytest.fixture
def pages(services: Services, qtbot, stages: Stages):
    services.store.update(wizard_state(work()))
    made = BenchmarkPage(services, Simulation()), OptimizationPage(services, stages)
    for page in made:
        qtbot.addWidget(page)
    return made


def test_the_benchmark_waits_for_the_stages_and_then_begins(pages, stages: Stages, qtbot) -> None:
    benchmark, in_stages = pages
    in_stages.on_enter()
    in_stages.apply()
    benchmark.on_enter()
    assert benchmark.phase is Phase.WAITING and benchmark.turn.waiting
    assert benchmark.turn.sentence.text() == "“Optimize in stages” is running: both would disturb each other."
    with qtbot.waitSignal(benchmark.navigate) as asked:
        benchmark.turn.button.click()
    assert asked.args == ["stages"]
    stages.held.set()
    qtbot.waitUntil(lambda: benchmark.phase is Phase.ENDED)
    assert not benchmark.turn.isVisibleTo(benchmark)


def test_the_stages_wait_for_the_benchmark(services: Services, qtbot, stages: Stages) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def hold(pair: int) -> None:
        reached.set()
        assert go_on.wait(60)

    services.store.update(wizard_state(work()))
    benchmark = BenchmarkPage(services, Simulation(at_gate=hold))
    in_stages = OptimizationPage(services, stages)
    for page in (benchmark, in_stages):
        qtbot.addWidget(page)
        page.on_enter()
    qtbot.waitUntil(reached.is_set)
    in_stages.apply()
    assert not in_stages.running and in_stages.turn.isVisibleTo(in_stages)
    in_stages.turn.forgo.click()
    go_on.set()
    qtbot.waitUntil(lambda: benchmark.phase is Phase.ENDED)
    assert stages.asked == 0 and not in_stages.running, "who does not wait does not begin"
    stages.held.set()
    in_stages.apply()
    qtbot.waitUntil(lambda: stages.asked == 1 and not in_stages.running)


def test_nothing_is_made_or_detected_beside_a_measurement(
    services: Services, pages, stages: Stages, qtbot, monkeypatch
) -> None:
    _, in_stages = pages
    in_stages.on_enter()
    in_stages.apply()
    state = services.store.state
    services.store.update(state.without_artifact(state.chosen[0]))
    making, hardware = OptimizePage(services), HardwarePage(services)
    for page in (making, hardware):
        qtbot.addWidget(page)
    making.make = lambda *_: pytest.fail("it was made beside a measurement")
    making._start()
    hardware.start()
    assert making.turn.waiting and not making.queue.running
    assert hardware.turn.waiting
    making.turn.forget()
    hardware.turn.forget()
    stages.held.set()
    qtbot.waitUntil(lambda: not in_stages.running)
