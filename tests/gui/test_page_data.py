"""The Data page: looking at data first, setting its preprocessing, and using it."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtWidgets import QFileDialog

from backends.actions.data import look
from backends.domain.model import ModelKind, SourceModel, TensorSpec
from backends.domain.preprocessing import Preprocessing
from backends.frameworks.base import JobContext
from gui.app import Services
from gui.wizard.pages.data import DataPage
from tests.gui.simulated import LANGUAGE, VISION, wizard_state, work
from tests.unit.samples import source


@pytest.fixture
def images(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(30):
            pixels = generator.integers(0, 255, (12, 12, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pets" / name / f"{number:02}.png")
    return tmp_path / "pets"


@pytest.fixture
def model(images: Path) -> SourceModel:
    found = source(kind=ModelKind.VISION)
    inputs = (TensorSpec("image", "float32", ("n", 3, 8, 8)),)
    outputs = (TensorSpec("scores", "float32", ("n", 2)),)
    return replace(found, profile=replace(found.profile, inputs=inputs, outputs=outputs), tasks=images)


@pytest.fixture
def enter(services: Services, qtbot):
    def make(wanted: SourceModel, makes=VISION) -> DataPage:
        services.store.update(replace(wizard_state(work(makes)), source=wanted))
        page = DataPage(services)
        page.look = lambda path, source, value, job: look(path, job, source, value)  # no engine is opened
        qtbot.addWidget(page)
        page.resize(1000, 900)
        page.show()
        page.on_enter()
        settle(page, qtbot)
        return page

    return make


def settle(page: DataPage, qtbot) -> None:
    qtbot.waitUntil(lambda: page._job is None, timeout=30_000)


def test_what_a_model_came_with_is_shown(enter, model: SourceModel) -> None:
    page = enter(model)
    assert set(page.cards) == {"tasks", "calibration"}
    assert page.cards["tasks"].chip.text() == "as it came"
    assert page.cards["calibration"].chip.text() == "none"
    facts = {row.label: row.value for row in page.facts.rows}
    assert facts["Samples"] == "60"
    assert facts["Classes"] == "2: cat 30, dog 30"
    assert facts["Shape"] == "12×12×3"
    shown = page.samples.pictures.shown
    assert {one.label for one in shown} == {"cat", "dog"}
    assert shown[0].raw.shape == (12, 12, 3)
    assert shown[0].prepared.shape == (8, 8, 3), "as the model gets it"
    assert "With 60 items" in page.decides.text()
    assert not page.state.can_continue, "it is in use already"


def test_preprocessing_is_previewed_at_once_and_used_when_said_so(
    enter, services: Services, model: SourceModel, qtbot
) -> None:
    page = enter(model)
    before = page.samples.pictures.shown[0]
    page.form.use_imagenet()
    page.form.order_box.setCurrentText("BGR")
    settle(page, qtbot)
    assert page.samples.pictures.shown[0].tip != before.tip, "other values"
    assert services.store.state.source.preprocessing is None
    assert services.store.state.artifacts
    assert page.state.can_continue
    page.apply()
    settle(page, qtbot)
    wanted = Preprocessing(
        8, 8, 3, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), channel_order="BGR"
    )
    assert services.store.state.source.preprocessing == wanted
    assert not services.store.state.artifacts, "what was calibrated otherwise is made anew"
    assert not page.state.can_continue
    page.cards["tasks"].reset.emit()
    settle(page, qtbot)
    assert services.store.state.source.preprocessing is None


def test_a_preprocessing_that_does_not_fit_says_so(enter, model: SourceModel, qtbot) -> None:
    page = enter(model)
    page.form.height_box.setValue(9)
    settle(page, qtbot)
    assert "wants (3, 8, 8)" in page.problems.text()
    assert page.form.isVisibleTo(page), "it can be mended"


def test_questions_are_shown_with_the_right_answer(
    enter, services: Services, tmp_path: Path, monkeypatch, qtbot
) -> None:
    path = tmp_path / "tasks.jsonl"
    item = {"query": "2 + 2 =", "choices": ["4", "5"], "gold": 0}
    path.write_text("\n".join(json.dumps({**item, "query": f"{n} ="}) for n in range(60)))
    page = enter(source(kind=ModelKind.LANGUAGE), LANGUAGE)
    assert set(page.cards) == {"tasks", "evaluation", "calibration"}
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    page.cards["tasks"].file.click()
    settle(page, qtbot)
    assert page.cards["tasks"].chip.text() == "not used yet"
    assert str(page.samples.questions.cell(0, 0)) == "0 = ✓ 4 · 5"
    made = services.store.state.artifacts
    page.apply()
    settle(page, qtbot)
    assert services.store.state.source.tasks == path
    assert services.store.state.artifacts == made, "judging otherwise makes nothing anew"
    assert page.cards["tasks"].chip.text() == "yours"


def test_data_that_cannot_be_used_never_gets_that_far(
    enter, services: Services, model: SourceModel, tmp_path: Path, qtbot
) -> None:
    page = enter(model)
    (tmp_path / "x-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03")
    page.choose("tasks", tmp_path / "x-images-idx3-ubyte")
    settle(page, qtbot)
    assert "no complete IDX file" in page.banner.sentence.text()
    assert not page.state.can_continue
    page.apply()
    assert services.store.state.source == model
    page.choose("tasks")
    settle(page, qtbot)
    assert not page.banner.isVisibleTo(page)


def test_looking_can_be_stopped(enter, model: SourceModel, qtbot) -> None:
    page = enter(model)
    reached, go_on = threading.Event(), threading.Event()

    def slow(path: Path, source: SourceModel, value: object, job: JobContext) -> None:
        reached.set()
        assert go_on.wait(60)
        job.check_cancelled()

    page.look = slow
    page.choose("tasks")
    qtbot.waitUntil(reached.is_set)
    assert [action.text() for action in page.state.actions] == ["Stop"]
    page.state.actions[0].trigger()
    go_on.set()
    settle(page, qtbot)
    assert [action.text() for action in page.state.actions] == ["Model"]


def test_without_a_model_there_are_words(services: Services, qtbot) -> None:
    page = DataPage(services)
    qtbot.addWidget(page)
    page.on_enter()
    assert page.empty.isVisibleTo(page)
    assert page.state.primary == ""
