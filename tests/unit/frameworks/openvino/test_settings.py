"""What is asked for reaches the plug-in on every device; FP32 without asking is the processor's own rule."""

from __future__ import annotations

import pytest

from backends.domain.artifact import LoadOptions, Option
from backends.frameworks.openvino.settings import settings_of


def settings(device: str, language: bool = True, **wanted: Option) -> dict[str, object]:
    return settings_of(LoadOptions(device, 2, options={"hint": "latency", **wanted}), device, language)


@pytest.mark.parametrize("device", ["CPU", "GPU", "NPU"])
def test_precisions_that_are_asked_for_are_set(device: str) -> None:
    found = settings(device, inference_precision="f16", kv_cache_precision="u8")
    assert (found["INFERENCE_PRECISION_HINT"], found["KV_CACHE_PRECISION"]) == ("f16", "u8")


def test_on_the_processor_it_is_fp32_else_what_the_device_likes() -> None:
    here = settings("CPU")
    assert here["INFERENCE_PRECISION_HINT"] == here["KV_CACHE_PRECISION"] == "f32"
    assert here["INFERENCE_NUM_THREADS"] == 2
    assert "KV_CACHE_PRECISION" not in settings("CPU", language=False)
    assert settings("GPU") == {"PERFORMANCE_HINT": "LATENCY"}
