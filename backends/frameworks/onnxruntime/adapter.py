"""ONNX Runtime: weight-only, dynamic and static quantization, and running with the providers found."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as native

from backends.domain.artifact import Artifact, LoadOptions
from backends.domain.errors import BadInput
from backends.domain.events import Progress, Started
from backends.domain.hardware import HardwareProfile
from backends.domain.model import ModelFormat, ModelKind, TensorContents, TensorSpec
from backends.frameworks.base import Availability, JobContext, OptimizeRequest, Session
from backends.frameworks.files import require_file
from backends.frameworks.generation import physical_cores
from backends.frameworks.onnxruntime.language import OnnxLanguageSession
from backends.frameworks.onnxruntime.tensors import OnnxTensorSession, specs
from backends.frameworks.tokenizers import copy_companions, load_tokenizer

if TYPE_CHECKING:
    from backends.frameworks.onnxruntime.recipes import Tools

NAME = "onnxruntime"
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


class OnnxRuntimeAdapter:
    def probe(self, hardware: HardwareProfile | None) -> Availability:
        return Availability(NAME, True, ort.__version__, tuple(_devices()))

    def optimize(self, request: OptimizeRequest, job: JobContext) -> Artifact:
        """Raises BadInput for a model, an option or calibration data that cannot be used."""
        # Not at the top: the quantizers and onnx take memory that an engine which only runs need not have.
        from backends.frameworks.onnxruntime.graphs import model_bytes, read_model
        from backends.frameworks.onnxruntime.recipes import Work, maker

        make = maker(request.precision, request.kind)
        if make is None:
            raise BadInput(
                f"ONNX Runtime has no precision “{request.precision}” for {request.kind} models.",
                "Run “edgewright frameworks” for those it has.",
            )
        began = time.perf_counter()
        job.emit(Started(f"Making {request.precision} for ONNX Runtime"))
        source, model = read_model(request.source)
        job.check_cancelled()
        target = request.output / "model.onnx"
        made = make(Work(request, source, model, target, job, _tools()))
        job.emit(Progress(0.95, "Opening the result"))
        _inference_session(target, ONLY_LOOKING)  # a file that does not open is no result
        if request.kind is ModelKind.LANGUAGE:
            copy_companions(source, request.output)
        return Artifact(
            name=request.name or source.stem,
            framework=NAME,
            precision=request.precision,
            format=ModelFormat.ONNX,
            kind=request.kind,
            path=target,
            size_bytes=model_bytes(target),
            contents=TensorContents({}, 0, 0, 0.0),
            source=request.source,
            warnings=made.warnings,
            options=made.options,
            versions={NAME: ort.__version__},
            took_s=time.perf_counter() - began,
        )

    @contextmanager
    def open(self, artifact: Artifact, options: LoadOptions) -> Iterator[Session]:
        path = require_file(artifact.path, "ONNX")
        inference = _inference_session(path, options)
        threads = options.threads or physical_cores()
        details = _details(inference, options, threads)
        if artifact.kind is ModelKind.LANGUAGE:
            tokenize = partial(load_tokenizer, (artifact.path, artifact.source), artifact.options)
            yield OnnxLanguageSession(inference, options, tokenize, threads, details, ERRORS)
        else:
            yield OnnxTensorSession(inference, options.device, threads, details, ERRORS)


def _tools() -> Tools:
    from onnxruntime import quantization
    from onnxruntime.quantization import calibrate
    from onnxruntime.transformers.float16 import convert_float_to_float16

    from backends.frameworks.onnxruntime.recipes import Tools

    logging.getLogger().setLevel(logging.ERROR)  # they speak to the root logger, line by line
    errors = (*ERRORS, ValueError)
    return Tools(quantization, calibrate, convert_float_to_float16, errors, _inputs)


def _inputs(path: Path) -> tuple[TensorSpec, ...]:
    """From a session: a graph of an old opset lists its weights as inputs too."""
    return specs(_inference_session(path, ONLY_LOOKING).get_inputs())


def _inference_session(path: Path, options: LoadOptions) -> Any:
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
    try:
        return ort.InferenceSession(path, settings, providers=_providers(options.device))
    except ERRORS as error:
        raise BadInput(
            f"ONNX Runtime cannot open “{path}”: {_words(error)}", "Export or download it again."
        ) from error


def _level(name: str) -> Any:
    if name not in LEVELS:
        raise BadInput(f"There is no optimization level “{name}”.", f"Choose one of: {', '.join(LEVELS)}.")
    return LEVELS[name]


def _devices() -> Iterator[str]:
    """Execution providers under their short names."""
    plugged_in = {device.ep_name for device in ort.get_ep_devices()}
    for provider in sorted(plugged_in | set(ort.get_available_providers())):
        if provider != NO_DEVICE:
            yield provider.removesuffix("ExecutionProvider")


def _providers(device: str) -> list[str]:
    name = f"{device.removesuffix('ExecutionProvider')}ExecutionProvider"
    available = {provider.lower(): provider for provider in ort.get_available_providers()}
    chosen = available.get(name.lower())
    if chosen is None:
        raise BadInput(
            f"ONNX Runtime has no device “{device}” here.", f"Choose one of: {', '.join(_devices())}."
        )
    return list(dict.fromkeys((chosen, FALLBACK)))


def _details(session: Any, options: LoadOptions, threads: int) -> tuple[str, ...]:
    waiting = "spinning" if options.options.get("spinning") else "sleeping"
    return (
        f"Execution providers: {', '.join(session.get_providers())}",
        f"Threads: {threads}, {waiting} while they wait",
        f"Graph optimization: {options.options.get('optimization', 'all')}",
    )


def _words(error: Exception) -> str:
    """The library's sentence without its code numbers."""
    return str(error).rsplit(" : ", 1)[-1].strip().rstrip(".") + "."


ADAPTER = OnnxRuntimeAdapter()
