from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from backends.actions.finetune import Lines
from backends.domain.artifact import Artifact
from backends.domain.errors import BadInput, JobFailed
from backends.domain.events import Progress, Sample
from backends.domain.finetuning import (
    HELD_OUT,
    LOSS,
    TRAINING,
    FineTuned,
    FinetuneSettings,
    LossPoint,
)
from backends.domain.model import ModelFormat, SourceModel
from gui.app import Services
from gui.wizard.pages.finetune import Actions, FinetunePage
from tests.unit.samples import artifact, source

BASE = replace(source(forms=(ModelFormat.HUGGING_FACE,)), name="Base")
DATA = Path("/data/lines.jsonl")
CURVE = tuple(
    LossPoint(series, step, loss)
    for series, step, loss in (
        *((HELD_OUT, 0, 3.0), (TRAINING, 1, 2.9), (TRAINING, 2, 2.4)),
        *((HELD_OUT, 2, 2.2), (TRAINING, 3, 2.0)),
    )
)


def fused() -> Artifact:
    return replace(artifact("F16 + LoRA", "mlx"), path=Path("/made/model"), size_bytes=82_000_000)


def tuned(settings: FinetuneSettings) -> FineTuned:
    counts = {"training_lines": 54, "held_out_lines": 6, "trained_tokens": 1141}
    sizes = {"trained_parameters": 194_560, "adapter_bytes": 785_569, "peak_bytes": 43_000_000}
    return FineTuned(
        fused(), Path("/made/adapters"), settings, 3.0, 1.9, 1.91, CURVE, **counts, **sizes, took_s=47.0
    )


@dataclass
class Desk:
    """Actions of a test; training waits for ``wait``."""

    error: Exception | None = None
    bad: BadInput | None = None
    asked: list[tuple[Path, FinetuneSettings]] = field(default_factory=list)
    compared: int = 0
    wait: threading.Event = field(default_factory=threading.Event)

    @property
    def actions(self) -> Actions:
        return Actions(self.look, self.finetune, self.assess, self.compare)

    def look(self, model: SourceModel, data: Path, settings: FinetuneSettings) -> Lines:
        if self.bad is not None:
            raise self.bad
        return Lines("text", 54, 6, 2, '{"text": "one"}')

    def finetune(self, model, data: Path, out: Path, settings: FinetuneSettings, job) -> FineTuned:
        self.asked.append((out, settings))
        for point in CURVE:
            job.emit(Sample(point.series, LOSS, 0.1 * point.iteration, point.loss, point.iteration))
        job.emit(Progress(0.6, "Iteration 3 of 5", 40.0))
        undo = job.token.on_cancel(self.wait.set)
        assert self.wait.wait(30)
        undo()
        job.check_cancelled()
        if self.error is not None:
            raise self.error
        return tuned(settings)

    def assess(self, path: Path, job) -> SourceModel:
        return replace(BASE, name=f"tuned at {path}")

    def compare(self, model, made: FineTuned, job) -> None:
        self.compared += 1


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def page(services: Services, desk: Desk, qtbot) -> FinetunePage:
    services.store.update(services.store.state.with_source(BASE))
    made = FinetunePage(services, desk.actions)
    qtbot.addWidget(made)
    made.resize(1000, 900)
    made.show()
    return made


def ready(page: FinetunePage, qtbot) -> FinetunePage:
    page.choose(DATA)
    qtbot.waitUntil(lambda: page.state.can_continue)
    return page


def trained(page: FinetunePage, desk: Desk, qtbot) -> FinetunePage:
    desk.wait.set()
    assert not ready(page, qtbot).apply()
    qtbot.waitUntil(page.result.isVisible)
    return page


def test_without_a_model_it_says_where_to_go(services: Services, desk: Desk, qtbot) -> None:
    page = FinetunePage(services, desk.actions)
    qtbot.addWidget(page)
    page.show()
    assert page._empty.isVisible()
    assert not page.lines.isVisible()
    assert page.state.primary == ""
    with qtbot.waitSignal(page.navigate) as gone:
        page._empty.button.click()
    assert gone.args == ["model"]


def test_lines_are_looked_at_before_anything_starts(page: FinetunePage, qtbot) -> None:
    assert not page.state.can_continue
    facts = {row.label: row.value for row in ready(page, qtbot).lines.facts.rows}
    assert facts == {
        "Layout": "text",
        "Learned from": "54 lines",
        "Held out": "6 lines",
        "Left out": "2 repeated",
    }


def test_what_is_wrong_with_them_is_said_and_may_be_mended(page: FinetunePage, desk: Desk, qtbot) -> None:
    desk.bad = BadInput("Line 3 of “lines.jsonl” is no JSON.", "Mend that line.")
    page.choose(DATA)
    qtbot.waitUntil(page.banner.isVisible)
    assert page.banner.sentence.text() == "Line 3 of “lines.jsonl” is no JSON."
    assert not page.state.can_continue
    desk.bad = None
    page.settings.boxes["batch_size"].setValue(2)
    qtbot.waitUntil(lambda: page.state.can_continue)
    assert not page.banner.isVisible()


def test_the_loss_is_drawn_while_it_trains(page: FinetunePage, desk: Desk, qtbot) -> None:
    ready(page, qtbot).settings.boxes["iterations"].setValue(5)
    qtbot.waitUntil(lambda: page.state.can_continue)
    page.settings.boxes["held_out"].setValue(20)
    qtbot.waitUntil(lambda: page.state.can_continue)
    page.apply()
    qtbot.waitUntil(lambda: page.state.status.startswith("Iteration 3 of 5 · about 40"))
    assert page.state.busy
    assert page.state.fraction == 0.6
    assert list(page.chart.data("training").y) == [2.9, 2.4, 2.0]
    assert list(page.chart.data("held out").x) == [0, 2]
    assert not page.settings.isVisible()
    desk.wait.set()
    qtbot.waitUntil(page.result.isVisible)
    (out, settings) = desk.asked[0]
    assert (settings.iterations, settings.held_out, settings.rank) == (5, 0.2, 8)
    assert out.name.startswith("base-tuned-")
    assert page.result.before.text == "3.000 loss before perplexity 20.1"
    assert page.result.after.text.startswith("1.910 loss after")
    assert page.settings.isVisible()


def test_a_cancel_leaves_the_page_as_it_was(page: FinetunePage, desk: Desk, qtbot) -> None:
    ready(page, qtbot).apply()
    qtbot.waitUntil(lambda: bool(page.state.actions))
    page.state.actions[0].trigger()
    qtbot.waitUntil(lambda: not page.state.busy)
    assert not page.result.isVisible()
    assert page.state.can_continue


def test_a_failure_is_said(page: FinetunePage, desk: Desk, qtbot) -> None:
    desk.error = JobFailed("The loss is no number any more after 3 iterations.", "Take a smaller rate.")
    desk.wait.set()
    ready(page, qtbot).apply()
    qtbot.waitUntil(page.banner.isVisible)
    assert "no number" in page.banner.sentence.text()


def test_the_fused_model_goes_on_in_the_wizard(
    page: FinetunePage, services: Services, desk: Desk, qtbot
) -> None:
    trained(page, desk, qtbot)
    with qtbot.waitSignal(page.navigate) as gone:
        page.result.use.click()
    assert gone.args == ["model"]
    assert services.store.state.source is not None
    assert services.store.state.source.name == "tuned at /made/model"


def test_it_is_measured_against_its_base(page: FinetunePage, desk: Desk, qtbot) -> None:
    trained(page, desk, qtbot)
    with qtbot.waitSignal(page.navigate) as gone:
        page.result.compare.click()
    assert (gone.args, desk.compared) == (["history"], 1)
