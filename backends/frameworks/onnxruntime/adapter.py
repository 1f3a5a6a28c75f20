"""ONNX Runtime: weight-only, dynamic and static quantization, and running with the providers found."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import onnxruntime as ort

from backends.domain.artifact import Artifact, LoadOptions
from backends.domain.events import Progress, Started
from backends.domain.hardware import HardwareProfile
from backends.domain.model import ModelFormat, ModelKind, TensorSpec
from backends.frameworks.base import Availability, JobContext, OptimizeRequest, Session
from backends.frameworks.generation import physical_cores
from backends.frameworks.making import made_of, no_recipe
from backends.frameworks.onnx.opening import ERRORS, ONLY_LOOKING, devices, inference_session, open_artifact
from backends.frameworks.onnx.tensors import specs
from backends.frameworks.onnxruntime.genai import GenaiSession
from backends.frameworks.tokenizers import copy_companions, load_tokenizer, named_tokenizer

if TYPE_CHECKING:
    from backends.frameworks.onnxruntime.recipes import Tools

NAME = "onnxruntime"
GENAI = "genai"  # the other generator there is for language models


class OnnxRuntimeAdapter:
    def probe(self, hardware: HardwareProfile | None) -> Availability:
        return Availability(NAME, True, ort.__version__, tuple(devices()))

    def optimize(self, request: OptimizeRequest, job: JobContext) -> Artifact:
        """Raises BadInput for a model, an option or calibration data that cannot be used."""
        # Not at the top: the quantizers and onnx take memory that an engine which only runs need not have.
        from backends.frameworks.onnx.graphs import model_bytes, read_model
        from backends.frameworks.onnxruntime.recipes import Work, maker

        make = maker(request.precision, request.kind)
        if make is None:
            raise no_recipe("ONNX Runtime", request)
        began = time.perf_counter()
        job.emit(Started(f"Making {request.precision} for ONNX Runtime"))
        source, model = read_model(request.source)
        job.check_cancelled()
        target = request.output / "model.onnx"
        made = make(Work(request, source, model, target, job, _tools()))
        job.emit(Progress(0.95, "Opening the result"))
        inference_session(target, ONLY_LOOKING)  # a file that does not open is no result
        if request.kind is ModelKind.LANGUAGE:
            copy_companions(source, request.output)
        return made_of(
            request,
            NAME,
            ModelFormat.ONNX,
            target,
            began,
            size_bytes=model_bytes(target),
            warnings=made.warnings,
            options={**named_tokenizer(request.options), **made.options},
            versions={NAME: ort.__version__},
        )

    @contextmanager
    def open(self, artifact: Artifact, options: LoadOptions) -> Iterator[Session]:
        if options.options.get("generator") == GENAI:
            tokenize = partial(load_tokenizer, (artifact.path, artifact.source), artifact.options)
            yield GenaiSession(artifact, options, options.threads or physical_cores(), tokenize)
        else:
            yield open_artifact(artifact, options)


def _tools() -> Tools:
    from onnx.shape_inference import InferenceError
    from onnxruntime import quantization
    from onnxruntime.quantization import calibrate
    from onnxruntime.transformers.float16 import convert_float_to_float16

    from backends.frameworks.onnxruntime.recipes import Tools

    logging.getLogger().setLevel(logging.ERROR)  # they speak to the root logger, line by line
    errors = (*ERRORS, ValueError, InferenceError)
    return Tools(quantization, calibrate, convert_float_to_float16, errors, _inputs)


def _inputs(path: Path) -> tuple[TensorSpec, ...]:
    """From a session: a graph of an old opset lists its weights as inputs too."""
    return specs(inference_session(path, ONLY_LOOKING).get_inputs())


ADAPTER = OnnxRuntimeAdapter()
