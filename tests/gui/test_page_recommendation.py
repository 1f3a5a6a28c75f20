"""Step 3: the ranking, and the user's own choice."""

from __future__ import annotations

import time

import pytest
from PySide6.QtCore import Qt

from backends.actions.roads import roads_ahead
from backends.domain.model import ModelFormat, ModelKind
from backends.frameworks.base import Availability
from backends.workflow.wizard import Choice
from gui.widgets import units
from gui.wizard.pages import recommendation_words as words
from gui.wizard.pages.recommendation import RecommendationPage
from tests.unit.samples import available, machine, source

EVERYTHING = available("llamacpp", "onnxruntime", "openvino", "olive", "qnn")


@pytest.fixture
def page(qtbot, services) -> RecommendationPage:
    state = services.store.state.with_hardware(machine(), EVERYTHING).with_source(source())
    services.store.update(state)
    made = RecommendationPage(services)
    qtbot.addWidget(made)
    made.resize(1000, 900)
    made.show()
    made.on_enter()
    return made


def titles(page: RecommendationPage) -> list[str]:
    return [f"{row.candidate.title} {row.candidate.precision}" for row in page.model.rows]


def test_a_proposal_is_made_at_once(page: RecommendationPage, services) -> None:
    state = services.store.state
    assert len(state.chosen) == 3
    assert page.state.primary == "Optimize 3"
    assert page.state.status.startswith("3 configurations · about ")
    assert [row.candidate.recommended for row in page.model.rows].count(True) == 1
    assert page.model.rows[0].chosen
    assert "OpenVINO first" in page._basis.text()


def test_an_emulator_is_never_proposed(services) -> None:
    page_source = source(kind=ModelKind.VISION, forms=(ModelFormat.ONNX,))
    services.store.update(
        services.store.state.with_hardware(machine(), available("onnxruntime", "qnn")).with_source(
            page_source
        )
    )
    page = RecommendationPage(services)
    page.on_enter()
    rows = page.model.rows
    assert {choice.framework for choice in services.store.state.chosen} == {"onnxruntime"}
    assert {row.candidate.device for row in rows if row.candidate.framework == "qnn"} == {"emulator"}
    assert page.table.isColumnHidden(words.DECODE)
    page.deleteLater()


def test_every_figure_says_what_it_rests_on(page: RecommendationPage) -> None:
    for row in range(page.model.rowCount()):
        for column in (2, 3, 4):
            assert page.model.cell(row, column).tip
    assert "Expected, not measured" in page.model.cell(0, words.DECODE).tip
    assert str(page.model.cell(0, 2)).endswith("of free")


def test_without_a_measured_bandwidth_nothing_is_predicted(page: RecommendationPage, services) -> None:
    state = services.store.state.with_hardware(machine(measured=False), EVERYTHING)
    services.store.update(state)
    page.on_enter()
    assert "not predicted" in str(page.model.cell(0, words.DECODE))


def test_wishes_rank_again_at_once(page: RecommendationPage, services) -> None:
    before = titles(page)
    page.sliders["memory"].setValue(100)
    page.sliders["quality"].setValue(0)
    assert titles(page) != before
    assert services.store.state.weights.memory == 1.0
    best = services.store.state.recommendation.suggested
    assert services.store.state.chosen == tuple(Choice.of(one) for one in best)


def test_ranking_again_is_fast_enough_to_follow_a_slider(page: RecommendationPage) -> None:
    """The quickest of many: what a program beside it costs is none of ours."""
    spent_s = []
    for value in range(20):
        began = time.process_time()
        page.sliders["speed"].setValue(value)
        spent_s.append(time.process_time() - began)
    assert min(spent_s) < 0.05


def test_a_choice_of_ones_own_is_kept(page: RecommendationPage, services, qtbot) -> None:
    row = next(n for n, row in enumerate(page.model.rows) if not row.chosen)
    wanted = page.model.rows[row].choice
    page.table.setCurrentIndex(page.model.index(row, 1))
    qtbot.keyClick(page.table, Qt.Key.Key_Space)
    assert wanted in services.store.state.chosen
    assert page.state.primary == "Optimize 4"
    page.sliders["memory"].setValue(90)
    assert wanted in services.store.state.chosen
    assert len(services.store.state.chosen) == 4


def test_with_nothing_checked_there_is_no_going_on(page: RecommendationPage, services) -> None:
    for number, row in enumerate(page.model.rows):
        if row.chosen:
            page.model.setData(
                page.model.index(number, 0), Qt.CheckState.Unchecked, Qt.ItemDataRole.CheckStateRole
            )
    assert services.store.state.chosen == ()
    assert not page.state.can_continue
    page.sliders["memory"].setValue(90)
    assert services.store.state.chosen == ()


def test_all_precisions_are_one_click_away(page: RecommendationPage, services) -> None:
    few = page.model.rowCount()
    page.every.setChecked(True)
    assert page.model.rowCount() == len(services.store.state.recommendation.offered) > few


def test_unquantized_precisions_are_there_to_be_chosen_and_never_proposed(
    page: RecommendationPage, services
) -> None:
    found = services.store.state.recommendation
    assert found.unquantized
    assert not {Choice.of(one) for one in found.unquantized} & set(services.store.state.chosen)
    assert not any(row.candidate in found.unquantized for row in page.model.rows)
    page.every.setChecked(True)
    row = next(n for n, row in enumerate(page.model.rows) if row.candidate in found.unquantized)
    wanted = page.model.rows[row].choice
    page.model.check_toggled.emit(row, True)
    assert wanted in services.store.state.chosen
    page.every.setChecked(False)
    page.sliders["memory"].setValue(90)
    assert wanted in services.store.state.chosen
    assert wanted in [row.choice for row in page.model.rows]


def test_another_target_follows_its_own_rule(page: RecommendationPage, services) -> None:
    page.target.setCurrentIndex(page.target.findData("android"))
    assert services.store.state.target == "android"
    assert "Android" in page._basis.text()


def test_what_is_ruled_out_has_reason_and_remedy(page: RecommendationPage, services, qtbot) -> None:
    missing = Availability(
        "mlx", False, reason="not installed", remedy="Run “edgewright frameworks install mlx”."
    )
    services.store.update(services.store.state.with_hardware(machine(), {**EVERYTHING, "mlx": missing}))
    page.on_enter()
    rows = {row.label: row for row in page._ruled_out.rows}
    assert (rows["MLX"].value, rows["MLX"].action) == ("not installed", "Frameworks")
    assert "edgewright" not in " ".join(str(value) for value in vars(rows["MLX"]).values())
    with qtbot.waitSignal(page.navigate, check_params_cb=lambda key: key == "frameworks"):
        page._ruled_out.activated.emit(rows["MLX"].key)


def test_where_nothing_can_be_made_the_page_says_so(page: RecommendationPage, services) -> None:
    services.store.update(services.store.state.with_source(source(forms=(ModelFormat.QNN_CONTEXT,))))
    page.on_enter()
    assert page._nothing.isVisible()
    assert not page._ranking.isVisible()
    assert not page.state.can_continue
    assert page._ruled_out.rows


def test_what_matters_is_remembered(page: RecommendationPage, services) -> None:
    page.sliders["quality"].setValue(33)
    page.on_leave()
    assert services.settings.value.weight_quality == 0.33


def test_another_model_gets_a_proposal_of_its_own(page: RecommendationPage, services) -> None:
    page.model.check_toggled.emit(0, False)
    vision = source(kind=ModelKind.VISION, forms=(ModelFormat.ONNX,))
    services.store.update(services.store.state.with_source(vision))
    page.on_enter()
    suggested = services.store.state.recommendation.suggested
    assert services.store.state.chosen == tuple(Choice.of(one) for one in suggested)


def test_the_road_is_told_before_anything_runs(page: RecommendationPage, services, qtbot) -> None:
    assert not page.roads.isVisible()
    folder = source(forms=(ModelFormat.HUGGING_FACE,))
    here = {**EVERYTHING, **available("optimum")}
    services.store.update(services.store.state.with_hardware(machine(), here).with_source(folder))
    page.on_enter()
    services.store.update(
        services.store.state.with_chosen((Choice("llamacpp", "Q4_K_M"), Choice("olive", "INT8")))
    )
    assert page.roads.isVisible()
    original, llama = page.roads.facts.rows
    assert (original.label, llama.label) == ("Original", "llama.cpp")
    road = roads_ahead(folder, ["llamacpp"])[-1].road
    span, size = units.duration(road.time_s), units.size(road.disk_bytes)
    assert llama.value == f"Hugging Face → GGUF · about {span} · {size} on disk"
    assert llama.note == "Olive is not installed"
    assert "llama.cpp's convert_hf_to_gguf.py, in environment “olive”" in llama.source
    with qtbot.waitSignal(page.navigate, check_params_cb=lambda key: key == "frameworks"):
        page.roads.facts.activated.emit(llama.key)
