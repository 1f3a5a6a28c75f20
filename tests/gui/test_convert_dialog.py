"""A conversion from the window: its road, its folder, its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from backends.domain.errors import JobFailed
from backends.domain.events import Progress
from backends.domain.model import ModelFormat, ModelKind
from gui.jobs.runner import Occupation
from gui.wizard.pages.convert_dialog import ConvertDialog
from tests.gui.gates import Gate
from tests.unit.samples import artifact, source

ONNX = source(forms=(ModelFormat.ONNX,))


@pytest.fixture
def open_dialog(qtbot, services, monkeypatch) -> Callable[..., ConvertDialog]:
    def make(convert, model=ONNX, target: ModelFormat = ModelFormat.OPENVINO) -> ConvertDialog:
        monkeypatch.setattr(ConvertDialog, "convert", staticmethod(convert))
        dialog = ConvertDialog(services, model)
        qtbot.addWidget(dialog)
        dialog.show()
        dialog.target.setCurrentText(target.label)
        return dialog

    return make


def test_it_converts_into_the_folder_once_one_is_named(open_dialog, qtbot, tmp_path: Path) -> None:
    asked: list[object] = []

    def convert(model, target, out: Path, options, job):
        asked.append((target, out, dict(options)))
        return replace(artifact(), path=out / "model.xml", size_bytes=1000)

    dialog = open_dialog(convert)
    assert "ONNX → OpenVINO" in dialog.road.rows[0].value
    assert not dialog.begin.isEnabled()
    dialog.folder.setText(str(tmp_path / "new"))
    dialog.begin.click()
    qtbot.waitUntil(lambda: "model.xml" in dialog.status.text())
    assert asked == [(ModelFormat.OPENVINO, tmp_path / "new", {})]
    assert dialog.status.text().endswith("1.00\u00a0kB")


def test_it_can_be_stopped(open_dialog, qtbot, tmp_path: Path) -> None:
    gate = Gate()

    def convert(model, target, out, options, job):
        job.emit(Progress(0.5, "Step 1 of 2"))
        gate.wait(job)

    dialog = open_dialog(convert)
    dialog.folder.setText(str(tmp_path / "new"))
    dialog.begin.click()
    qtbot.waitUntil(lambda: dialog.status.text() == "Step 1 of 2")
    assert dialog.bar.fraction == 0.5
    assert not dialog.begin.isEnabled()
    dialog.stop.click()
    qtbot.waitUntil(lambda: "Stopped" in dialog.status.text())
    assert dialog.begin.isEnabled()


def test_a_failure_is_said_in_the_dialog(open_dialog, qtbot, tmp_path: Path) -> None:
    def convert(model, target, out, options, job):
        raise JobFailed("It is not the same model.", "Another road may do.")

    dialog = open_dialog(convert)
    dialog.folder.setText(str(tmp_path / "new"))
    dialog.begin.click()
    qtbot.waitUntil(dialog.banner.isVisible)
    assert dialog.banner.sentence.text() == "It is not the same model."


def test_what_is_missing_leads_to_where_it_is_installed(open_dialog, qtbot, tmp_path: Path) -> None:
    folder = source(forms=(ModelFormat.HUGGING_FACE,))
    dialog = open_dialog(lambda *asked: None, folder, ModelFormat.GGUF)
    dialog.folder.setText(str(tmp_path / "new"))
    assert not dialog.begin.isEnabled()
    assert dialog.road.rows[0].note == "Olive is not installed"
    with qtbot.waitSignal(dialog.navigate, check_params_cb=lambda key: key == "frameworks"):
        dialog.road.activated.emit(dialog.road.rows[0].key)


def test_a_context_binary_is_compiled_for_the_chip_that_is_named(open_dialog, qtbot, tmp_path: Path) -> None:
    asked: list[object] = []

    def convert(model, target, out: Path, options, job):
        asked.append((target, dict(options)))
        return replace(artifact(), path=out)

    vision = source(kind=ModelKind.VISION, forms=(ModelFormat.ONNX,))
    dialog = open_dialog(convert, vision)
    assert not dialog.chip_line.isVisible()
    dialog.target.setCurrentText(ModelFormat.QNN_CONTEXT.label)
    assert dialog.chip_line.isVisible()
    dialog.chip.setText("sm8650")
    dialog.folder.setText(str(tmp_path / "new"))
    dialog.start()
    qtbot.waitUntil(lambda: asked == [(ModelFormat.QNN_CONTEXT, {"target": "sm8650"})])
    qtbot.waitUntil(lambda: not dialog.stop.isVisible())


def test_it_does_not_begin_beside_what_measures(open_dialog, services, qtbot, tmp_path: Path) -> None:
    gate = Gate()
    services.runner.start(gate.wait, lambda ended: None, occupies=Occupation("Benchmark", "benchmark"))
    qtbot.waitUntil(gate.reached.is_set)
    dialog = open_dialog(lambda *asked: pytest.fail("it was converted beside a measurement"))
    dialog.folder.setText(str(tmp_path / "new"))
    dialog.begin.click()
    assert "“Benchmark” is running" in dialog.banner.sentence.text()
    gate.open()
    qtbot.waitUntil(lambda: services.runner.occupation is None)
