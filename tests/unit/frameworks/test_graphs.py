"""ONNX models too large for one message, with the limits of Protocol Buffers brought down."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from google.protobuf.message import EncodeError  # type: ignore[import-untyped]

from backends.frameworks.onnx import graphs
from tests.unit.assessment.builders import make_masked


def test_weights_beyond_one_file_are_written_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = onnx.load(make_masked(tmp_path / "masked.onnx"))
    size = graphs.graph_bytes(model)
    assert 2 * 32 * 64 * 4 < size < model.ByteSize()
    target = tmp_path / "out" / "model.onnx"
    target.parent.mkdir()
    graphs.write_model(model, target, beside=False)
    assert not target.with_name("model.onnx.data").exists()
    monkeypatch.setattr(graphs, "SINGLE_FILE_BYTES", size - 1)
    graphs.write_model(model, target, beside=False)
    assert target.with_name("model.onnx.data").stat().st_size >= 2 * 32 * 64 * 4
    assert graphs.graph_bytes(onnx.load(target)) >= 2 * 32 * 64 * 4


def test_a_model_too_large_to_be_converted_keeps_its_opset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise EncodeError("Failed to serialize proto")

    monkeypatch.setattr(graphs.version_converter, "convert_version", fail)
    model = onnx.load(make_masked(tmp_path / "masked.onnx"))
    kept, note = graphs.raise_opset(model, graphs.opset(model) + 1)
    assert kept is model
    assert "Failed to serialize" in note
