"""ONNX: what is really inside, and where its data may lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from backends.assessment.assess import assess
from backends.assessment.contents import contents
from backends.domain.errors import BadInput
from backends.domain.model import ModelFormat, ModelKind, TensorSpec
from tests.unit.assessment.builders import (
    SHARED,
    array,
    make_masked,
    make_onnx,
    make_sentencepiece,
    onnx_model,
)


def save(path: Path, nodes: list[Any], weights: list[Any], **io: Any) -> Path:
    onnx.save(onnx_model(nodes, weights, **io), path)
    return path


def test_profile_of_a_small_network(tmp_path: Path) -> None:
    profile = assess(make_onnx(tmp_path / "m.onnx"))
    assert (profile.format, profile.kind) == (ModelFormat.ONNX, ModelKind.VISION)
    assert (profile.architecture, profile.opset, profile.precision) == ("convolutional network", 17, "FP32")
    assert profile.inputs == (TensorSpec("x", "float32", ("N", 3, 8, 8)),)
    assert profile.outputs == (TensorSpec("y", "float32", ("N", 10)),)
    assert profile.contents.tensor_types == {"FP32": 2}
    assert profile.contents.parameters == 108 + 40
    assert profile.contents.bits_per_weight == 32.0


def test_it_is_known_without_its_name(tmp_path: Path) -> None:
    assert assess(make_onnx(tmp_path / "model")).format is ModelFormat.ONNX


REAL = [
    ("mnist/mnist_8.onnx", 8, 5994, 32.0),
    ("resnet20-cifar10/resnet20_cifar10.onnx", 17, 269_034, 32.0),
    ("ultraface/version-slim-320.onnx", 9, 291_252, 32.0),
]


@pytest.mark.skipif(not SHARED.exists(), reason="shared/data is not on this machine")
@pytest.mark.parametrize(("name", "opset", "parameters", "bits"), REAL)
def test_real_files(name: str, opset: int, parameters: int, bits: float) -> None:
    profile = assess(SHARED / name)
    assert (profile.opset, profile.kind, len(profile.inputs)) == (opset, ModelKind.VISION, 1)
    assert (profile.contents.parameters, profile.contents.bits_per_weight) == (parameters, bits)


def test_weights_of_branches_are_counted(tmp_path: Path) -> None:
    def branch(name: str) -> Any:
        return helper.make_graph(
            [helper.make_node("Identity", [name], [f"{name}o"])],
            name,
            [],
            [helper.make_tensor_value_info(f"{name}o", TensorProto.FLOAT, None)],
            [array(name, np.ones((8, 8), np.float32))],
        )

    node = helper.make_node("If", ["c"], ["y"], then_branch=branch("a"), else_branch=branch("b"))
    assert assess(save(tmp_path / "m.onnx", [node], [])).contents.tensor_types == {"FP32": 2}


def test_weights_of_constant_nodes_are_counted(tmp_path: Path) -> None:
    node = helper.make_node("Constant", [], ["w"], value=array("", np.ones((8, 8), np.float16)))
    profile = assess(save(tmp_path / "m.onnx", [node], []))
    assert profile.contents.tensor_types == {"FP16": 1}
    assert profile.precision == "FP16"


def test_scales_are_bytes_but_no_parameters(tmp_path: Path) -> None:
    """QDQ per channel: INT8 weight, INT32 bias, and for each a scale and a zero point."""
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wf"], axis=0),
        helper.make_node("DequantizeLinear", ["b", "bs", "bz"], ["bf"], axis=0),
        helper.make_node("Conv", ["x", "wf", "bf"], ["y"]),
    ]
    weights = [
        array("w", np.ones((4, 3, 3, 3), np.int8)),
        array("ws", np.ones(4, np.float32)),
        array("wz", np.zeros(4, np.int8)),
        array("b", np.ones(4, np.int32)),
        array("bs", np.ones(4, np.float32)),
        array("bz", np.zeros(4, np.int32)),
    ]
    profile = assess(save(tmp_path / "m.onnx", nodes, weights))
    assert profile.contents.tensor_types == {"INT8": 1, "INT32": 1}
    assert profile.contents.parameters == 108 + 4
    assert profile.contents.weight_bytes == 108 + 16 + 4 + 16 + 16 + 16
    assert profile.precision == "INT8"
    assert profile.quantized_operators == {"DequantizeLinear": 2}


def test_dynamic_quantization(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        helper.make_node("ConvInteger", ["q", "w", "z", "wz"], ["i"]),
        helper.make_node("MatMulInteger", ["i", "d", "", "dz"], ["y"]),
    ]
    weights = [
        array("w", np.ones((4, 3, 3, 3), np.uint8)),
        array("wz", np.zeros((), np.uint8)),
        array("d", np.ones((4, 10), np.int8)),
        array("dz", np.zeros((), np.int8)),
    ]
    profile = assess(save(tmp_path / "m.onnx", nodes, weights))
    assert profile.contents.tensor_types == {"UINT8": 1, "INT8": 1}
    assert profile.precision == "INT8"
    assert profile.quantized_operators == {"ConvInteger": 1, "DynamicQuantizeLinear": 1, "MatMulInteger": 1}


@pytest.mark.parametrize(("bits", "k", "rows"), [(4, 64, 16), (8, 64, 32), (4, 40, 16)])
def test_packed_blobs_count_as_what_they_hold(tmp_path: Path, bits: int, k: int, rows: int) -> None:
    """MatMulNBits: (N, blocks, bytes of a block); a last block that K does not fill is padding."""
    blocks = 2
    node = helper.make_node(
        "MatMulNBits", ["x", "b", "s", "z"], ["y"], domain="com.microsoft", K=k, N=8, bits=bits, block_size=32
    )
    weights = [
        array("b", np.zeros((8, blocks, rows), np.uint8)),
        array("s", np.ones(8 * blocks, np.float32)),
        array("z", np.zeros(8 * blocks * bits // 8, np.uint8)),
        array("norm", np.ones(64, np.float32)),
    ]
    profile = assess(save(tmp_path / "m.onnx", [node], weights))
    assert profile.contents.tensor_types == {f"INT{bits} block 32": 1, "FP32": 1}
    assert profile.contents.parameters == 8 * k + 64
    assert profile.contents.weight_bytes == 8 * blocks * rows + 64 + 8 * blocks * bits // 8 + 256
    assert profile.quantized_operators == {"MatMulNBits": 1}


def test_native_int4_with_blocks(tmp_path: Path) -> None:
    node = helper.make_node("DequantizeLinear", ["w", "s"], ["y"], axis=1, block_size=32)
    weight = helper.make_tensor("w", TensorProto.INT4, (8, 64), bytes(8 * 32), raw=True)
    profile = assess(save(tmp_path / "m.onnx", [node], [weight, array("s", np.ones((8, 2), np.float32))]))
    assert profile.contents.tensor_types == {"INT4 block 32": 1}
    assert profile.contents.bits_per_weight == 8 * (256 + 64) / 512


def test_a_blob_too_small_for_its_claim(tmp_path: Path) -> None:
    node = helper.make_node("MatMulNBits", ["x", "b", "s"], ["y"], K=4096, N=4096, bits=4, block_size=32)
    weights = [array("b", np.zeros((8, 2, 16), np.uint8)), array("s", np.ones(16, np.float32))]
    with pytest.raises(BadInput, match="claims 16,777,216 weights"):
        assess(save(tmp_path / "m.onnx", [node], weights))


def test_quantized_operators_over_plain_weights_are_reported(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s"], ["q"]),
        helper.make_node("Conv", ["q", "w"], ["y"]),
    ]
    weights = [array("w", np.ones((4, 3, 3, 3), np.float32)), array("s", np.ones((), np.float32))]
    assert "none of its weights" in assess(save(tmp_path / "m.onnx", nodes, weights)).warnings[0]


# --- language models --------------------------------------------------------------------------------------


def _language(path: Path) -> Path:
    value = helper.make_tensor_value_info
    cache = ["batch", 2, "past", 16]
    inputs = [value("input_ids", TensorProto.INT64, ["batch", "sequence"])]
    inputs += [value(f"past_key_values.{i}.{p}", 1, cache) for i in range(3) for p in ("key", "value")]
    outputs = [value("logits", TensorProto.FLOAT, ["batch", "sequence", 32])]
    weights = [array("w", np.ones((32, 64), np.float32))]
    return save(path, [], weights, inputs=inputs, outputs=outputs)


def test_a_cache_makes_a_language_model(tmp_path: Path) -> None:
    profile = assess(_language(tmp_path / "model.onnx"))
    assert (profile.kind, profile.architecture) == (ModelKind.LANGUAGE, "transformer")
    assert (profile.layers, profile.kv_heads, profile.head_dim, profile.vocabulary) == (3, 2, 16, 32)
    assert profile.name == tmp_path.name


def test_scores_of_tokens_without_a_cache_make_a_tensor_model(tmp_path: Path) -> None:
    profile = assess(make_masked(tmp_path / "model.onnx"))
    assert profile.kind is ModelKind.TENSOR
    assert any("no key/value cache" in warning for warning in profile.warnings)
    assert not any("cache" in warning for warning in assess(_language(tmp_path / "other.onnx")).warnings)


def test_the_configuration_beside_it_is_read(tmp_path: Path) -> None:
    _language(tmp_path / "decoder.onnx")
    _language(tmp_path / "other.onnx")
    decoder = {
        "filename": "decoder.onnx",
        "num_attention_heads": 4,
        "hidden_size": 64,
        "num_hidden_layers": 3,
    }
    config = {"model": {"type": "llama", "context_length": 2048, "vocab_size": 32, "decoder": decoder}}
    (tmp_path / "genai_config.json").write_text(json.dumps(config))
    make_sentencepiece(tmp_path / "tokenizer.model", 32)
    profile = assess(tmp_path)
    assert profile.path == tmp_path / "decoder.onnx"
    assert (profile.architecture, profile.context_length, profile.heads) == ("llama", 2048, 4)
    assert profile.tokenizer == "sentencepiece"
    assert {file.name for file in profile.files} == {"decoder.onnx", "genai_config.json", "tokenizer.model"}


def test_a_genai_configuration_cannot_lead_outside(tmp_path: Path) -> None:
    _language(tmp_path / "secret.onnx")
    folder = tmp_path / "model"
    folder.mkdir()
    config = {"model": {"decoder": {"filename": "../secret.onnx"}}}
    (folder / "genai_config.json").write_text(json.dumps(config))
    with pytest.raises(BadInput, match="points outside"):
        assess(folder)


def test_a_licence_in_the_metadata(tmp_path: Path) -> None:
    model = onnx.load(make_onnx(tmp_path / "m.onnx"))
    helper.set_model_props(model, {"license": "mit"})
    onnx.save(model, tmp_path / "m.onnx")
    assert assess(tmp_path / "m.onnx").licence == "mit"


# --- external data ----------------------------------------------------------------------------------------


def _external(path: Path, location: str, *, offset: object = 0, length: object = 4096) -> Path:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=(32, 32))
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        tensor.external_data.add(key=key, value=str(value))
    return save(path, [], [tensor])


def test_external_data_are_measured(tmp_path: Path) -> None:
    path = _external(tmp_path / "m.onnx", "m.data")
    (tmp_path / "m.data").write_bytes(bytes(4096))
    profile = assess(path)
    assert profile.contents.parameters == 1024
    assert profile.files == (path, tmp_path / "m.data")
    assert profile.size_bytes == path.stat().st_size + 4096


@pytest.mark.parametrize("place", ["../secret", "/etc/passwd", "C:\\x", "sub/../../secret", "a\0b"])
def test_external_data_outside_are_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "secret").write_bytes(bytes(4096))
    (tmp_path / "model").mkdir()
    with pytest.raises(BadInput, match=r"m\.onnx points outside"):
        assess(_external(tmp_path / "model" / "m.onnx", place))


def test_external_data_behind_a_link_outside_are_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(4096))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "m.data").symlink_to(tmp_path / "secret")
    with pytest.raises(BadInput, match="points outside"):
        assess(_external(tmp_path / "model" / "m.onnx", "m.data"))


@pytest.mark.parametrize(
    ("lie", "says"),
    [
        ({"offset": 1}, "beyond its end"),
        ({"offset": -4096}, "size of its shape"),
        ({"length": 8}, "size of its shape"),
        ({"offset": "many"}, "no number"),
        ({"offset": "9" * 5000}, "no number"),
    ],
)
def test_lies_about_external_data(tmp_path: Path, lie: dict[str, Any], says: str) -> None:
    (tmp_path / "m.data").write_bytes(bytes(4096))
    with pytest.raises(BadInput, match=says):
        assess(_external(tmp_path / "m.onnx", "m.data", **lie))


def test_missing_external_data_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"m\.data, which m\.onnx needs, is missing"):
        assess(_external(tmp_path / "m.onnx", "m.data"))


# --- other lies -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"dims": (4, 4), "raw_data": bytes(8)}, "size of its shape"),
        ({"dims": (-4, -4), "raw_data": bytes(64)}, "impossible shape"),
        ({"dims": (2**40, 2**40)}, "more elements"),
        ({"dims": (1,) * 100}, "impossible shape"),
        ({"dims": (2**30,), "float_data": (1.0,)}, "less data"),
        ({"dims": (4,), "data_type": 99}, "unknown type 99"),
    ],
)
def test_tensors_that_lie(tmp_path: Path, fields: dict[str, Any], says: str) -> None:
    tensor = TensorProto(**{"name": "w", "data_type": TensorProto.FLOAT, **fields})
    with pytest.raises(BadInput, match=says):
        assess(save(tmp_path / "m.onnx", [], [tensor]))


def test_names_that_are_no_text_do_no_harm(tmp_path: Path) -> None:
    path = make_onnx(tmp_path / "m.onnx")
    path.write_bytes(path.read_bytes().replace(b"graph", b"\xff\xfe\xfd\xfc\xfb"))
    assert assess(path).contents.parameters == 148


@pytest.mark.parametrize("data", [b"\x08\x09", b"garbage, much of it", b"\x00" * 100, b"\xff" * 100])
def test_garbage_of_the_right_name(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(data)
    with pytest.raises(BadInput, match=r"m\.onnx"):
        assess(tmp_path / "m.onnx")


# --- compiled contexts ------------------------------------------------------------------------------------


def _context(path: Path, source: str, place: str = "") -> Path:
    where = {"embed_mode": 0, "ep_cache_context": place} if place else {"embed_mode": 1}
    node = helper.make_node("EPContext", ["x"], ["y"], domain="com.microsoft", source=source, **where)
    return save(path, [node], [])


def test_a_hexagon_context_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "m.bin").write_bytes(bytes(10))
    profile = assess(_context(tmp_path / "m.onnx", "QNN", "m.bin"))
    assert profile.format is ModelFormat.QNN_CONTEXT
    assert profile.files[1].name == "m.bin"
    assert contents(tmp_path, ModelFormat.QNN_CONTEXT).parameters == 0


def test_contexts_of_others_and_elsewhere_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="TensorRT"):
        assess(_context(tmp_path / "m.onnx", "TensorRT"))
    with pytest.raises(BadInput, match="points outside"):
        assess(_context(tmp_path / "m.onnx", "QNN", "../m.bin"))
