"""ONNX Runtime sessions on Qualcomm's provider: the Hexagon NPU where there is one, else its emulator."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import onnxruntime as ort
import onnxruntime_qnn

from backends.domain.errors import JobFailed
from backends.frameworks.onnx.opening import ERRORS, words
from backends.frameworks.qnn.chips import Chip
from backends.frameworks.qnn.coverage import Coverage, coverage

__all__ = ["ERRORS", "PROVIDER", "covered", "cpu_session", "device_name", "open_session", "takes", "words"]

PROVIDER = "QNNExecutionProvider"
NPU, EMULATOR = "HTP", "HTP emulator"
UNUSABLE: tuple[type[Exception], ...] = (*ERRORS, JobFailed, OSError)

ort.set_default_logger_severity(4)  # it reports each refused operator, though that is what is asked


def device_name() -> str:
    return NPU if _is_npu(_device()) else EMULATOR


def open_session(
    model: Path | bytes, strict: bool = True, chip: Chip | None = None, context: Path | None = None
) -> Any:
    """``strict``: refuse, rather than let an operator fall back to the processor.

    ``chip`` and ``context``: compile for that chip and write the outcome there, weights and all in one file.
    Raises one of :data:`ERRORS`.
    """
    settings = ort.SessionOptions()
    settings.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    settings.add_session_config_entry("session.disable_cpu_ep_fallback", "1" if strict else "0")
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    provider = {"backend_path": onnxruntime_qnn.get_qnn_htp_path()}
    if chip is not None:
        provider |= {"soc_model": str(chip.soc_model), "htp_arch": str(chip.htp_arch)}
    if context is not None:
        settings.add_session_config_entry("ep.context_enable", "1")
        settings.add_session_config_entry("ep.context_embed_mode", "1")
        settings.add_session_config_entry("ep.context_file_path", str(context))
    settings.add_provider_for_devices([_device()], provider)
    return ort.InferenceSession(model, settings)


def covered(session: Any) -> Coverage:
    """What the provider took and what it left, of the graph as it was cut up after optimization."""
    parts = session.get_provider_graph_assignment_info()
    return coverage(((node.op_type, part.ep_name) for part in parts for node in part.get_nodes()), PROVIDER)


def takes(model: bytes) -> bool:
    """Whether Hexagon runs this whole model."""
    try:
        open_session(model)
    except ERRORS:
        return False
    return True


def cpu_session(model: Path, optimized: Path | None = None) -> Any:
    """The same model on the processor: for folding constants, and to compare with."""
    settings = ort.SessionOptions()
    settings.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    if optimized is not None:
        settings.optimized_model_filepath = str(optimized)
    return ort.InferenceSession(model, settings, providers=["CPUExecutionProvider"])


@cache
def _device() -> Any:
    """The NPU where there is one; on the processor the provider emulates it."""
    ort.register_execution_provider_library(PROVIDER, onnxruntime_qnn.get_library_path())
    devices = [device for device in ort.get_ep_devices() if device.ep_name == PROVIDER]
    if not devices:
        raise JobFailed("Qualcomm's library finds no device here, not even for its emulator.")
    return max(devices, key=_is_npu)


def _is_npu(device: Any) -> bool:
    return bool(device.device.type == ort.OrtHardwareDeviceType.NPU)
