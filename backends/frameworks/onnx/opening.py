"""ONNX Runtime sessions: settings, providers, and an artifact as the session its kind asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as native

from backends.domain.artifact import Artifact, LoadOptions
from backends.domain.errors import BadInput
from backends.domain.model import ModelKind
from backends.frameworks.base import Session
from backends.frameworks.files import require_file
from backends.frameworks.generation import physical_cores
from backends.frameworks.onnx import assignment
from backends.frameworks.onnx.language import OnnxLanguageSession
from backends.frameworks.onnx.tensors import OnnxTensorSession
from backends.frameworks.tokenizers import load_tokenizer

ERRORS: tuple[type[Exception], ...] = (
    native.EPFail,
    native.Fail,
    native.InvalidArgument,
    native.InvalidGraph,
    native.InvalidProtobuf,
    native.NoModel,
    native.NoSuchFile,
    native.NotImplemented,
    native.RuntimeException,
    RuntimeError,  # from a run with bound inputs and outputs
)
LEVELS = {
    "off": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
FALLBACK = "CPUExecutionProvider"
NO_DEVICE = "AzureExecutionProvider"  # in every build; it sends the work elsewhere
ONLY_LOOKING = LoadOptions(threads=1, options={"optimization": "off"})

ort.disable_telemetry_events()
ort.set_default_logger_severity(3)


def open_artifact(artifact: Artifact, options: LoadOptions) -> Session:
    """Raises BadInput for a file, a device or an option that ONNX Runtime does not take."""
    path = require_file(artifact.path, "ONNX")
    inference = inference_session(path, options)
    threads = options.threads or physical_cores()
    assigned = operators_by_provider(inference)
    details = (*_details(inference, options, threads), *assignment.details(assigned))
    opened: OnnxLanguageSession | OnnxTensorSession
    if artifact.kind is ModelKind.LANGUAGE:
        tokenize = partial(load_tokenizer, (artifact.path, artifact.source), artifact.options)
        opened = OnnxLanguageSession(inference, options, tokenize, threads, details, ERRORS)
    else:
        opened = OnnxTensorSession(inference, options.device, threads, details, ERRORS)
    opened.warnings = assignment.warnings(assigned, _providers(options.device)[0])
    return opened


def inference_session(path: Path, options: LoadOptions) -> Any:
    wanted = options.options
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = options.threads or physical_cores()
    settings.inter_op_num_threads = int(wanted.get("inter_op_threads", 1))
    settings.graph_optimization_level = _level(str(wanted.get("optimization", "all")))
    # Spinning threads win a little on an idle machine and lose much on any other: decode fell to 60 % where
    # one other program ran. An open session that waits for its turn must not take a core either.
    settings.add_session_config_entry(
        "session.intra_op.allow_spinning", "1" if wanted.get("spinning", False) else "0"
    )
    settings.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    providers = _providers(options.device)
    try:
        session = ort.InferenceSession(path, settings, providers=providers)
    except ERRORS as error:
        raise BadInput(
            f"ONNX Runtime cannot open “{path}”: {words(error)}", "Export or download it again."
        ) from error
    if providers[0] not in session.get_providers():  # it goes on without one whose driver is missing
        raise BadInput(
            f"ONNX Runtime has “{options.device}”, but could not start it here.",
            "Its driver or libraries may be missing; CPU always works.",
        )
    return session


def operators_by_provider(session: Any) -> assignment.Assigned:
    """Of the graph as it runs, after optimization."""
    return Counter(
        (part.ep_name, node.op_type)
        for part in session.get_provider_graph_assignment_info()
        for node in part.get_nodes()
    )


def _level(name: str) -> Any:
    if name not in LEVELS:
        raise BadInput(f"There is no optimization level “{name}”.", f"Choose one of: {', '.join(LEVELS)}.")
    return LEVELS[name]


def devices() -> Iterator[str]:
    """Execution providers under their short names."""
    for provider in sorted(ort.get_available_providers()):
        if provider != NO_DEVICE:
            yield provider.removesuffix("ExecutionProvider")


def _providers(device: str) -> list[str]:
    name = f"{device.removesuffix('ExecutionProvider')}ExecutionProvider"
    available = {provider.lower(): provider for provider in ort.get_available_providers()}
    chosen = available.get(name.lower())
    if chosen is None:
        raise BadInput(
            f"ONNX Runtime has no device “{device}” here.", f"Choose one of: {', '.join(devices())}."
        )
    return list(dict.fromkeys((chosen, FALLBACK)))


def _details(session: Any, options: LoadOptions, threads: int) -> tuple[str, ...]:
    waiting = "spinning" if options.options.get("spinning") else "sleeping"
    return (
        f"Execution providers: {', '.join(session.get_providers())}",
        f"Threads: {threads}, {waiting} while they wait",
        f"Graph optimization: {options.options.get('optimization', 'all')}",
    )


def words(error: Exception) -> str:
    """The library's sentence without its code numbers."""
    return str(error).rsplit(" : ", 1)[-1].strip().rstrip(".") + "."
