"""Quantization that changes nothing, makes the file bigger, ruins the model, or meets a full disk."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from backends.actions import sameness
from backends.actions.quantize import quantize
from backends.assessment.source import source_model
from backends.domain.artifact import Artifact
from backends.domain.errors import WorkerDied
from backends.storage.paths import HOME_VARIABLE, resources
from tests.contract import tiny_models
from tests.contract.managed import installed, quiet
from tests.fault.killing import run_on_a_small_disk

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

DIGITS = resources() / "models" / "edgewright-digits"


def without_weights(path: Path) -> Path:
    """y = sigmoid(x): there is nothing in it to be quantized."""
    shape = ["batch", 3, 8, 8]
    graph = helper.make_graph(
        [helper.make_node("Sigmoid", ["x"], ["y"])],
        "sigmoid",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def hardly_any_weights(path: Path) -> Path:
    """Two by two of them: scales and zero points take more than is saved."""
    shape = ["batch", 2]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(np.eye(2, dtype=np.float32), "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.mark.parametrize(
    ("framework", "precision"),
    [("onnxruntime", "INT8_DYNAMIC"), ("openvino", "INT8"), ("olive", "INT8_DYNAMIC")],
)
def test_where_nothing_was_quantized_it_says_so(framework: str, precision: str, tmp_path: Path) -> None:
    installed(framework)
    source = source_model(without_weights(tmp_path / "model.onnx"))
    made = quantize(source, framework, precision, tmp_path / "out", quiet())
    assert any("Nothing was quantized" in warning for warning in made.warnings)
    assert made.sameness[-1].max_abs_difference < 1e-6


@pytest.mark.parametrize(("framework", "precision"), [("onnxruntime", "INT8_DYNAMIC"), ("openvino", "INT8")])
def test_a_file_that_grew_says_why(framework: str, precision: str, tmp_path: Path) -> None:
    installed(framework)
    source = source_model(hardly_any_weights(tmp_path / "model.onnx"))
    made = quantize(source, framework, precision, tmp_path / "out", quiet())
    assert made.size_bytes > (tmp_path / "model.onnx").stat().st_size
    assert any(
        "not smaller than the original" in warning and "are no weights" in warning
        for warning in made.warnings
    )


def test_a_copy_is_called_one(tmp_path: Path) -> None:
    installed("llamacpp")
    source = source_model(resources() / "models" / "edgewright-lm" / "edgewright-lm-f16.gguf")
    made = quantize(source, "llamacpp", "F16", tmp_path / "out", quiet())
    assert any("this is a copy" in warning for warning in made.warnings)
    assert made.sameness[-1].top1_agreement == 1.0
    assert not any("not smaller" in warning for warning in made.warnings)  # nobody had asked for less


def test_what_no_longer_does_what_the_original_does_is_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A framework that loses the last layer's weights: it still runs, and its answers are worth nothing."""
    source = source_model(DIGITS)
    model = spoilt(source.profile.path, tmp_path / "spoilt.onnx")

    def spoil(*arguments: object) -> Artifact:
        made = really(*arguments)  # type: ignore[arg-type]
        if isinstance(made, Artifact):
            shutil.copyfile(model, made.path)
        return made

    from backends.actions import quantize as module

    really = module.run_job
    monkeypatch.setattr(module, "run_job", spoil)
    made = quantize(source, "onnxruntime", "INT8_DYNAMIC", tmp_path / "out", quiet())
    assert not made.sameness[-1].holds
    assert any("no longer does what the original does" in warning for warning in made.warnings)


def test_where_the_original_cannot_be_run_the_work_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where memory does not suffice for it."""

    def died(*_: object) -> None:
        raise WorkerDied("The process ended.", "Close other programs.")

    monkeypatch.setattr(sameness._Check, "_open", died)
    made = quantize(source_model(DIGITS), "onnxruntime", "INT8_DYNAMIC", tmp_path / "out", quiet())
    assert made.sameness == ()
    assert "The original cannot be run here: The process ended." in made.warnings[-1]
    assert (tmp_path / "out").is_dir()


def spoilt(path: Path, target: Path) -> Path:
    """Every weight turned round: the right class becomes the least likely one."""
    model = onnx.load(path)
    last = [tensor for tensor in model.graph.initializer if len(tensor.dims) == 2][-1]
    turned = -numpy_helper.to_array(last)
    last.CopyFrom(numpy_helper.from_array(turned, last.name))
    onnx.save(model, target)
    return target


def test_the_figures_of_a_quantized_model_are_kept_with_it(tmp_path: Path) -> None:
    source = source_model(DIGITS)
    made = quantize(source, "onnxruntime", "INT8_STATIC", tmp_path / "out", quiet())
    (found,) = made.sameness
    assert found.converter == "ONNX Runtime INT8_STATIC"
    assert found.holds
    assert (found.least_top1_agreement, found.most_difference) == sameness.LIMITS_FOLLOWING_TENSOR
    stored = json.loads((tmp_path / "out" / "artifact.json").read_text())
    assert stored["sameness"][0]["top1_agreement"] == found.top1_agreement


@pytest.mark.parametrize(
    "verb",
    [("quantize", "--framework", "onnxruntime", "--precision", "FP16"), ("convert", "--to", "openvino")],
)
def test_a_full_disk_is_a_sentence_and_nothing_is_left(verb: tuple[str, ...], tmp_path: Path) -> None:
    """The output, and the cache of conversions, lie on a file system of 64 kB."""
    small = tmp_path / "small"
    small.mkdir()
    model = tiny_models.vision_onnx(tmp_path / "model.onnx")
    grown = onnx.load(model)
    grown.graph.initializer.append(
        numpy_helper.from_array(np.random.default_rng(0).random((300, 300)).astype(np.float32), "ballast")
    )
    onnx.save(grown, model)
    name, *options = verb
    command = [sys.executable, "-m", "backends.cli", name, str(model), *options, "--out", str(small / "made")]
    home = small / ".home" if name == "convert" else tmp_path / "home"
    ended = run_on_a_small_disk(command, small, 64 / 1024, {HOME_VARIABLE: str(home)})
    assert ended.returncode == 4, ended.stderr
    assert "full" in ended.stderr or "free" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert str(small / "made") not in ended.stdout
    assert ".edgewright-partial" not in ended.stdout
