"""OpenVINO with NNCF: weight compression, post-training quantization, and running on the devices it finds."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

# Its mere import by NNCF writes an identifier into the home folder, and compression would report to Google
# Analytics. Where the package cannot be imported both libraries go on without.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

import openvino as ov  # noqa: E402
from openvino import opset15 as ops  # noqa: E402
from openvino import passes  # noqa: E402
from openvino._offline_transformations import apply_make_stateful_transformation  # noqa: E402

from backends.domain.artifact import Artifact, LoadOptions, Option  # noqa: E402
from backends.domain.errors import BadInput, FrameworkUnavailable, JobFailed  # noqa: E402
from backends.domain.events import Progress, Started  # noqa: E402
from backends.domain.hardware import HardwareProfile  # noqa: E402
from backends.domain.model import ModelFormat, ModelKind  # noqa: E402
from backends.frameworks.base import Availability, JobContext, OptimizeRequest, Session  # noqa: E402
from backends.frameworks.files import require_file, writing  # noqa: E402
from backends.frameworks.generation import physical_cores  # noqa: E402
from backends.frameworks.making import made_of, no_recipe, why_not_smaller  # noqa: E402
from backends.frameworks.openvino import account, decoder, weights  # noqa: E402
from backends.frameworks.openvino.language import FIRST_LOGIT, OpenVinoLanguageSession  # noqa: E402
from backends.frameworks.openvino.recipes import CORRECTIONS, Made, Maker, Work, maker  # noqa: E402
from backends.frameworks.openvino.settings import settings_of  # noqa: E402
from backends.frameworks.openvino.tensors import OpenVinoTensorSession  # noqa: E402
from backends.frameworks.tokenizers import (  # noqa: E402
    copy_companions,
    load_tokenizer,
    named_tokenizer,
)

NAME = "openvino"
KINDS_OF_FILE = {ModelFormat.ONNX: "ONNX", ModelFormat.OPENVINO: "OpenVINO", ModelFormat.TFLITE: "TFLite"}
REPORTED = {
    "EXECUTION_DEVICES": "Devices",
    "INFERENCE_PRECISION_HINT": "Inference precision",
    "KV_CACHE_PRECISION": "Key/value cache",
    "DYNAMIC_QUANTIZATION_GROUP_SIZE": "Activations of compressed layers quantized in groups of",
    "INFERENCE_NUM_THREADS": "Threads",
    "NUM_STREAMS": "Streams",
    "LOADED_FROM_CACHE": "Taken from the cache of compiled models",
}


class OpenVinoAdapter:
    def probe(self, hardware: HardwareProfile | None) -> Availability:
        devices = tuple(ov.Core().available_devices)
        if not devices:
            remedy = "Its CPU plug-in needs SSE4.2 or NEON; install the package “openvino” again."
            return Availability(NAME, False, _version(), (), "OpenVINO finds no device here.", remedy)
        return Availability(NAME, True, _version(), devices)

    def optimize(self, request: OptimizeRequest, job: JobContext) -> Artifact:
        """Raises BadInput for a model, an option or calibration data that cannot be used."""
        make = maker(request.precision, request.kind)
        if make is None:
            raise no_recipe("OpenVINO", request)
        began = time.perf_counter()
        job.emit(Started(f"Making {request.precision} for OpenVINO"))
        source = require_file(request.source, KINDS_OF_FILE.get(request.source_format, "OpenVINO"))
        model = _read(source, request.kind)
        job.check_cancelled()
        made = _make(
            make, Work(request, model, job, _nncf(), _fold_constants, _turn_weights, _tokenizer(request))
        )
        job.check_cancelled()
        target = request.output / "model.xml"
        _save(made, target, source, job)
        warnings, counted = _judge(target, source, request.precision)
        if request.kind is ModelKind.LANGUAGE:
            copy_companions(source, request.output)
        return made_of(
            request,
            NAME,
            ModelFormat.OPENVINO,
            target,
            began,
            size_bytes=_model_bytes(target),
            warnings=warnings,
            options={**named_tokenizer(request.options), **made.options, **counted},
            versions={NAME: _version(), "nncf": _nncf().__version__},
        )

    @contextmanager
    def open(self, artifact: Artifact, options: LoadOptions) -> Iterator[Session]:
        source = require_file(artifact.path, KINDS_OF_FILE.get(artifact.format, "OpenVINO"))
        language = artifact.kind is ModelKind.LANGUAGE
        model = _read(source, artifact.kind)
        if language:
            decoder.keep_last_logits(model, ops, FIRST_LOGIT)
        compiled = _compile(model, source, options, language)
        threads = _property(compiled, "INFERENCE_NUM_THREADS") or options.threads or physical_cores()
        device = ", ".join(_property(compiled, "EXECUTION_DEVICES") or [options.device])
        details = _details(compiled, language)
        if language:
            kept_as = _property(compiled, "KV_CACHE_PRECISION")
            element_bytes = kept_as.bitwidth / 8 if isinstance(kept_as, ov.Type) else 4.0
            per_token = account.cache_bytes_per_token(model, element_bytes)
            tokenize = partial(load_tokenizer, (artifact.path, artifact.source), artifact.options)
            yield OpenVinoLanguageSession(
                compiled, tokenize, device, options.context, threads, details, per_token
            )
        else:
            yield OpenVinoTensorSession(compiled, device, threads, details)


def _make(make: Maker, work: Work) -> Made:
    try:
        return make(work)
    except (RuntimeError, ValueError, IndexError, KeyError) as error:  # what NNCF and OpenVINO raise
        raise JobFailed(
            f"NNCF could not make {work.request.precision} of “{work.request.source}”: {_words(error)}",
            "Choose another precision or framework.",
            traceback.format_exc(),
        ) from error


def _fold_constants(model: Any) -> None:
    """NNCF trips over weights that reach their layer through a Reshape, as old ONNX files have them."""
    manager = passes.Manager()
    manager.register_pass(passes.ConstantFolding())
    manager.run_passes(model)


def _turn_weights(model: Any) -> int:
    return weights.turn(model, ops)


def _nncf() -> Any:
    """Not at the top: it takes seconds and memory that an engine which only runs need not have."""
    try:
        import nncf
    except ImportError as error:
        raise FrameworkUnavailable(
            f"NNCF cannot be loaded: {error}.", "Install the package “nncf” beside OpenVINO."
        ) from error
    nncf.set_log_level(logging.ERROR)
    return nncf


def _version() -> str:
    return str(ov.__version__).split("-")[0]


def _read(path: Path, kind: ModelKind) -> Any:
    """The graph; that of a language model with its cache as state."""
    try:
        model = ov.Core().read_model(path)
    except RuntimeError as error:
        raise BadInput(
            f"OpenVINO cannot read “{path}”: {_words(error)}", "Export or download it again."
        ) from error
    if kind is ModelKind.LANGUAGE and not decoder.is_stateful(model):
        if not decoder.names(model.inputs, decoder.CACHE_INPUT):
            raise BadInput(
                f"“{path}” cannot be run as a language model; it has no key/value cache.",
                "Convert it anew from the Hugging Face folder.",
            )
        decoder.write_out_attention(model, ops)
        decoder.make_stateful(model, ops, apply_make_stateful_transformation)
    return model


def _tokenizer(request: OptimizeRequest) -> Any:
    """Only where calibration text must become ids."""
    if request.kind is not ModelKind.LANGUAGE or request.calibration is None:
        return None
    wanted = any(request.options.get(name) for name in CORRECTIONS)
    return load_tokenizer((request.source,), request.options) if wanted else None


def _save(made: Made, target: Path, source: Path, job: JobContext) -> None:
    """OpenVINO notices neither a full disk nor an operator it cannot read again, so the file is read back."""
    job.emit(Progress(0.9, "Writing the model"))
    with writing(target.parent, 2 * _model_bytes(source)):
        ov.save_model(made.model, target, compress_to_fp16=made.half)
    try:
        ov.Core().read_model(target)
    except RuntimeError as error:
        raise JobFailed(
            f"OpenVINO wrote a model that it cannot read: {_words(error)}",
            "Choose another precision or framework.",
        ) from error


def _judge(target: Path, source: Path, precision: str) -> tuple[tuple[str, ...], dict[str, Option]]:
    """What is really in the file: a sentence where it is not what was asked for."""
    written = ov.Core().read_model(target)
    count = account.quantized_operators(written).total()
    counted: dict[str, Option] = {"quantized_operators": count}
    counted |= {f"tensors_{name}": number for name, number in account.weight_types(written).items()}
    if not precision.upper().startswith("INT"):
        return (), counted
    nothing = "the model has no layer with constant weights"
    grown = "the description of the graph is larger than what the few weights save"
    sizes = _model_bytes(source), _model_bytes(target)
    return why_not_smaller(count, *sizes, nothing, grown), counted


def _model_bytes(path: Path) -> int:
    """The file with its weights, without the tokenizer that may stand beside."""
    if path.suffix.lower() == ".onnx":
        from backends.frameworks.onnx.graphs import model_bytes

        return model_bytes(path)
    return sum(file.stat().st_size for file in (path, path.with_suffix(".bin")) if file.is_file())


def _compile(model: Any, path: Path, options: LoadOptions, language: bool) -> Any:
    device = options.device.upper()
    known = ov.Core().available_devices
    if device.split(".")[0] not in {name.split(".")[0] for name in known} | {"AUTO"}:
        raise BadInput(
            f"OpenVINO has no device “{options.device}” here.", f"Choose one of: {', '.join(known)}."
        )
    try:
        return ov.Core().compile_model(model, device, settings_of(options, device, language))
    except RuntimeError as error:
        raise BadInput(
            f"OpenVINO cannot run “{path}” on {device}: {_words(error)}", "Try another device or precision."
        ) from error


def _details(compiled: Any, language: bool) -> tuple[str, ...]:
    """As the compiled model tells it, not as it was asked for."""
    told = []
    for key, title in REPORTED.items():
        value = _property(compiled, key)
        if value is not None and (language or not key.startswith(("KV_CACHE", "DYNAMIC"))):
            told.append(f"{title}: {', '.join(value) if isinstance(value, list) else _type_name(value)}")
    return (*told, f"Executed: {account.executed(compiled.get_runtime_model())}")


def _property(compiled: Any, key: str) -> Any:
    """``None`` where the device does not know the property."""
    try:
        return compiled.get_property(key)
    except RuntimeError:
        return None


def _type_name(value: Any) -> str:
    return value.get_type_name() if isinstance(value, ov.Type) else str(value)


def _words(error: Exception) -> str:
    """The last line of a message that begins with source files and line numbers."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__).rstrip(".") + "."


ADAPTER = OpenVinoAdapter()
