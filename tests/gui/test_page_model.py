"""Step 2: bundled models, files of one's own, and files that are none."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from backends.actions.assess import BundledModel
from backends.domain.errors import BadInput
from backends.domain.model import ModelFormat, ModelKind, SourceModel, TensorSpec
from gui.app import Services
from gui.wizard.pages import model_words
from gui.wizard.pages.model import ModelPage
from tests.gui.gates import Gate
from tests.unit.samples import machine, source

LANGUAGE = replace(source(6_000_000), name="Stories", bundled=True, description="Tells stories.")
DIGITS = replace(source(400_000, ModelKind.VISION, (ModelFormat.ONNX,)), name="Digits", bundled=True)
BUNDLED = (
    BundledModel(Path("lm"), LANGUAGE),
    BundledModel(Path("broken"), None, "model.gguf is missing.", "Install Edgewright again."),
)


@pytest.fixture
def page(qtbot, services, monkeypatch) -> ModelPage:
    monkeypatch.setattr(ModelPage, "read_bundled", staticmethod(lambda job: BUNDLED))
    services.store.update(services.store.state.with_hardware(machine(), {}))
    made = ModelPage(services)
    qtbot.addWidget(made)
    made.resize(1000, 900)
    made.show()
    made.on_enter()
    qtbot.waitUntil(lambda: bool(made.cards))
    return made


def reads(monkeypatch, read) -> None:
    monkeypatch.setattr(ModelPage, "read_model", staticmethod(read))


def ended(qtbot, page: ModelPage) -> None:
    qtbot.waitUntil(lambda: not page.state.busy)


def facts(page: ModelPage) -> dict[str, str]:
    return {row.label: row.value or row.note for row in page._facts.rows}


def test_nothing_is_chosen_at_first(page: ModelPage) -> None:
    assert page._empty.isVisible()
    assert not page._assessment.isVisible()
    assert not page.state.can_continue
    assert page.state.primary == "Next: recommendation"


def test_a_bundled_model_is_chosen_with_mouse_or_keyboard(page: ModelPage, services, qtbot) -> None:
    card = page.cards[0]
    qtbot.keyClick(card, Qt.Key.Key_Space)
    assert services.store.state.source == LANGUAGE
    assert card.selected
    assert page.state.can_continue
    assert "Stories" in page.state.status
    assert facts(page)["Format"] == "GGUF · ONNX"
    assert facts(page)["Context"] == "4,096 tokens"
    assert facts(page)["Tensors"] == "100\u00a0×\u00a0F16"
    assert page._table_model.rows[0].title == "llama.cpp"


def test_a_damaged_bundled_model_says_why_and_cannot_be_chosen(page: ModelPage, services, qtbot) -> None:
    card = page.cards[1]
    assert not card.isEnabled()
    qtbot.mouseClick(card, Qt.MouseButton.LeftButton)
    assert services.store.state.source is None


def test_a_file_is_read_off_the_windows_thread(page: ModelPage, services, qtbot, monkeypatch) -> None:
    gate = Gate()

    def read(path: Path, job) -> SourceModel:
        gate.wait(job)
        return replace(DIGITS, name=path.name)

    reads(monkeypatch, read)
    page.drop.dropped.emit(Path("/models/mine.onnx"))
    assert page.state.busy
    assert page.state.status == "Reading mine.onnx"
    gate.open()
    ended(qtbot, page)
    assert services.store.state.source.name == "mine.onnx"
    assert not any(card.selected for card in page.cards)


def test_bad_input_is_a_sentence_and_the_choice_stands(page: ModelPage, services, qtbot, monkeypatch) -> None:
    def read(path: Path, job) -> SourceModel:
        raise BadInput("x.gguf is empty.", "Download it again.")

    reads(monkeypatch, read)
    page.cards[0].chosen.emit()
    page.choose(Path("x.gguf"))
    ended(qtbot, page)
    assert page.banner.isVisible()
    assert (page.banner.sentence.text(), page.banner.remedy.text()) == (
        "x.gguf is empty.",
        "Download it again.",
    )
    assert services.store.state.source == LANGUAGE
    assert page.state.can_continue
    page.cards[0].chosen.emit()
    assert not page.banner.isVisible()


def test_reading_can_be_stopped(page: ModelPage, services, qtbot, monkeypatch) -> None:
    gate = Gate()
    reads(monkeypatch, lambda path, job: gate.wait(job))
    page.choose(Path("endless.onnx"))
    page.stop()
    ended(qtbot, page)
    assert services.store.state.source is None
    assert not page.banner.isVisible()
    assert page.state.actions == ()


def test_the_last_question_wins(page: ModelPage, services, qtbot, monkeypatch) -> None:
    first = Gate()

    def read(path: Path, job) -> SourceModel:
        if path.name == "slow":
            first.wait(job)
        return replace(DIGITS, name=path.name)

    reads(monkeypatch, read)
    page.choose(Path("slow"))
    page.choose(Path("quick"))
    qtbot.waitUntil(lambda: services.store.state.source is not None and not services.runner.running)
    assert services.store.state.source.name == "quick"
    assert not page.state.busy


def test_models_of_tensors_show_inputs_and_outputs() -> None:
    profile = replace(
        DIGITS.profile,
        inputs=tuple(TensorSpec(f"in{n}", "float32", ("batch", 3)) for n in range(6)),
        outputs=(TensorSpec("out", "int64", (1,)),),
        opset=18,
        quantized_operators={"QLinearConv": 4},
    )
    shown = {row.label: row.value or row.note for row in model_words.facts(replace(DIGITS, profile=profile))}
    assert shown["Inputs"].endswith("2 more")
    assert shown["Outputs"] == "out: int64 [1]"
    assert shown["Quantized operators"] == "QLinearConv 4"
    assert shown["Licence"] == "not told"
    assert "Context" not in shown


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.gguf", b""),
        ("magic.gguf", b"nonsense" * 100),
        ("lying.gguf", b"GGUF" + struct.pack("<IQQ", 3, 2**62, 2**62)),
        ("cut.onnx", b"\x08\x07\x12"),
        ("model.pt", b"PK\x03\x04" + bytes(100)),
        (None, b""),
    ],
)
def test_damaged_files_leave_the_window_alive(
    page: ModelPage, services, qtbot, tmp_path: Path, name: str | None, content: bytes
) -> None:
    path = tmp_path / (name or "not there.gguf")
    if name:
        path.write_bytes(content)
    page.choose(path)
    qtbot.waitUntil(lambda: not page.state.busy, timeout=60_000)
    assert path.name in page.banner.sentence.text()
    assert page.banner.remedy.text()
    assert services.store.state.source is None


def test_other_data_is_no_other_model(services: Services, qtbot, tmp_path: Path) -> None:
    page = ModelPage(services)
    qtbot.addWidget(page)
    chosen = source()
    page._take(chosen)
    services.store.update(services.store.state.with_data(replace(chosen, tasks=tmp_path / "mine.jsonl")))
    page._take(chosen)
    assert services.store.state.source.tasks == tmp_path / "mine.jsonl", "choosing it again forgets nothing"
