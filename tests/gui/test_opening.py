"""How what is measured is opened: set on the Benchmark page, kept with the run, and never mixed up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtWidgets import QLabel

from backends.actions import devices
from backends.actions.keeping import setup_of
from backends.actions.repeating import commands
from backends.domain.artifact import Configuration, LoadOptions
from backends.domain.errors import BadInput
from backends.domain.model import ModelKind
from backends.domain.result import ConfigurationResult, RunRecord
from backends.frameworks.base import Availability, JobContext
from backends.jobs.context import Context
from backends.storage.history import History
from backends.workflow.wizard import Choice, Opening
from gui.app import Services
from gui.jobs.runner import Occupation
from gui.wizard.pages.benchmark import BenchmarkPage
from gui.wizard.pages.benchmark_phase import Phase
from gui.wizard.pages.entries import entries_of_results
from gui.wizard.pages.measuring import Ears, Work, comparison_of, measure, work_of
from gui.wizard.pages.opening_dialog import OpeningDialog
from gui.wizard.pages.result_table import result_columns
from tests.gui.simulated import LANGUAGE, VISION, Simulation, wizard_state, work

LLAMA, VINO, ORT = (Choice(make.framework, make.precision) for make in LANGUAGE[1:])


class Measured:
    """The page over simulated runs, which may be held at a pair; ``works`` is what it asked for."""

    def __init__(self, services: Services, qtbot, makes=LANGUAGE) -> None:
        self.services, self.qtbot = services, qtbot
        self.works: list[Work] = []
        self.reached, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()
        self._simulation = Simulation(makes, at_gate=self._at_gate)
        services.store.update(wizard_state(work(makes)))
        self.page = BenchmarkPage(services, self._run)
        qtbot.addWidget(self.page)
        self.page.resize(1000, 800)
        self.page.show()

    def _run(self, wanted: Work, job: JobContext, history: History, ears: Ears) -> RunRecord:
        self.works.append(wanted)
        return self._simulation(wanted, job, history, ears)

    def _at_gate(self, pair: int) -> None:
        self.reached.set()
        assert self.go_on.wait(60)

    def enter(self) -> BenchmarkPage:
        self.page.on_enter()
        return self.page

    def ended(self) -> BenchmarkPage:
        self.go_on.set()
        self.qtbot.waitUntil(lambda: self.page.phase in (Phase.ENDED, Phase.WAITING), timeout=60_000)
        return self.page

    def dialog(self) -> OpeningDialog:
        self.page.opening.button.click()
        return self.page.findChildren(OpeningDialog)[-1]


@pytest.fixture
def measured(services: Services, qtbot) -> Iterator[Measured]:
    one = Measured(services, qtbot)
    yield one
    one.go_on.set()


def loads_of(services: Services) -> dict[str, LoadOptions]:
    stored = services.history.run(services.store.state.run_id)
    return {one.label: one.configuration.load for one in stored.results}


def test_what_can_be_set_is_what_the_manifests_say(measured: Measured) -> None:
    dialog = measured.dialog()
    titles = [dialog.tabs.tabText(index) for index in range(dialog.tabs.count())]
    assert titles == ["All of them", "original F16", "llama.cpp Q4_K_M", "OpenVINO INT8", "ONNX Runtime INT4"]
    shared, original, llama, vino, ort = (list(form.fields) for form in dialog.forms)
    assert shared == ["threads", "context"], "the processor is the only device"
    assert original == llama
    assert {"n_gpu_layers", "flash_attn", "type_k", "type_v", "n_batch"} <= set(llama)
    assert {"hint", "streams", "kv_cache_precision"} <= set(vino)
    assert {"optimization", "generator"} <= set(ort)
    assert dialog.forms[0].fields["threads"].widget.placeholderText() == "4"
    dialog.cancel.click()


def test_an_image_model_has_no_context_and_no_cache(services: Services, qtbot) -> None:
    dialog = Measured(services, qtbot, VISION).dialog()
    assert list(dialog.forms[0].fields) == ["threads"]
    assert "kv_cache_precision" not in dialog.forms[3].fields
    dialog.cancel.click()


def test_nothing_can_be_set_where_nothing_was_made(services: Services, qtbot) -> None:
    page = BenchmarkPage(services, Simulation())
    qtbot.addWidget(page)
    page.show()
    assert not page.opening.button.isVisible()


def test_each_is_opened_as_it_was_set_and_the_run_keeps_it(measured: Measured, services: Services) -> None:
    dialog = measured.dialog()
    shared, original, llama, vino, _ = dialog.forms
    shared.fields["threads"].widget.setText("2")
    shared.fields["context"].widget.setText("2048")
    original.fields["repack"].widget.setCurrentIndex(2)
    llama.fields["type_k"].widget.setCurrentText("Q8_0")
    vino.fields["streams"].widget.setText("2")
    dialog.use.click()
    page = measured.ended()
    alike = LoadOptions(threads=2, context=2048)
    assert loads_of(services) == {
        "original F16": replace(alike, options={"repack": False}),
        "llama.cpp Q4_K_M": replace(alike, options={"type_k": "Q8_0"}),
        "OpenVINO INT8": replace(alike, options={"streams": 2}),
        "ONNX Runtime INT4": alike,
    }
    assert page.opening.note.text().splitlines() == [
        "All of them: threads 2 · context 2048",
        "original F16: repack off",
        "llama.cpp Q4_K_M: type k Q8_0",
        "OpenVINO INT8: streams 2",
    ]
    again = measured.dialog()
    assert again.forms[2].fields["type_k"].widget.currentText() == "Q8_0"
    again.use.click()
    assert len(measured.works) == 1, "nothing was changed"


def test_the_command_of_the_run_opens_each_in_the_same_way(services: Services) -> None:
    opening = Opening(LoadOptions(threads=2), {None: {"repack": False}, VINO: {"streams": 2}})
    state = wizard_state(work()).with_opening(opening)
    wanted = work_of(state, services.settings.value)
    assert wanted is not None
    comparison = comparison_of(wanted)
    results = tuple(ConfigurationResult(one) for one in comparison.configurations())
    (command,) = commands(RunRecord("r", "2026", "model", results, setup=setup_of(comparison)))
    assert "--threads 2" in command
    assert command.endswith("--load 1:repack=false --load 3:streams=2")


def test_what_differs_stands_below_the_name_in_the_table(services: Services) -> None:
    made = work()
    load = LoadOptions(threads=2, context=512, options={"repack": False})
    plain, opened, named = (
        ConfigurationResult(one)
        for one in (
            Configuration(made.original, LoadOptions(context=512)),
            Configuration(made.artifacts[0], load),
            Configuration(made.artifacts[1], load, "OpenVINO INT8, threads=2"),
        )
    )
    entries = entries_of_results([plain, opened, named])
    name = result_columns(ModelKind.LANGUAGE, entries)[0].cell
    assert [name(one).second for one in (plain, opened, named)] == ["", "threads 2 · repack off", ""]


def test_opened_otherwise_it_is_measured_anew_and_nothing_of_before_is_shown(
    measured: Measured, services: Services
) -> None:
    page = measured.enter()
    measured.ended()
    before = services.store.state.run_id
    measured.go_on.clear()
    page.opening.use({}, {LLAMA: {"flash_attn": True}})
    assert services.store.state.results == () and page.phase is Phase.RUNNING
    assert page.summary.isHidden() and not page.state.can_continue
    measured.ended()
    assert len(services.store.state.results) == 4 and services.store.state.run_id != before
    assert loads_of(services)["llama.cpp Q4_K_M"].options == {"flash_attn": True}
    assert services.history.run(before).state == "finished", "it stays in History"


def test_a_run_that_is_under_way_is_stopped_and_begun_anew(
    measured: Measured, services: Services, qtbot
) -> None:
    measured.go_on.clear()
    page = measured.enter()
    qtbot.waitUntil(measured.reached.is_set)
    qtbot.waitUntil(lambda: services.store.state.run_id != "")
    before = services.store.state.run_id
    page.opening.use({"threads": 2}, {})
    assert page.phase is Phase.STOPPING and services.store.state.run_id == ""
    assert page.state.status == "Stopping; what was measured is kept"
    assert page.turn.waiting
    assert page.turn.sentence.text() == "What was begun here before has not ended yet."
    measured.go_on.set()
    qtbot.waitUntil(lambda: len(measured.works) == 2)
    measured.ended()
    assert [one.shared.threads for one in measured.works] == [0, 2]
    assert services.history.run(before).state == "cancelled"
    assert {load.threads for load in loads_of(services).values()} == {2}
    assert [action.text() for action in page.state.actions] == ["Measure again"]


def test_what_still_comes_of_another_opening_does_not_count(measured: Measured, services: Services) -> None:
    page = measured.enter()
    measured.ended()
    old = services.store.state.results[0]
    services.store.update(services.store.state.with_opening(Opening(LoadOptions(threads=2))))
    page.run_started.emit("late")
    page.result_arrived.emit(old)
    assert services.store.state.results == () and services.store.state.run_id == ""
    page.on_enter()
    assert page.phase is Phase.RUNNING, "stored results of another opening are not current"
    measured.ended()


def test_while_another_page_measures_nothing_of_before_is_shown(
    measured: Measured, services: Services, qtbot
) -> None:
    page = measured.enter()
    measured.ended()
    held = threading.Event()
    services.runner.start(
        lambda job: held.wait(60), lambda terminal: None, occupies=Occupation("Sweeps", "modes")
    )
    page.opening.use({"threads": 2}, {})
    assert page.turn.isVisible() and page.empty.isVisible()
    assert page.summary.isHidden() and page.topics.isHidden() and page.state.status == ""
    assert page.state.primary == "Measure"
    held.set()
    qtbot.waitUntil(lambda: len(measured.works) == 2)
    measured.ended()


def test_a_run_that_was_stopped_is_not_carried_on_in_another_way(
    measured: Measured, services: Services, qtbot
) -> None:
    measured.go_on.clear()
    page = measured.enter()
    qtbot.waitUntil(measured.reached.is_set)
    page.stop()
    measured.ended()
    assert "Go on" in [action.text() for action in page.state.actions]
    page.opening.use({}, {None: {"repack": True}})
    measured.ended()
    assert [action.text() for action in page.state.actions] == ["Measure again"]


@pytest.mark.parametrize(
    ("part", "name", "text", "words"),
    [
        (0, "threads", "0", "The option “threads” cannot be “0”. Give a whole number, 1 or more."),
        (
            0,
            "context",
            "9999",
            "The option “context” cannot be “9999”. Give a whole number from 129 to 4096.",
        ),
        (2, "n_batch", "many", "The option “n_batch” cannot be “many”. Give a whole number, 1 or more."),
    ],
)
def test_what_will_not_do_is_said_at_its_field(
    measured: Measured, services: Services, part: int, name: str, text: str, words: str
) -> None:
    dialog = measured.dialog()
    dialog.forms[part].fields[name].widget.setText(text)
    dialog.tabs.choose("4")
    dialog.use.click()
    assert dialog.isVisible() and dialog.stack.currentIndex() == part
    trouble = dialog.forms[part].troubles[name]
    assert trouble.isVisible() and trouble.text() == words
    assert services.store.state.opening == Opening()
    dialog.defaults.click()
    assert not trouble.isVisible()
    dialog.use.click()
    assert measured.works == [], "back to the usual, nothing has changed"


def test_a_device_is_offered_where_all_of_them_have_it(services: Services, qtbot) -> None:
    state = wizard_state(work())
    seen = {"llamacpp": ("CPU", "CUDA0"), "openvino": ("CPU", "GPU.0"), "onnxruntime": ("CPU", "CUDA")}
    answers = {name: Availability(name, True, devices=names) for name, names in seen.items()}
    one = Measured(services, qtbot)
    services.store.update(replace(state, availability=answers))
    dialog = one.dialog()
    assert "device" not in dialog.forms[0].fields, "OpenVINO has no CUDA"
    dialog.cancel.click()
    services.store.update(services.store.state.with_chosen((LLAMA, ORT)))
    dialog = one.dialog()
    field = dialog.forms[0].fields["device"].widget
    assert [field.itemText(index) for index in range(field.count())] == ["CPU", "CUDA"]
    field.setCurrentIndex(1)
    dialog.use.click()
    one.ended()
    assert {load.device for load in loads_of(services).values()} == {"CUDA"}


def test_a_device_that_is_gone_is_said_before_anything_is_measured(monkeypatch, services: Services) -> None:
    def gone(device: str, frameworks: object, job: JobContext) -> None:
        raise BadInput(f"There is no “{device}” any more.")

    monkeypatch.setattr(devices, "check_device", gone)
    wanted = replace(work(), shared=LoadOptions("CUDA"))
    ears = Ears(lambda: None, lambda run_id: None, lambda result: None)
    with pytest.raises(BadInput, match="no “CUDA” any more"):
        measure(wanted, Context(lambda event: None), services.history, ears)
    assert services.history.runs() == []


def test_a_framework_without_options_of_opening_says_so(services: Services, qtbot) -> None:
    mlx = replace(work().artifacts[0], framework="mlx", precision="4bit", framework_title="MLX")
    one = Measured(services, qtbot)
    choice = Choice("mlx", "4bit")
    services.store.update(services.store.state.with_chosen((choice,)).with_artifact(choice, mlx))
    dialog = one.dialog()
    dialog.tabs.choose("2")
    texts = [child.text() for child in dialog.forms[2].findChildren(QLabel)]
    assert texts == ["There is nothing to set."]
    dialog.use.click()
    assert one.works == []
