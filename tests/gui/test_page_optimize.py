"""Step 4: the queue, with artifacts that are only said to be made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from backends.domain.artifact import Artifact, Sameness
from backends.domain.errors import BadInput, JobFailed
from backends.domain.events import Log, Progress
from backends.frameworks import registry
from backends.workflow.wizard import Choice
from gui.wizard.pages.optimize import OptimizePage
from gui.wizard.pages.optimize_queue import Stage, folder_name
from gui.wizard.pages.option_fields import field_of
from gui.wizard.pages.options_dialog import OptionsDialog
from tests.gui.gates import Gate
from tests.unit.samples import artifact, available, machine, source

SMALL, LARGE = Choice("llamacpp", "Q4_K_M"), Choice("llamacpp", "Q8_0")
ORIGINAL = replace(artifact("F16", original=True), size_bytes=1000)


def made(choice: Choice) -> Artifact:
    return replace(artifact(choice.precision), size_bytes=290, took_s=1.2, warnings=("Look at this.",))


@pytest.fixture
def open_page(qtbot, services, monkeypatch) -> Callable[..., OptimizePage]:
    def make_page(make=lambda *asked: made(asked[1]), original=None) -> OptimizePage:
        read = original or (lambda source, job: ORIGINAL)
        monkeypatch.setattr(OptimizePage, "make", staticmethod(make))
        monkeypatch.setattr(OptimizePage, "read_original", staticmethod(read))
        state = services.store.state.with_hardware(machine(), available("llamacpp")).with_source(source())
        services.store.update(state.with_chosen((SMALL, LARGE)))
        page = OptimizePage(services)
        qtbot.addWidget(page)
        page.resize(1000, 900)
        page.show()
        page.on_enter()
        qtbot.waitUntil(lambda: page.queue.running or begun(page))
        return page

    def begun(page: OptimizePage) -> bool:
        state = services.store.state
        return bool(state.original or page.banner.isVisible())

    return make_page


def idle(qtbot, page: OptimizePage) -> None:
    qtbot.waitUntil(lambda: not page.queue.running)


def test_everything_chosen_is_made_one_after_the_other(open_page, services, qtbot) -> None:
    seen: list[Choice] = []

    def make(source, choice, options, target: Path, job) -> Artifact:
        assert not target.exists()
        seen.append(choice)
        job.emit(Log(f"working on {choice.precision}"))
        return made(choice)

    page = open_page(make)
    idle(qtbot, page)
    assert seen == [SMALL, LARGE]
    assert list(services.store.state.artifacts) == seen
    assert services.store.state.original == ORIGINAL
    assert page.state.can_continue
    assert page.state.status == "2 of 2 made"
    assert page.rows[SMALL].figure.text == "290 B, 29\u00a0% of the original's 1.00\u00a0kB"
    assert page.rows[SMALL].facts.rows[0].value == "31\u00a0×\u00a0Q4_K"
    assert page.rows[SMALL].warnings.text() == "Look at this."
    assert "working on Q8_0" in page.log.toPlainText()


def test_progress_and_time_left_are_shown(open_page, qtbot) -> None:
    gate = Gate()

    def make(source, choice, options, target, job) -> Artifact:
        job.emit(Progress(0.5, "Layer 12 of 24", 90.0))
        gate.wait(job)
        return made(choice)

    page = open_page(make)
    row = page.rows[SMALL]
    qtbot.waitUntil(lambda: "Layer 12" in row.note.text())
    assert row.note.text() == "Layer 12 of 24 · about 2\u00a0min left"
    assert row.bar.fraction == 0.5
    assert row.chip.text() == "running"
    assert page.rows[LARGE].chip.text() == "waiting"
    assert page.state.fraction == 0.25
    assert page.state.busy
    gate.open()
    idle(qtbot, page)


def test_a_failure_costs_its_row_and_can_be_tried_again(open_page, services, qtbot) -> None:
    broken = [True]

    def make(source, choice, options, target, job) -> Artifact:
        if choice == SMALL and broken[0]:
            raise JobFailed("The worker was killed.", "Close other programs.", "last words")
        return made(choice)

    page = open_page(make)
    idle(qtbot, page)
    row = page.rows[SMALL]
    assert row.note.text() == "The worker was killed. Close other programs."
    assert services.store.state.failures[SMALL] == row.note.text()
    assert page.queue.entry(LARGE).stage is Stage.DONE
    assert page.state.can_continue
    assert page.state.status == "1 of 2 made · 1 failed"
    with qtbot.waitSignal(page.details_wanted, check_params_cb=lambda *all: all[2] == "last words"):
        row.details.click()
    broken[0] = False
    row.again.click()
    idle(qtbot, page)
    assert page.queue.entry(SMALL).stage is Stage.DONE
    assert services.store.state.failures == {}


def test_stop_ends_the_job_and_go_on_takes_it_up(open_page, services, qtbot) -> None:
    gate = Gate()

    def make(source, choice, options, target, job) -> Artifact:
        gate.wait(job)
        return made(choice)

    page = open_page(make)
    qtbot.waitUntil(gate.reached.is_set)
    page.queue.stop()
    idle(qtbot, page)
    assert [page.queue.entry(choice).stage for choice in (SMALL, LARGE)] == [Stage.STOPPED] * 2
    assert [action.text() for action in page.state.actions] == ["Go on", "Data…"]
    assert not page.state.can_continue
    page.state.actions[0].trigger()
    idle(qtbot, page)
    assert len(services.store.state.artifacts) == 2


def test_what_is_made_is_not_made_again(open_page, services, qtbot) -> None:
    seen: list[Choice] = []

    def make(source, choice, options, target, job) -> Artifact:
        seen.append(choice)
        return made(choice)

    page = open_page(make)
    idle(qtbot, page)
    services.store.update(services.store.state.with_chosen((LARGE,)))
    assert list(page.rows) == [LARGE]
    services.store.update(services.store.state.with_chosen((SMALL, LARGE)))
    page.queue.start()
    assert not page.queue.running
    assert seen == [SMALL, LARGE]
    assert page.queue.entry(SMALL).stage is Stage.DONE


def test_without_an_original_nothing_is_made(open_page, services, qtbot) -> None:
    def original(source, job) -> Artifact:
        raise BadInput("“model” is there as Hugging Face only.", "Convert it first.")

    page = open_page(original=original)
    qtbot.waitUntil(page.banner.isVisible)
    assert page.banner.remedy.text() == "Convert it first."
    assert services.store.state.artifacts == {}
    assert not page.state.can_continue


def test_another_model_meanwhile_gets_nothing_of_the_one_before(open_page, services, qtbot) -> None:
    gate = Gate()

    def make(source, choice, options, target, job) -> Artifact:
        if source.profile.contents.parameters == 1_000_000_000:
            gate.wait(job)
        return made(choice)

    page = open_page(make)
    qtbot.waitUntil(gate.reached.is_set)
    other = services.store.state.with_source(source(2_000_000)).with_chosen((LARGE,))
    services.store.update(other)
    page.on_enter()
    qtbot.waitUntil(lambda: LARGE in services.store.state.artifacts)
    idle(qtbot, page)
    assert list(services.store.state.artifacts) == [LARGE]
    assert list(page.rows) == [LARGE]


def test_folders_are_readable_and_never_the_same() -> None:
    names = {folder_name(source(), Choice("openvino", "INT8 / x")) for _ in range(5)}
    assert len(names) == 5
    assert all(name.startswith("model-openvino-int8-x-") for name in names)


def test_the_log_is_one_click_away(open_page, qtbot) -> None:
    page = open_page()
    assert not page.log.isVisible()
    page.toggle.click()
    assert page.log.isVisible()
    assert page.toggle.text() == "Hide"
    idle(qtbot, page)


CONVERTED = Sameness(
    "Transformers", "ONNX Runtime against Transformers on 256 fixed ids", 256, 1.0, 2e-5, 0.99, 0.1, True
)
FOLLOWED = Sameness(
    "llama.cpp Q4_K_M", "llama.cpp against llama.cpp on 256 fixed ids", 256, 0.914, 1.23, 0.2, 20.0, True
)


def test_the_row_says_how_closely_it_follows_its_source(open_page, qtbot) -> None:
    page = open_page(lambda *asked: replace(made(asked[1]), sameness=(CONVERTED, FOLLOWED)))
    idle(qtbot, page)
    rows = [row for row in page.rows[SMALL].facts.rows if row.label == "Follows its source"]
    assert [(row.value.replace("\u00a0", " "), row.note) for row in rows] == [
        ("100.0 % agree · largest difference 2e-05 nats · same tokens", "Transformers"),
        ("91.4 % agree · largest difference 1.2 nats · same tokens", "llama.cpp Q4_K_M"),
    ]
    assert rows[1].source.startswith("llama.cpp against llama.cpp on 256 fixed ids; at least 20")


def test_the_row_says_where_nobody_looked(open_page, qtbot) -> None:
    page = open_page()
    idle(qtbot, page)
    rows = {row.label: row.value for row in page.rows[SMALL].facts.rows}
    assert rows["Follows its source"] == "not compared"


NAME = "bits_per_weight"


def options_of(page: OptimizePage, choice: Choice) -> OptionsDialog:
    page.rows[choice].options.click()
    return page.findChildren(OptionsDialog)[-1]


def test_options_are_those_of_the_manifest_and_reach_what_makes(open_page, services, qtbot) -> None:
    given: list[dict[str, object]] = []

    def make(source, choice, options, target, job) -> Artifact:
        given.append(dict(options))
        return made(choice)

    page = open_page(make)
    idle(qtbot, page)
    dialog = options_of(page, SMALL)
    assert list(dialog.fields) == [spec.name for spec in registry.manifest("llamacpp").options]
    dialog.fields["pure"].widget.setCurrentIndex(1)
    dialog.fields[NAME].widget.setText("4.5")
    dialog.use.click()
    qtbot.waitUntil(lambda: len(given) == 3 and not page.queue.running)
    assert given == [{}, {}, {"pure": True, NAME: 4.5}]
    assert page.rows[SMALL].options_note.text() == "With pure on · bits per weight 4.5"
    assert page.rows[LARGE].options_note.isHidden()
    again = options_of(page, SMALL)
    assert again.fields[NAME].widget.text() == "4.5"
    again.defaults.click()
    again.use.click()
    qtbot.waitUntil(lambda: len(given) == 4 and not page.queue.running)
    assert given[-1] == {}
    assert services.store.state.options == {}


@pytest.mark.parametrize(("text", "remedy"), [("80", "from 1.5 to 16"), ("many", "a number")])
def test_a_value_that_makes_no_sense_is_refused_at_its_field(
    open_page, services, qtbot, text: str, remedy: str
) -> None:
    page = open_page()
    idle(qtbot, page)
    dialog = options_of(page, SMALL)
    dialog.fields[NAME].widget.setText(text)
    dialog.use.click()
    assert dialog.isVisible()
    trouble = dialog.form.troubles[NAME]
    assert trouble.isVisible() and not dialog.banner.isVisible()
    assert trouble.text().startswith(f"The option “{NAME}” cannot be “{text}”.")
    assert remedy in trouble.text()
    assert services.store.state.options == {}
    assert SMALL in services.store.state.artifacts
    dialog.cancel.click()


def test_options_that_are_set_while_it_is_made_have_it_made_anew(open_page, services, qtbot) -> None:
    gate, given = Gate(), list[object]()

    def make(source, choice, options, target, job) -> Artifact:
        given.append((choice, dict(options)))
        if len(given) == 1:
            gate.wait(job)
        return made(choice)

    page = open_page(make)
    qtbot.waitUntil(gate.reached.is_set)
    assert not page.rows[SMALL].options.isVisible()
    page.use_options(SMALL, {"pure": True})
    qtbot.waitUntil(lambda: len(services.store.state.artifacts) == 2)
    idle(qtbot, page)
    assert given == [(SMALL, {}), (SMALL, {"pure": True}), (LARGE, {})]


def test_sizes_of_named_dimensions_are_written_as_pairs() -> None:
    spec = next(one for one in registry.manifest("qnn").options if one.name == "dim.*")
    field = field_of(spec, {"dim.batch": 1})
    assert field.widget.text() == "batch=1"
    field.widget.setText("batch=1, seq = 128")
    assert field.given() == {"dim.batch": 1, "dim.seq": 128}
    field.widget.setText("batch")
    with pytest.raises(BadInput, match="names no size"):
        field.given()
