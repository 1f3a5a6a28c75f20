"""The Benchmark page over the real conductor in a made-up world; and once for real."""

from __future__ import annotations

import csv
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QPushButton

from backends.actions.compare import Comparison
from backends.benchmarking import metrics
from backends.domain.artifact import Configuration
from backends.domain.energy import DomainEnergy, EnergyReading
from backends.domain.errors import BadInput, JobFailed
from backends.domain.events import Log, Sample
from backends.domain.metric import Interval
from backends.domain.model import ModelKind
from backends.domain.result import RunRecord
from backends.frameworks.base import JobContext
from backends.jobs.context import Context
from backends.optimization.stress import STRESS_PLANS
from backends.storage.history import History
from gui.app import Services
from gui.wizard.pages.benchmark import BenchmarkPage
from gui.wizard.pages.benchmark_phase import Phase
from gui.wizard.pages.entries import entries_of
from gui.wizard.pages.live import LiveRun
from gui.wizard.pages.live_machine import MachineCharts
from gui.wizard.pages.measured_words import rate_words
from gui.wizard.pages.measuring import Ears
from gui.wizard.pages.saving import ask_where, file_name
from gui.wizard.pages.so_far import SoFarCard
from tests.gui.simulated import LANGUAGE, VISION, Simulation, stored_run, wizard_state, work


class Stage:
    """A page whose simulated run waits at one of its pairs."""

    def __init__(self, services: Services, qtbot, makes=LANGUAGE, wait_at: int = -1, **fields) -> None:
        self.services, self.qtbot, self.wait_at = services, qtbot, wait_at
        self.reached, self.go_on = threading.Event(), threading.Event()
        self.page = BenchmarkPage(services, Simulation(makes, at_gate=self._at_gate, **fields))
        qtbot.addWidget(self.page)
        services.store.update(wizard_state(work(makes)))
        self.page.resize(1000, 800)
        self.page.show()

    def _at_gate(self, pair: int) -> None:
        if pair == self.wait_at:
            self.reached.set()
            assert self.go_on.wait(60)

    def enter(self) -> BenchmarkPage:
        self.page.on_enter()
        if self.wait_at >= 0:
            self.qtbot.waitUntil(self.reached.is_set, timeout=30_000)
        return self.page

    def finish(self) -> BenchmarkPage:
        self.go_on.set()
        self.qtbot.waitUntil(lambda: self.page.phase in (Phase.ENDED, Phase.WAITING), timeout=60_000)
        return self.page


@pytest.fixture
def stage(services: Services, qtbot):
    made: list[Stage] = []

    def make(**fields) -> Stage:
        made.append(Stage(services, qtbot, **fields))
        return made[-1]

    yield make
    for one in made:
        one.go_on.set()


def so_far(page: BenchmarkPage) -> list[list[str]]:
    model = page.so_far.model
    return [[str(model.cell(row, column)) for column in range(4)] for row in range(model.rowCount())]


def test_it_starts_when_entered_and_ends_with_everything(stage, services: Services) -> None:
    one = stage()
    one.enter()
    assert one.page.phase is Phase.RUNNING
    page = one.finish()
    assert page.phase is Phase.ENDED
    state = services.store.state
    labels = {"llama.cpp Q4_K_M", "OpenVINO INT8", "ONNX Runtime INT4", "original F16"}
    assert {r.label for r in state.results} == labels
    assert all(r.quality for r in state.results)
    assert services.history.run(state.run_id).state == "finished"
    assert page.state.primary == "Result"
    assert page.state.can_continue
    assert page.apply()


def test_what_may_be_claimed_of_each(stage) -> None:
    one = stage()
    one.enter()
    page = one.finish()
    verdicts = ["≥ 2× holds", "inconclusive", "below 2×"]
    assert [row[-1] for row in so_far(page)[::2]] == verdicts
    assert [row[-1] for row in so_far(page)[1::2]] == verdicts, "prefill has a line of its own"
    assert [row[0] for row in so_far(page)[:2]] == ["Q4_K_M", "prefill"]
    assert page.so_far.note.text().startswith("Original: 17")
    assert page.so_far.accessibleName() == "Against the original"
    assert page.summary.table.model().rowCount() == 4


def test_it_is_not_measured_twice_unasked(stage) -> None:
    one = stage()
    one.enter()
    page = one.finish()
    page.on_enter()
    assert page.phase is Phase.ENDED
    page.again()
    assert page.phase is Phase.RUNNING
    one.finish()
    assert len(one.services.history.runs()) == 2


def test_charts_show_what_was_measured(stage) -> None:
    one = stage(disturbed=(8, 9))
    one.enter()
    page = one.finish()
    charts = page.charts
    assert len(charts.rate.data("original F16")) >= 18
    assert len(charts.latency.data("OpenVINO INT8")) == 6
    assert charts.latency.data("OpenVINO INT8").y[0] == pytest.approx(1000 / 33, rel=0.1)
    assert len(charts.ratio.data("OpenVINO INT8")) >= 6
    assert len(charts.machine.load.data("other programs"))
    assert {bar.label for bar in charts.memory.use.bars} == {"F16", "Q4_K_M", "INT8", "INT4"}
    assert all(len(bar.parts) == 4 and all(bar.parts) for bar in charts.memory.use.bars)
    totals = [[bar.total for bar in chart.bars] for chart in (charts.memory.use, charts.memory.kind)]
    assert totals[0] == pytest.approx(totals[1])
    assert any("other programs used 3" in flag.reason for flag in charts.rate.flags)
    track = page.live.tracks["llama.cpp Q4_K_M"]
    assert len(track.ratios) > 6 and max(track.pairs) == 6
    repeated = charts.ratio.data("llama.cpp Q4_K_M")
    assert max(repeated.x) == 6, "after the last pair comes its look, however many were repeated"
    flag = charts.ratio.flags[0]
    assert flag.x in track.pairs and flag.who.endswith(f"pair {flag.x}")
    prefill = charts.rates[1]
    assert prefill.rate.name == "Prefill, tokens per second"
    assert len(prefill.rate.data("original F16")) == len(charts.rate.data("original F16"))
    assert prefill.rate.data("OpenVINO INT8").y[0] == pytest.approx(330, rel=0.1)
    assert max(prefill.ratio.data("OpenVINO INT8").x) == 6
    assert "First token: Q4_K_M" in charts.latency_card.note.text()
    assert charts.machine.load_card.note.text() == "3.00 GHz · 50.0 °C"
    assert charts.distribution.count("OpenVINO INT8") == 6 * 127
    assert "disturbed" in page.so_far.note.text()


def test_a_run_that_goes_on_for_prefill_does_not_look_decided(qtbot) -> None:
    live = LiveRun(["a"], metrics.DECODE)
    for pair, (decode, prefill) in enumerate(((2.5, 1.9), (2.4, 2.2), (2.6, 2.0)), 1):
        live.hear(Sample("a", metrics.PAIR_RATIO, pair, decode, pair))
        live.hear(Sample("a", metrics.PREFILL_RATIO, pair, prefill, pair))
    for name, value in (
        (metrics.RATIO_LOW, 2.3),
        (metrics.RATIO_HIGH, 2.7),
        (metrics.PREFILL_LOW, 1.8),
        (metrics.PREFILL_HIGH, 2.3),
    ):
        live.hear(Sample("a", name, 3, value))
    live.hear(Sample("a", metrics.LOOK, 3, 3))
    words = rate_words(ModelKind.LANGUAGE)
    entries = entries_of([Configuration(a) for a in work().artifacts[:1]])
    entry = replace(entries[0], label="a")
    card = SoFarCard(words, [entry], [2.0, 2.0], (3, 6))
    qtbot.addWidget(card)
    card.show_run(live)
    claims = [str(card.model.cell(row, 3)) for row in range(card.model.rowCount())]
    assert claims == ["≥ 2× holds", "inconclusive"]


def test_tensor_models_have_words_of_their_own(stage) -> None:
    one = stage(makes=VISION)
    one.enter()
    page = one.finish()
    assert page.charts.rate.name == "Inferences per second"
    assert page.charts.latency.name == "Latency of single inferences, ms"
    assert page.so_far.model.columns[1].title == "inf/s"
    assert len(so_far(page)) == 2 and "prefill" not in page.charts.titles()
    assert "inputs" in page.header.subtitle.text()


def test_pausing_holds_the_next_pair(stage, qtbot) -> None:
    one = stage(wait_at=3)
    page = one.enter()
    page.pause()
    assert page.phase is Phase.PAUSED
    assert [action.text() for action in page.state.actions] == ["Resume", "Stop"]
    assert page.state.status == "Pausing; what is in hand is finished first"
    one.go_on.set()
    qtbot.waitUntil(lambda: page.state.status == "Paused" and "pair 3" in page.live.what)
    assert page.phase is Phase.PAUSED
    page.resume()
    one.finish()
    assert len(one.services.store.state.results) == 4


def test_stopping_keeps_what_was_measured(stage, services: Services) -> None:
    one = stage(wait_at=9)
    page = one.enter()
    page.stop()
    one.finish()
    state = services.store.state
    assert [r.label for r in state.results] == ["llama.cpp Q4_K_M"]
    assert services.history.run(state.run_id).state == "cancelled"
    assert len(services.history.run(state.run_id).readings) >= 12
    assert page.state.status == "Stopped; what was measured is in History"
    assert page.state.can_continue
    page.on_enter()
    assert page.phase is Phase.ENDED


def test_stopping_while_paused_ends_at_once(stage) -> None:
    one = stage(wait_at=2)
    page = one.enter()
    page.pause()
    one.go_on.set()
    page.stop()
    assert one.finish().phase is Phase.ENDED
    assert page.state.primary == "Measure"


def test_a_window_that_closes_while_paused_ends_the_job(stage, services: Services) -> None:
    one = stage(wait_at=2)
    one.enter().pause()
    one.go_on.set()
    assert services.runner.shutdown()
    assert services.history.runs()[0].state == "cancelled"


def test_a_configuration_that_fails_says_so(stage) -> None:
    one = stage(fails={"INT8": JobFailed("The model does not fit into memory.")})
    one.enter()
    page = one.finish()
    assert [row[-1] for row in so_far(page)[2:4]] == ["failed", "failed"]
    assert "OpenVINO INT8: The model does not fit into memory." in page.summary.note.text()


def test_a_run_that_cannot_begin_says_why(services: Services, qtbot) -> None:
    def refuse(*_):
        raise BadInput("The text has no tokens.", "Choose another text.")

    page = BenchmarkPage(services, refuse)
    qtbot.addWidget(page)
    services.store.update(wizard_state(work()))
    page.on_enter()
    qtbot.waitUntil(lambda: page.phase is Phase.WAITING)
    assert page.banner.sentence.text() == "The text has no tokens."
    assert page.state.primary == "Measure"
    assert page.state.can_continue


def test_results_of_another_model_do_not_get_into_the_wizard(stage, services: Services) -> None:
    one = stage(wait_at=7)
    one.enter()
    services.store.update(services.store.state.with_source(None))
    one.finish()
    assert services.store.state.results == ()


def test_a_busy_machine_is_named(services: Services, qtbot) -> None:
    page = BenchmarkPage(services, Simulation())
    qtbot.addWidget(page)
    services.store.update(wizard_state(work()))
    page.on_enter()
    page._hear([Log("Before measuring: other programs used 40 % of a core; the busiest was chrome.")])
    assert page.notice.isVisibleTo(page)
    assert "chrome" in page.notice.sentence.text()
    qtbot.waitUntil(lambda: page.phase is Phase.ENDED, timeout=60_000)


def test_a_chart_is_kept_as_picture_and_as_table(stage, tmp_path: Path, monkeypatch, qtbot) -> None:
    one = stage(makes=VISION)
    one.enter()
    page = one.finish()
    names = iter(("chart.png", "chart.csv", "nowhere/chart.csv"))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / next(names)), ""))
    card = page.charts.ratio_card
    card.save_picture()
    card.save_data()
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")
    rows = list(csv.reader((tmp_path / "chart.csv").read_text(encoding="utf-8").splitlines()))
    assert rows[0] == ["series", "pair", "ratio", "low", "high", "flag"]
    assert float(rows[-1][3]) <= float(rows[-1][2]) <= float(rows[-1][4]), "with the running interval"
    assert float(rows[1][2]) == pytest.approx(2.25, rel=0.2)
    card.save_data()
    assert "cannot be written" in page.banner.sentence.text()


def test_every_chart_card_has_a_button_with_a_name(stage) -> None:
    one = stage(makes=VISION)
    one.enter()
    page = one.finish()
    for card in page.charts.cards:
        names = [button.accessibleName() for button in card.findChildren(QPushButton)]
        assert f"Save the chart “{card.chart.name}”" in names


@pytest.mark.parametrize(
    ("chosen", "kind", "expected"), [("a.csv", "", "a.csv"), ("a", "X (*.csv)", "a.csv")]
)
def test_the_kind_of_file_is_in_its_name(qtbot, monkeypatch, chosen: str, kind: str, expected: str) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (f"/x/{chosen}", kind))
    assert ask_where(None, "t", "n", {"json": "Y", "csv": "X"}) == Path("/x") / expected
    assert file_name("Decode, tokens per second") == "Decode-tokens-per-second"


@pytest.mark.parametrize("depth", ["quick", "standard", "thorough"])
def test_a_stress_run_is_part_of_it_unless_it_is_left_out(
    services: Services, qtbot, monkeypatch, depth: str
) -> None:
    asked: list[Comparison] = []

    def compare(comparison: Comparison, *_: object) -> RunRecord:
        asked.append(comparison)
        return stored_run(services.history)

    monkeypatch.setattr("backends.actions.compare.compare", compare)
    services.settings.change(benchmark_depth=depth)
    services.store.update(wizard_state(work()))
    page = BenchmarkPage(services)
    qtbot.addWidget(page)
    page.on_enter()
    qtbot.waitUntil(lambda: page.phase is Phase.ENDED)
    services.settings.change(benchmark_stress=False)
    page.on_enter()
    assert page.phase is Phase.ENDED, "that alone is no reason to measure again"
    page.again()
    qtbot.waitUntil(lambda: page.phase is Phase.ENDED)
    assert [one.stress for one in asked] == [STRESS_PLANS[depth], None]


def test_a_busy_machine_is_told_before_and_during(stage) -> None:
    one = stage(disturbed=tuple(range(200)), wait_at=4)
    page = one.enter()
    one.qtbot.waitUntil(lambda: page.live.disturbed > 0)
    assert page.notice.isVisibleTo(page)
    assert page.notice.sentence.text().startswith("Just now: other programs used 3")
    one.finish()
    assert page.notice.sentence.text().endswith("readings were disturbed while this was measured.")


def test_the_gates_of_the_settings_are_what_is_judged_by(stage, services: Services) -> None:
    services.settings.change(gate_thresholds={"decode_speed": 1.5, "accuracy": 0.9})
    one = stage()
    one.enter()
    page = one.finish()
    assert [row[-1] for row in so_far(page)[::2]] == ["≥ 1.5× holds", "≥ 1.5× holds", "≥ 1.5× holds"]
    assert [row[-1] for row in so_far(page)[1::2]] == ["≥ 2× holds", "inconclusive", "below 2×"]
    made = next(r for r in services.store.state.results if r.label == "llama.cpp Q4_K_M")
    gates = {found.gate.name: found.gate.threshold for found in made.gates}
    assert (gates["decode_speed"], gates["accuracy"], gates["memory"]) == (1.5, 0.9, 0.5)
    services.settings.change(gate_thresholds={})
    page.on_enter()
    assert page.phase is Phase.ENDED, "other gates are no reason to measure again"


def test_a_stopped_run_is_carried_on(services: Services, qtbot) -> None:
    reached, go_on, asked = threading.Event(), threading.Event(), []

    def wait(pair: int) -> None:
        if pair == 4:
            reached.set()
            assert go_on.wait(60)

    def resume(run_id: str, job: JobContext, history: History, ears: Ears) -> RunRecord:
        asked.append(run_id)
        for result in stored.results:
            ears.on_result(result)
        return stored

    stored = stored_run(services.history)
    page = BenchmarkPage(services, Simulation(at_gate=wait), resume)
    qtbot.addWidget(page)
    services.store.update(wizard_state(work()))
    page.show()
    page.on_enter()
    qtbot.waitUntil(reached.is_set, timeout=30_000)
    page.stop()
    go_on.set()
    qtbot.waitUntil(lambda: page.phase is Phase.ENDED, timeout=60_000)
    drawn = len(page.charts.rate.data("original F16"))
    assert page.state.actions[0].text() == "Go on"
    page.state.actions[0].trigger()
    assert page.phase is Phase.RUNNING
    qtbot.waitUntil(lambda: page.phase is Phase.ENDED, timeout=60_000)
    assert asked == [services.store.state.run_id]
    assert len(page.charts.rate.data("original F16")) >= drawn > 0, "the charts keep what they show"
    assert page.summary.isVisibleTo(page)
    assert [action.text() for action in page.state.actions] == ["Measure again"]


def test_topics_show_their_cards_only(stage) -> None:
    one = stage()
    one.enter()
    page = one.finish()
    charts = page.charts
    shown = {
        "overview": {charts.rate_card, page.so_far, charts.latency_card, charts.memory.use_card},
        "pairs": {charts.ratio_card, page.so_far},
        "prefill": {charts.rates[1].rate_card, charts.rates[1].ratio_card},
        "latency": {charts.latency_card, charts.distribution_card},
        "memory": {charts.memory.use_card, charts.memory.kind_card},
    }
    for topic, cards in shown.items():
        page.topics.choose(topic)
        everything = {*charts.cards, page.so_far, charts.machine.untold_card}
        assert {card for card in everything if card.isVisibleTo(page)} == cards
    one.page.again()
    assert page.topics.tabs.topic == "memory", "another run does not throw the user back"
    one.finish()


def test_the_machine_shows_what_it_tells_and_says_why_it_does_not(stage) -> None:
    one = stage()
    one.enter()
    page = one.finish()
    page.topics.choose("machine")
    machine = page.charts.machine
    assert set(machine.charts) == {metrics.FREQUENCY, metrics.TEMPERATURE}
    assert len(machine.charts[metrics.TEMPERATURE].data("Temperature"))
    assert [(row.label, row.value) for row in machine.untold.rows] == [("Power", "not measured")]
    assert machine.untold.rows[0].note
    assert machine.untold_card.isVisibleTo(page)


def test_power_is_a_chart_where_it_is_measured(qtbot) -> None:
    entries = entries_of([Configuration(a) for a in (work().original, *work().artifacts[:1])])
    machine, made = MachineCharts(entries, None), []
    machine.card_made.connect(made.append)
    machine.show_power({"original F16": EnergyReading("new token", why_not="Ask the administrator.")})
    assert machine.untold.rows[-1].note == "Ask the administrator."
    joules = Interval(0.5, 0.4, 0.6, 0.95, 3)
    counted = DomainEnergy("package-0", "powercap", 4.0, 14.2, joules, joules)
    machine.show_power({"original F16": EnergyReading("new token", (counted,), 3, 10.0)})
    assert [card.chart.name for card in made] == ["Power while working, W (package-0)"]
    assert machine.power.bars[0].parts == pytest.approx((4.0, 10.2))
    assert machine.power.bars[1].text == "not yet measured"
    assert "Power" not in [row.label for row in machine.untold.rows]
    for widget in (*made, machine.load_card, machine.untold_card):
        qtbot.addWidget(widget)


def test_keys_reach_every_button(stage, qtbot) -> None:
    one = stage(makes=VISION)
    one.enter()
    page = one.finish()
    focusable = [b for b in page.findChildren(QPushButton) if b.isVisibleTo(page)]
    assert focusable
    assert all(b.focusPolicy() & Qt.FocusPolicy.TabFocus for b in focusable)


@pytest.mark.slow
@pytest.mark.real
def test_a_tiny_model_for_real(services: Services, qtbot, tmp_path: Path) -> None:
    from backends.actions.artifacts import original_artifact
    from backends.actions.quantize import quantize
    from backends.assessment.source import source_model
    from backends.workflow.wizard import Choice
    from tests.contract.tiny_models import vision_onnx

    source = source_model(vision_onnx(tmp_path / "tiny.onnx"))
    job = Context(lambda event: None)
    made = quantize(source, "onnxruntime", "INT8_DYNAMIC", tmp_path / "made", job)
    choice = Choice("onnxruntime", "INT8_DYNAMIC")
    state = wizard_state(work(VISION)).with_source(source).with_original(original_artifact(source))
    services.store.update(replace(state, chosen=(choice,)).with_artifact(choice, made))
    page = BenchmarkPage(services)
    qtbot.addWidget(page)
    page.show()
    page.on_enter()
    qtbot.waitUntil(lambda: page.phase in (Phase.ENDED, Phase.WAITING), timeout=240_000)
    assert not page.banner.isVisibleTo(page), page.banner.sentence.text()
    results = services.store.state.results
    assert {r.configuration.artifact.original for r in results} == {True, False}
    assert all(r.rates[metrics.INFERENCES].estimate > 0 and r.memory for r in results)
    assert len(page.charts.latency.data(page.charts.rate.series[0])) >= 6
