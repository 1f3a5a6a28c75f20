"""Weight matrices laid out as NNCF expects them. OpenVINO's operators are handed in."""

from __future__ import annotations

from typing import Any

import numpy as np


def turn(model: Any, ops: Any) -> int:
    """Matrices of (inputs, outputs), as ONNX has them, become (outputs, inputs); the same products.

    NNCF 3.4 needs that: its GPTQ refuses the others, and the scales that its scale estimation finds for them
    lie in memory column by column, from which OpenVINO 2026.4 makes constants of rubbish (16-bit floats taken
    for integers). In place; returns how many were turned.
    """
    turned = 0
    for node in model.get_ops():
        if node.get_type_name() != "MatMul" or node.get_attributes()["transpose_b"]:
            continue
        weight = node.input_value(1).get_node()
        if weight.get_type_name() != "Constant" or len(weight.get_output_shape(0)) != 2:
            continue
        matrix = ops.constant(np.ascontiguousarray(weight.data.T))
        matrix.set_friendly_name(weight.get_friendly_name())
        made = ops.matmul(node.input_value(0), matrix, node.get_attributes()["transpose_a"], True)
        _replace(node, made)
        turned += 1
    model.validate_nodes_and_infer_types()
    return turned


def _replace(node: Any, new: Any) -> None:
    new.set_friendly_name(node.get_friendly_name())
    tensor_names = node.output(0).get_names()
    for consumer in node.output(0).get_target_inputs():
        consumer.replace_source_output(new.output(0))
    new.output(0).get_tensor().add_names(tensor_names)
