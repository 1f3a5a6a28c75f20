"""The mark in ONNX and OpenVINO files, written without their libraries and read back by the assessment."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from backends.assessment.source import source_model
from backends.domain.model import SHAPE_ONLY_KEY, SHAPE_ONLY_WORDS, ModelFormat
from backends.sources.mark import mark

IR = """<?xml version="1.0"?>
<net name="m" version="11"><layers>
<layer id="0" name="x" type="Parameter" version="opset1"><data shape="1,4" element_type="f32" />
<output><port id="0" precision="FP32" names="x"><dim>1</dim><dim>4</dim></port></output></layer>
<layer id="1" name="y" type="Result" version="opset1">
<input><port id="0" precision="FP32"><dim>1</dim><dim>4</dim></port></input>{layer_info}</layer>
</layers><edges><edge from-layer="0" from-port="0" to-layer="1" to-port="0" /></edges>{info}</net>
"""


def onnx_file(path: Path) -> Path:
    weight = helper.make_tensor("w", TensorProto.FLOAT, (4, 4), [0.5] * 16)
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 4)) for name in "xy")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [weight])
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)])
    onnx.save(model, path)
    return path


def ir_file(path: Path, info: str = "", layer_info: str = "") -> Path:
    path.write_text(IR.format(info=info, layer_info=layer_info))
    path.with_suffix(".bin").write_bytes(b"")
    return path


def test_an_onnx_file_is_marked_at_its_end_and_stays_whole(tmp_path: Path) -> None:
    path = onnx_file(tmp_path / "m.onnx")
    assert not source_model(path).profile.shape_only
    mark(path, ModelFormat.ONNX)
    model = onnx.load(path)
    onnx.checker.check_model(model)
    assert [(entry.key, entry.value) for entry in model.metadata_props] == [
        (SHAPE_ONLY_KEY, SHAPE_ONLY_WORDS)
    ]
    assert source_model(path).profile.shape_only


@pytest.mark.parametrize(
    ("info", "layer_info"),
    [
        ("", ""),
        ('<rt_info><a value="1" /></rt_info>\n', ""),
        ("", '<rt_info><attribute name="n" version="0" value="1" /></rt_info>'),
    ],
)
def test_an_ir_is_marked_in_the_networks_own_information(info: str, layer_info: str, tmp_path: Path) -> None:
    path = ir_file(tmp_path / "m.xml", info, layer_info)
    assert not source_model(path).profile.shape_only
    mark(path, ModelFormat.OPENVINO)
    assert source_model(path).profile.shape_only
    assert path.read_text().count(SHAPE_ONLY_KEY) == 1


def test_a_marked_file_stays_as_it_is_and_a_folder_is_marked_whole(tmp_path: Path) -> None:
    files = [onnx_file(tmp_path / name) for name in ("a.onnx", "b.onnx")]
    mark(tmp_path, ModelFormat.ONNX)
    before = [file.read_bytes() for file in files]
    mark(tmp_path, ModelFormat.ONNX)
    assert [file.read_bytes() for file in files] == before
    assert all(SHAPE_ONLY_KEY.encode() in content for content in before)


def test_openvino_keeps_the_mark_of_an_onnx_file(tmp_path: Path) -> None:
    """What the library carries over by itself: a model read from ONNX and written as IR."""
    import subprocess
    import sys

    path = onnx_file(tmp_path / "m.onnx")
    mark(path, ModelFormat.ONNX)
    script = "import sys, openvino as ov; ov.save_model(ov.Core().read_model(sys.argv[1]), sys.argv[2])"
    target = tmp_path / "m.xml"
    subprocess.run([sys.executable, "-c", script, str(path), str(target)], check=True, timeout=120)
    assert source_model(target).profile.shape_only
