"""Options of opening in the words of OpenVINO's plug-ins."""

from __future__ import annotations

from typing import Any

from backends.domain.artifact import CPU, LoadOptions
from backends.frameworks.generation import physical_cores


def settings_of(options: LoadOptions, device: str, language: bool) -> dict[str, Any]:
    """On the CPU everything is computed and kept in FP32 unless the options say otherwise.

    The plug-in's own choice is bfloat16 where the processor has AMX, and an 8-bit key/value cache: faster,
    but another model than the one the other frameworks run. Activations of compressed layers are quantized as
    the plug-in likes, as llama.cpp and ONNX Runtime do too.
    """
    wanted = options.options
    settings: dict[str, Any] = {"PERFORMANCE_HINT": str(wanted["hint"]).upper()}
    if device == CPU:
        settings["INFERENCE_NUM_THREADS"] = options.threads or physical_cores()
        settings["INFERENCE_PRECISION_HINT"] = "f32"
        if language:
            settings["KV_CACHE_PRECISION"] = "f32"
        if "runtime_cache" in wanted:
            settings["CPU_RUNTIME_CACHE_CAPACITY"] = wanted["runtime_cache"]
    named = {
        "inference_precision": "INFERENCE_PRECISION_HINT",
        "kv_cache_precision": "KV_CACHE_PRECISION",
        "streams": "NUM_STREAMS",
        "cache_folder": "CACHE_DIR",
        "dynamic_quantization_group_size": "DYNAMIC_QUANTIZATION_GROUP_SIZE",
    }
    return settings | {key: wanted[name] for name, key in named.items() if name in wanted}
