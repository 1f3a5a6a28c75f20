"""Fixed shapes, single operators, coverage and chips: all that needs no Qualcomm library."""

from __future__ import annotations

import pytest
from onnx import ModelProto, TensorProto, helper

from backends.domain.errors import BadInput
from backends.frameworks.qnn.chips import chip, chips
from backends.frameworks.qnn.coverage import coverage
from backends.frameworks.qnn.graphs import fix_shapes, single_nodes


def model(*shape: int | str) -> ModelProto:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)
    nodes = [helper.make_node("Relu", ["x"], ["h"]), helper.make_node("Sigmoid", ["h"], ["y"])]
    return helper.make_model(helper.make_graph(nodes, "g", [x], [y]))


def dims(made: ModelProto) -> list[int]:
    return [dimension.dim_value for dimension in made.graph.input[0].type.tensor_type.shape.dim]


def test_the_batch_becomes_one_and_others_are_asked_for() -> None:
    made = model("N", 3, 8)
    fix_shapes(made, {})
    assert dims(made) == [1, 3, 8]
    with pytest.raises(BadInput, match="width"):
        fix_shapes(model("N", "width"), {})
    made = model("N", "width")
    fix_shapes(made, {"dim.width": 7, "dim.N": 2})
    assert dims(made) == [2, 7]


def test_a_misspelt_dimension_is_refused_with_those_there_are() -> None:
    made = model("N", "width")
    with pytest.raises(BadInput, match="widht") as caught:
        fix_shapes(made, {"dim.width": 7, "dim.widht": 7})
    assert "“N”, “width”" in caught.value.remedy
    with pytest.raises(BadInput) as caught:
        fix_shapes(model(1, 3), {"dim.width": 7})
    assert "fixed" in caught.value.remedy


def test_operators_one_by_one() -> None:
    found = {operator: (count, alone) for operator, count, alone in single_nodes(model(1, 3))}
    assert found["Relu"][0] == 1
    assert found["Relu"][1] is None  # the shape in between is not known before it is inferred
    assert set(found) == {"Relu", "Sigmoid"}


def test_coverage_names_what_falls_back() -> None:
    found = coverage([("Conv", "Q"), ("Conv", "Q"), ("Det", "CPU"), ("QuantizeLinear", "CPU")], "Q")
    assert not found.whole
    assert found.share == pytest.approx(2 / 3)
    assert found.sentence() == "1 of 3 operators fall back to the processor: Det (1)."
    assert coverage([("Conv", "Q")], "Q").whole


def test_chips_are_known_by_both_names() -> None:
    assert chip("SM8650") == chip("snapdragon 8 gen 3")
    assert len({one.id for one in chips()}) == len(chips())
    assert all(68 <= one.htp_arch <= 81 and one.source for one in chips())
    with pytest.raises(BadInput, match="sm8650"):
        chip("sm9999")
