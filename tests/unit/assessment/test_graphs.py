"""OpenVINO IR and TensorFlow Lite, compared with what OpenVINO itself reads."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backends.assessment.assess import assess
from backends.domain.errors import BadInput
from backends.domain.model import ModelFormat, ModelKind, TensorSpec
from tests.unit.assessment.builders import LLAMA, make_ir, make_tflite


@pytest.mark.parametrize(("element", "bits"), [("u4", 4), ("i4", 4), ("i8", 8), ("u8", 8)])
def test_compressed_weights_of_an_ir(tmp_path: Path, element: str, bits: int) -> None:
    profile = assess(make_ir(tmp_path / "m.xml", element=element))
    assert (profile.format, profile.kind) == (ModelFormat.OPENVINO, ModelKind.TENSOR)
    assert profile.inputs == (TensorSpec("x", "float32", ("?", 128)),)
    assert profile.outputs == (TensorSpec("mm", "float32", ("?", 4)),)
    assert profile.contents.tensor_types == {f"{element} group 64": 1}
    assert profile.contents.parameters == 512
    assert profile.contents.weight_bytes == 512 * bits // 8 + bits + 16
    assert profile.precision == f"INT{bits} group 64"
    assert profile.quantized_operators == {"Decompression": 1}
    assert profile.files == (tmp_path / "m.xml", tmp_path / "m.bin")


def _dense(op: Any, ov: Any) -> Any:
    x = op.parameter([-1, 64], np.float32, name="x")
    weight = op.constant(np.arange(32 * 64, dtype=np.int8).reshape(32, 64))
    scale = op.constant(np.linspace(1, 2, 32, dtype=np.float16).reshape(32, 1))
    scaled = op.multiply(op.convert(weight, "f16"), scale)
    dense = op.matmul(x, op.convert(scaled, "f32"), False, True)
    bias = op.constant(np.linspace(0, 1, 32, dtype=np.float32).reshape(1, 32))
    return ov.Model([op.add(dense, bias)], [x], "dense")


@pytest.fixture
def openvino(monkeypatch: pytest.MonkeyPatch) -> Any:
    """OpenVINO without its telemetry, which would send an event (and start a thread) on import."""
    monkeypatch.setitem(sys.modules, "openvino_telemetry", None)
    return pytest.importorskip("openvino")


def test_an_ir_written_by_openvino(tmp_path: Path, openvino: Any) -> None:
    from openvino import opset13

    openvino.save_model(_dense(opset13, openvino), tmp_path / "m.xml", compress_to_fp16=False)
    profile = assess(tmp_path)
    assert profile.contents.tensor_types == {"i8": 1, "f32": 1}
    assert profile.contents.parameters == 32 * 64 + 32
    assert profile.contents.weight_bytes == 32 * 64 + 64 + 32 * 4
    assert (profile.precision, profile.architecture) == ("INT8", "dense network")


def test_weights_inside_loop_bodies_are_counted(tmp_path: Path) -> None:
    path = make_ir(tmp_path / "m.xml")
    data = '<data element_type="f32" shape="2, 2" offset="0" size="16"/>'
    inner = f'<layer id="0" name="n" type="Const" version="opset1">{data}</layer>'
    loop = (
        f'<layer id="77" name="l" type="Loop" version="opset5"><body><layers>{inner}</layers></body></layer>'
    )
    path.write_text(path.read_text().replace("</layers><edges>", f"{loop}</layers><edges>"))
    assert assess(path).contents.tensor_types == {"i8 group 64": 1, "f32": 1}


def test_a_stateful_language_model(tmp_path: Path) -> None:
    path = make_ir(tmp_path / "openvino_model.xml")
    make_ir(tmp_path / "openvino_tokenizer.xml")
    state = '<layer id="50" name="k" type="ReadValue" version="opset6"></layer>'
    text = path.read_text().replace('name="x"', 'name="input_ids"')
    path.write_text(text.replace("</layers>", f"{state}</layers>"))
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    profile = assess(tmp_path)
    assert (profile.kind, profile.architecture) == (ModelKind.LANGUAGE, "LlamaForCausalLM")
    assert (profile.layers, profile.context_length, profile.name) == (2, 512, tmp_path.name)


BOMB = '<!DOCTYPE net [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
FOREIGN = '<!DOCTYPE net [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    "doctype", [BOMB, FOREIGN, "<!DOCTYPE net>", '<!DOCTYPE net SYSTEM "http://x/y.dtd">']
)
def test_document_types_are_refused(tmp_path: Path, doctype: str) -> None:
    with pytest.raises(BadInput, match="DOCTYPE"):
        assess(make_ir(tmp_path / "m.xml", doctype=doctype))


def test_another_encoding_hides_no_document_type(tmp_path: Path) -> None:
    path = make_ir(tmp_path / "m.xml", doctype=FOREIGN)
    path.write_bytes(path.read_text().replace("?>", ' encoding="utf-16"?>', 1).encode("utf-16"))
    with pytest.raises(BadInput):
        assess(path)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('version="11"', 'version="7"', "IR version 7"),
        ('version="11"', 'version="x"', "IR version x"),
        ('<net name="tiny" version="11">', "<svg>", "no OpenVINO model"),
        ("</net>", "", "breaks off or is wrong"),
        ('id="3"', 'id="1"', "twice"),
        ('id="3"', 'id="-3"', "without a number"),
        ('shape="4, 2, 64"', 'shape="4, 2, -64"', "impossible shape"),
        ('shape="4, 2, 64"', 'shape="4, 2, many"', "no shape"),
        ('shape="4, 2, 64"', 'shape="4, 2, 65"', "not that of its shape"),
        ('offset="0"', 'offset="-1"', "not that of its shape"),
        ('offset="0"', 'offset="99"', "beyond its end"),
        ('element_type="i8" shape="4, 2, 64"', 'element_type="i9" shape="4, 2, 64"', "unknown type"),
    ],
)
def test_an_ir_that_lies(tmp_path: Path, old: str, new: str, says: str) -> None:
    path = make_ir(tmp_path / "m.xml")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new).replace("</svg>", "</net>"))
    with pytest.raises(BadInput, match=says) as caught:
        assess(path)
    assert "m." in caught.value.message


def test_other_xml_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "m.xml").write_text("<?xml version='1.0'?><svg><layers/></svg>")
    with pytest.raises(BadInput, match="no OpenVINO model"):
        assess(tmp_path / "m.xml")


def test_an_ir_without_its_weights(tmp_path: Path) -> None:
    path = make_ir(tmp_path / "m.xml")
    (tmp_path / "m.bin").unlink()
    with pytest.raises(BadInput, match=r"m\.bin, which m\.xml needs, is missing"):
        assess(path)


def test_naming_the_weights_asks_for_the_graph(tmp_path: Path) -> None:
    make_ir(tmp_path / "m.xml")
    with pytest.raises(BadInput) as caught:
        assess(tmp_path / "m.bin")
    assert ".xml" in caught.value.remedy


# --- TensorFlow Lite --------------------------------------------------------------------------------------


def test_profile_of_a_tflite_file(tmp_path: Path) -> None:
    profile = assess(make_tflite(tmp_path / "m.tflite"))
    assert (profile.format, profile.kind) == (ModelFormat.TFLITE, ModelKind.TENSOR)
    assert profile.architecture == "dense network"
    assert profile.inputs == (TensorSpec("x", "float32", ("?", 16)),)
    assert profile.outputs == (TensorSpec("y", "float32", ("?", 4)),)
    assert profile.contents.tensor_types == {"INT8": 1, "INT32": 1}
    assert profile.contents.parameters == 64 + 4
    assert profile.contents.weight_bytes == 64 + 16 + 2 * (4 * 4 + 4 * 8)


def test_openvino_reads_the_same_from_it(tmp_path: Path, openvino: Any) -> None:
    path = make_tflite(tmp_path / "m.tflite")
    model, profile = openvino.Core().read_model(path), assess(path)
    assert [i.any_name for i in model.inputs] == [spec.name for spec in profile.inputs]
    assert [o.any_name for o in model.outputs] == [spec.name for spec in profile.outputs]
    assert [str(i.partial_shape) for i in model.inputs] == ["[?,16]"]


@pytest.mark.parametrize("length", [8, 12, 60, 300])
def test_a_truncated_tflite_file(tmp_path: Path, length: int) -> None:
    data = make_tflite(tmp_path / "m.tflite").read_bytes()
    (tmp_path / "m.tflite").write_bytes(data[:length])
    with pytest.raises(BadInput, match=r"m\.tflite is damaged"):
        assess(tmp_path / "m.tflite")
