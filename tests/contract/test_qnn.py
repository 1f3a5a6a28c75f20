"""QNN on the Hexagon emulator: accuracy, coverage and context binaries are real; speed is not looked at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from backends.actions.artifacts import original_artifact
from backends.actions.compare import EMULATED, Comparison, compare
from backends.actions.energy import OFF
from backends.assessment.bundled import read_bundle
from backends.benchmarking.protocol import Protocol
from backends.domain.errors import BadInput, JobCancelled, JobFailed
from backends.domain.gate import Verdict
from backends.domain.model import ModelKind
from backends.frameworks.qnn.chips import chips
from backends.storage.history import History
from backends.storage.paths import resources
from tests.contract import onnx_models, tiny_models
from tests.contract.managed import Framework, cosine, quiet, stop_at

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(900)]

VISION, TENSOR, LANGUAGE = ModelKind.VISION, ModelKind.TENSOR, ModelKind.LANGUAGE
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
JUDGED = 100  # images; the emulator takes a fifth of a second for each


@pytest.fixture
def qnn(tmp_path: Path) -> Framework:
    return Framework("qnn", tmp_path)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_models.vision_onnx(tmp_path / "tiny.onnx")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return tiny_models.images(tmp_path / "images.npz")


@pytest.mark.parametrize(("precision", "least"), [("INT8", 0.98), ("MIXED", 0.985), ("A16W8", 0.995)])
def test_every_precision_runs_whole_on_hexagon(
    qnn: Framework, model: Path, images: Path, precision: str, least: float, tmp_path: Path
) -> None:
    made = qnn.optimize(model, VISION, precision, images)
    assert made.options["on_hexagon"] == 1.0
    assert made.warnings == ()
    with qnn.open(made) as engine:
        assert "fallback to the processor disabled" in engine.engine.details[0]
        assert engine.engine.device != "HTP emulator" or "emulator" in engine.engine.warnings[0]
        answers = np.load(engine.infer(_few(images, tmp_path), tmp_path / "out.npz"))["scores"]
    expected = onnxruntime.InferenceSession(model).run(None, {"images": _images(images)[:8]})[0]
    assert cosine(answers, expected) >= least


@pytest.mark.parametrize("chip", chips(), ids=lambda chip: chip.id)
def test_it_compiles_for_every_chip_of_the_table(
    qnn: Framework, model: Path, images: Path, chip: object
) -> None:
    made = qnn.optimize(model, VISION, "INT8", images, target=chip.id, samples=8)  # type: ignore[attr-defined]
    binary = made.path.with_name(str(made.options["context_binary"]))
    nodes = onnx.load(binary).graph.node
    assert "EPContext" in {node.op_type for node in nodes}


def test_calibration_methods_find_other_ranges(qnn: Framework, model: Path, tmp_path: Path) -> None:
    """Samples with a long tail: entropy and percentile cut it off, minmax keeps it."""
    random = np.random.default_rng(0)
    tailed = random.standard_t(2, size=(64, *tiny_models.IMAGE)).astype(np.float32)
    data = tmp_path / "tailed.npz"
    np.savez(data, images=tailed)
    scales = {}
    for method in ("minmax", "entropy", "percentile"):
        made = qnn.optimize(model, VISION, "INT8", data, calibration_method=method)
        found = {t.name: numpy_helper.to_array(t) for t in onnx.load(made.path).graph.initializer}
        scales[method] = float(found["images_scale"])
    assert scales["entropy"] < scales["minmax"]
    assert scales["percentile"] < scales["minmax"]


def test_operators_that_fall_back_are_named(qnn: Framework, tmp_path: Path) -> None:
    images = tmp_path / "squares.npz"
    np.savez(images, x=np.random.default_rng(0).normal(size=(16, 4, 4)).astype(np.float32))
    made = qnn.optimize(_determinant(tmp_path / "det.onnx"), TENSOR, "A16W8", images)
    assert "Det (1)" in made.warnings[0]
    assert 0 < float(made.options["on_hexagon"]) < 1
    with pytest.raises(JobFailed, match="cannot be compiled"):
        qnn.optimize(_determinant(tmp_path / "det.onnx"), TENSOR, "A16W8", images, target="sm8650")


def test_a_language_models_operators_are_listed(qnn: Framework, tmp_path: Path) -> None:
    with pytest.raises(JobFailed, match=r"does not take .*GroupQueryAttention \(\d+\)"):
        qnn.optimize(onnx_models.language_onnx(tmp_path / "lm"), LANGUAGE, "A16W8")


def test_bad_input_is_said(qnn: Framework, model: Path, images: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.npz"
    np.savez(wrong, images=np.zeros((4, 5), np.float32))
    with pytest.raises(BadInput, match="shape"):
        qnn.optimize(model, VISION, "INT8", wrong)
    with pytest.raises(BadInput, match="calibration data"):
        qnn.optimize(model, VISION, "INT8")
    with pytest.raises(BadInput, match="no option “share”"):
        qnn.optimize(model, VISION, "INT8", images, share=0.5)
    with pytest.raises(BadInput, match="sm9999"):
        qnn.optimize(model, VISION, "INT8", images, target="sm9999")


def test_a_cancel_is_heard_while_calibrating(qnn: Framework, model: Path, images: Path) -> None:
    with pytest.raises(JobCancelled):
        qnn.optimize(model, VISION, "INT8", images, job=stop_at("Calibrating"))


def test_resnet20_keeps_its_accuracy(qnn: Framework, shared_data: Path, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="reading the sample images needs Pillow")
    files = sorted((shared_data / "cifar10-sample").glob("*/*.jpg"))
    classes = sorted({file.parent.name for file in files})
    pixels = np.stack([np.asarray(image.open(file).convert("RGB"), np.float32) / 255 for file in files])
    inputs = ((pixels - np.float32(MEAN)) / np.float32(STD)).transpose(0, 3, 1, 2)
    labels = np.array([classes.index(file.parent.name) for file in files])
    calibration, judged = tmp_path / "calibration.npz", tmp_path / "judged.npz"
    every = len(files) // JUDGED
    np.savez(calibration, input=inputs[1::every])
    np.savez(judged, input=inputs[::every])
    source = shared_data / "resnet20-cifar10" / "resnet20_cifar10.onnx"
    made = qnn.optimize(source, VISION, "A16W8", calibration)
    with qnn.open(made) as engine:
        answers = np.load(engine.infer(judged, tmp_path / "out.npz"))
    session = onnxruntime.InferenceSession(source)
    before = session.run(None, {"input": inputs[::every]})[0].argmax(-1)
    after = answers[answers.files[0]].argmax(-1)
    right = labels[::every]
    assert (after == right).mean() >= (before == right).mean() - 0.03
    assert (after == before).mean() >= 0.95


def test_the_emulator_is_judged_and_never_timed(qnn: Framework, tmp_path: Path) -> None:
    source = read_bundle(resources() / "models" / "edgewright-digits", bundled=True)
    assert source.tasks is not None and source.calibration is not None
    few = tmp_path / "few.npz"
    with np.load(source.tasks) as archive:
        np.savez(few, **{name: archive[name][::20] for name in archive.files})
    source = replace(source, tasks=few)
    made = qnn.optimize(source.profile.path, VISION, "INT8", source.calibration, samples=32)
    original, history = original_artifact(source), History(tmp_path / "history.sqlite")
    brisk = Protocol(looks=(6,), idle_s=0.0, arm_s=0.05, warm_up_s=0.05)
    record = compare(Comparison(source, original, (made,), brisk, energy=OFF), quiet(), history)
    timed, checked = record.results
    assert timed.rates and timed.quality
    assert checked.quality is not None
    assert not checked.rates and not checked.comparisons and checked.latency_p50_s is None
    assert {reading.label for reading in record.readings} == {timed.label}
    assert EMULATED in record.notes
    speed = next(gate for gate in checked.gates if gate.gate.name == "inference_speed")
    assert speed.verdict is Verdict.NOT_MEASURED
    emulated_first = Comparison(source, replace(made, original=True), (original,), brisk, energy=OFF)
    with pytest.raises(BadInput, match="emulator"):
        compare(emulated_first, quiet(), history)


def _images(path: Path) -> np.ndarray:
    with np.load(path) as archive:
        return archive[archive.files[0]].astype(np.float32)


def _few(images: Path, folder: Path) -> Path:
    path = folder / "few.npz"
    np.savez(path, images=_images(images)[:8])
    return path


def _determinant(path: Path) -> Path:
    """Sigmoid, which Hexagon has, and Det, which it has not."""
    shape = ["batch", 4, 4]
    nodes = [helper.make_node("Sigmoid", ["x"], ["h"]), helper.make_node("Det", ["h"], ["y"])]
    graph = helper.make_graph(
        nodes,
        "determinant",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch"])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path
