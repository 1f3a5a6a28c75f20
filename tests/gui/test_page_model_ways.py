"""Step 2, the other ways in: a model from the Hub, and one that is only a shape."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from backends.domain.errors import BadInput
from backends.domain.events import Progress
from backends.domain.hub import HubFile, HubModel, HubPlan
from backends.domain.model import SourceModel
from gui.theme.tone import Tone
from gui.widgets.table import Table
from gui.wizard.pages.model import ModelPage
from tests.gui.gates import Gate
from tests.unit.samples import machine, source

FILES = (HubFile("config.json", 700), HubFile("model.safetensors", 269_000_000))
PLAN = HubPlan(HubModel("owner/name", "v1"), "c0ffee" + "0" * 34, FILES)
TOKEN = "hf_secretsecretsecret"


def shape_only() -> SourceModel:
    found = source()
    return replace(found, name="tiny", profile=replace(found.profile, shape_only=True))


@pytest.fixture
def page(qtbot, services, monkeypatch) -> ModelPage:
    monkeypatch.setattr(ModelPage, "read_bundled", staticmethod(lambda job: ()))
    services.store.update(services.store.state.with_hardware(machine(16), {}))
    made = ModelPage(services)
    qtbot.addWidget(made)
    made.resize(1000, 900)
    made.show()
    return made


def ended(qtbot, page: ModelPage) -> None:
    qtbot.waitUntil(lambda: not page.state.busy)


def facts(page: ModelPage) -> dict[str, str]:
    return {row.label: f"{row.value} {row.note}".strip() for row in page.ways.hub.facts.rows}


def test_one_card_is_open_at_a_time_and_none_at_first(page: ModelPage, qtbot) -> None:
    ways = page.ways
    assert not ways.hub.isVisible() and not ways.shapes.isVisible()
    ways.open_hub.click()
    assert ways.hub.isVisible() and not ways.shapes.isVisible()
    ways.open_shapes.click()
    assert not ways.hub.isVisible() and ways.shapes.isVisible()
    ways.open_shapes.click()
    assert not ways.shapes.isVisible()


def test_size_and_files_are_seen_before_anything_is_downloaded(page: ModelPage, qtbot, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(ModelPage, "look_up", staticmethod(lambda *told: asked.append(told[:3]) or PLAN))
    hub = page.ways.hub
    page.ways.open_hub.click()
    assert not hub.look.isEnabled() and not hub.download.isVisible()
    qtbot.keyClicks(hub.name, "owner/name@v1")
    qtbot.keyClicks(hub.token, TOKEN)
    assert hub.token.displayText() != TOKEN
    qtbot.keyClick(hub.name, Qt.Key.Key_Return)
    ended(qtbot, page)
    assert asked == [("owner/name@v1", "", TOKEN)]
    assert facts(page)["Download"] == "269\u00a0MB 2 files"
    assert facts(page)["Commit"] == "c0ffee000000"
    assert hub.download.isVisible()
    qtbot.keyClicks(hub.name, "x")  # another name: what is known is of the one before
    assert not hub.download.isVisible()


def test_of_several_models_one_is_chosen_from_a_list(page: ModelPage, qtbot, monkeypatch) -> None:
    models = (HubFile("m-q4.gguf", 400_000_000), HubFile("m-q8.gguf", 800_000_000))
    several = HubPlan(PLAN.model, PLAN.commit, (), choices=models)

    def look_up(name: str, file: str, token: str, job) -> HubPlan:
        return replace(PLAN, files=models[1:], wanted=(file,)) if file else several

    monkeypatch.setattr(ModelPage, "look_up", staticmethod(look_up))
    hub = page.ways.hub
    page.ways.open_hub.click()
    assert not hub.table.isVisible()
    hub.name.setText("owner/name")
    hub.look.click()
    ended(qtbot, page)
    assert hub.table.isVisible() and "2 models" in hub.several.text()
    assert not hub.download.isVisible() and not hub.facts.isVisible()
    shown = [[hub.choices.index(row, column).data() for column in (0, 1)] for row in (0, 1)]
    assert shown == [["m-q4.gguf", "400\u00a0MB"], ["m-q8.gguf", "800\u00a0MB"]]
    hub.table.setCurrentIndex(hub.choices.index(1, 0))
    qtbot.keyClick(hub.table, Qt.Key.Key_Return)
    ended(qtbot, page)
    assert hub.download.isVisible() and not hub.table.isVisible()
    assert hub.plan is not None and hub.plan.wanted == ("m-q8.gguf",)
    assert facts(page)["Files"] == "m-q8.gguf"


def test_a_download_shows_how_far_it_is_and_ends_with_the_model(
    page: ModelPage, services, qtbot, monkeypatch
) -> None:
    gate = Gate()

    def download(plan: HubPlan, token: str, job) -> SourceModel:
        job.emit(Progress(0.25, "Downloading model.safetensors", 90.0))
        gate.wait(job)
        return source()

    monkeypatch.setattr(ModelPage, "download", staticmethod(download))
    page.ways.open_hub.click()
    page.ways.hub.show_plan(PLAN)
    qtbot.mouseClick(page.ways.hub.download, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.state.fraction == 0.25)
    assert "model.safetensors" in page.state.status and "left" in page.state.status
    assert page.state.busy and page.state.actions
    gate.open()
    ended(qtbot, page)
    assert services.store.state.source == source()
    assert not page.ways.hub.isVisible()
    assert page.state.can_continue


def test_a_download_can_be_stopped(page: ModelPage, services, qtbot, monkeypatch) -> None:
    gate = Gate()
    monkeypatch.setattr(ModelPage, "download", staticmethod(lambda plan, token, job: gate.wait(job)))
    page._download(PLAN, "")
    page.stop()
    ended(qtbot, page)
    assert services.store.state.source is None
    assert not page.banner.isVisible()


def test_a_refusal_is_a_sentence_on_the_page(page: ModelPage, qtbot, monkeypatch) -> None:
    def look_up(name: str, file: str, token: str, job) -> HubPlan:
        raise BadInput("owner/name is gated.", "Accept its terms.")

    monkeypatch.setattr(ModelPage, "look_up", staticmethod(look_up))
    page.ways.open_hub.click()
    page.ways.hub.name.setText("owner/name")
    page.ways.hub.look.click()
    ended(qtbot, page)
    assert (page.banner.sentence.text(), page.banner.remedy.text()) == (
        "owner/name is gated.",
        "Accept its terms.",
    )
    assert not page.ways.hub.download.isVisible()


def test_the_shapes_are_listed_with_what_they_take_here(page: ModelPage, qtbot) -> None:
    page.ways.open_shapes.click()
    offers = page.ways.shapes.model.rows
    assert [offers[0].name, offers[-1].name] == ["SmolLM2-135M", "Llama-3.1-8B"]
    small, large = (page.ways.shapes._fit(offer) for offer in (offers[0], offers[-1]))
    assert "of free" in small.text and small.color == "accent"
    assert "more than is free" in large.text and large.color == "warn"


def test_a_shape_is_made_and_marked_as_one(page: ModelPage, services, qtbot, monkeypatch) -> None:
    made = []

    def make_shape(named: str, job) -> SourceModel:
        made.append(named)
        return shape_only()

    monkeypatch.setattr(ModelPage, "make_shape", staticmethod(make_shape))
    page.ways.open_shapes.click()
    table = page.ways.shapes.findChild(Table)
    table.setCurrentIndex(table.model().index(2, 0))
    qtbot.keyClick(table, Qt.Key.Key_Return)
    ended(qtbot, page)
    assert made == ["Qwen2.5-0.5B"]
    assert services.store.state.source.profile.shape_only
    assert (page._kind.text(), page._kind.tone) == ("shape only", Tone.WARN)


def test_a_configuration_of_ones_own_is_chosen_by_its_file(page: ModelPage, qtbot, monkeypatch) -> None:
    made = []
    monkeypatch.setattr(
        ModelPage, "make_shape", staticmethod(lambda named, job: made.append(named) or shape_only())
    )
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("/models/mine/config.json", ""))
    page.ways.open_shapes.click()
    page.ways.shapes.own.click()
    ended(qtbot, page)
    assert made == ["/models/mine/config.json"]
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    page.ways.shapes.own.click()
    assert not page.state.busy and Path(made[-1]).name == "config.json"
