"""What the graph rewriters do to small graphs, without running any."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from backends.actions.artifacts import files_of, size_of
from backends.domain.errors import BadInput
from backends.frameworks.onnx.graphs import (
    model_bytes,
    nested_weights,
    opset,
    raise_opset,
    read_model,
    why_not_smaller,
)
from backends.frameworks.onnx.rotary import take_rotary_out
from backends.frameworks.onnxruntime.weights import Recipe, WeightQuantizer, quantized_operators
from backends.frameworks.openvino.adapter import _model_bytes as openvino_bytes
from tests.contract import onnx_models


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def test_matmuls_and_the_tied_embedding_are_replaced() -> None:
    model = onnx_models.language_model()
    outcome = WeightQuantizer(model, Recipe(4), lambda done, total: None).run()
    assert outcome.matmuls == operators(model).count("MatMulNBits") == 11
    assert outcome.embeddings == operators(model).count("GatherBlockQuantized") == 1
    assert "Transpose" not in operators(model)
    assert "lm_head.MatMul.weight" not in {tensor.name for tensor in model.graph.initializer}
    assert quantized_operators(model).total() == 12
    assert outcome.warnings() == ()


def test_an_embedding_that_is_kept_is_told_with_its_size() -> None:
    model = onnx_models.language_model()
    outcome = WeightQuantizer(model, Recipe(4, embeddings=False), lambda done, total: None).run()
    assert outcome.kept == [("lm_head.MatMul.weight", onnx_models.HIDDEN * onnx_models.VOCABULARY * 4)]
    assert "lm_head.MatMul.weight" in outcome.warnings()[0]


def test_rotary_embedding_is_taken_out_of_small_heads_only() -> None:
    assert take_rotary_out(onnx_models.language_model(heads=4)) == 0
    model = onnx_models.language_model(heads=8)
    assert take_rotary_out(model) == onnx_models.LAYERS
    assert operators(model).count("RotaryEmbedding") == 2 * onnx_models.LAYERS
    assert take_rotary_out(model) == 0


def test_an_old_model_loses_its_weights_as_inputs_and_gains_an_opset(tmp_path: Path) -> None:
    _, model = read_model(onnx_models.old_classifier(tmp_path / "old.onnx"))
    assert [entry.name for entry in model.graph.input] == ["image"]
    raised, note = raise_opset(model)
    assert opset(raised) >= 13
    assert note == ""


def test_weights_in_branches_are_named_as_the_reason(tmp_path: Path) -> None:
    _, model = read_model(onnx_models.branching(tmp_path / "branching.onnx"))
    assert nested_weights(model.graph) == 2
    (sentence,) = why_not_smaller(model, 0, 100, 200)
    assert "If" in sentence
    (grown,) = why_not_smaller(model, 3, 1000, 2000)
    assert "grew" in grown
    assert why_not_smaller(model, 3, 2000, 1000) == ()


@pytest.mark.parametrize("content", [b"", b"nonsense " * 50])
def test_what_is_no_model_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "odd.onnx"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"odd\.onnx"):
        read_model(path)


@pytest.mark.parametrize("name", ["model.onnx_data", "weights/all.bin", "model.onnx.data"])
def test_weights_under_any_name_belong_to_the_model(tmp_path: Path, name: str) -> None:
    path, data = tmp_path / "model.onnx", tmp_path / name
    data.parent.mkdir(exist_ok=True)
    (tmp_path / "model.bin").write_bytes(b"of somebody else")
    model = onnx_models.language_model()
    onnx.save(model, path, save_as_external_data=True, location=name, size_threshold=64)
    expected = path.stat().st_size + data.stat().st_size
    assert data.stat().st_size > path.stat().st_size
    assert set(files_of(path)) == {path, data}
    assert model_bytes(path) == size_of(path) == expected
    assert openvino_bytes(path) == expected


def test_a_model_in_one_file_is_as_large_as_that(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(onnx_models.language_model(), path)
    assert model_bytes(path) == size_of(path) == path.stat().st_size
