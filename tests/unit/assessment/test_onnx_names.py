"""Names of external data, read without ONNX's library and held against what the library says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from backends.assessment.onnx_names import external_files


def saved(path: Path, location: str) -> bytes:
    """A model whose weights lie elsewhere, one of them in the branch of an ``If``."""

    def weight(name: str) -> TensorProto:
        return numpy_helper.from_array(np.ones((16, 16), np.float32), name)

    def branch(name: str) -> onnx.GraphProto:
        constant = helper.make_node("Constant", [], [f"{name}_y"], value=weight(f"{name}_w"))
        out = helper.make_tensor_value_info(f"{name}_y", TensorProto.FLOAT, [16, 16])
        return helper.make_graph([constant], name, [], [out])

    nodes = [
        helper.make_node("If", ["which"], ["b"], then_branch=branch("yes"), else_branch=branch("no")),
        helper.make_node("MatMul", ["a", "w"], ["c"]),
        helper.make_node("Add", ["b", "c"], ["out"]),
    ]
    inputs = [
        helper.make_tensor_value_info("a", TensorProto.FLOAT, [16, 16]),
        helper.make_tensor_value_info("which", TensorProto.BOOL, []),
    ]
    output = helper.make_tensor_value_info("out", TensorProto.FLOAT, [16, 16])
    model = helper.make_model(helper.make_graph(nodes, "g", inputs, [output], [weight("w")]))
    onnx.save(
        model, path, save_as_external_data=True, location=location, size_threshold=0, convert_attribute=True
    )
    return path.read_bytes()


@pytest.mark.parametrize("name", ["model.onnx_data", "w.bin", "weights.of.mine"])
def test_every_name_is_found(tmp_path: Path, name: str) -> None:
    saved(tmp_path / "model.onnx", name)
    assert external_files(tmp_path / "model.onnx") == (tmp_path / name,)
    (tmp_path / name).unlink()
    assert external_files(tmp_path / "model.onnx") == ()


def test_nothing_outside_the_folder_belongs_to_a_model(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    content = saved(tmp_path / "in" / "model.onnx", "x__w.bin")
    (tmp_path / "w.bin").write_bytes(b"somebody else's")
    (tmp_path / "in" / "model.onnx").write_bytes(content.replace(b"x__w.bin", b"../w.bin"))
    assert external_files(tmp_path / "in" / "model.onnx") == ()


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_damage_is_no_fault_of_the_asker(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    content = bytearray(saved(folder / "model.onnx", "w.bin"))
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    (folder / "model.onnx").write_bytes(bytes(content[:cut]))
    assert set(external_files(folder / "model.onnx")) <= set(folder.iterdir())
