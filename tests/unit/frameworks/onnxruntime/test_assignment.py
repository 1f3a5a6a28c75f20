"""What runs where is told by operator."""

from __future__ import annotations

from collections import Counter

from backends.frameworks.onnx.assignment import Assigned, details, warnings

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def test_all_on_one_provider_needs_no_warning() -> None:
    assigned: Assigned = Counter({(CPU, "Conv"): 9, (CPU, "Gemm"): 1})
    assert details(assigned) == ("Operators: CPU 10",)
    assert warnings(assigned, CPU) == ()


def test_operators_that_fall_back_are_named() -> None:
    assigned: Assigned = Counter({(CUDA, "Conv"): 9, (CPU, "NonMaxSuppression"): 2, (CPU, "Shape"): 3})
    assert details(assigned) == ("Operators: CUDA 9, CPU 5",)
    assert warnings(assigned, CUDA) == (
        "5 of 14 operators do not run on CUDA but fall back: Shape (3), NonMaxSuppression (2).",
    )
