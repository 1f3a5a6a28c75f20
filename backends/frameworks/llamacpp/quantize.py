"""Quantizing one GGUF file into another: look at what would happen, refuse nonsense, then do it."""

from __future__ import annotations

import ctypes
import queue
import re
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backends.domain.artifact import Artifact, Option
from backends.domain.errors import BadInput, JobFailed, NoRoom
from backends.domain.events import Log, Progress, Started
from backends.domain.model import ModelFormat, ModelKind, TensorContents
from backends.frameworks.base import JobContext, OptimizeRequest
from backends.frameworks.generation import physical_cores
from backends.frameworks.llamacpp import budget, harm, imatrix, quantlog
from backends.frameworks.llamacpp.devices import Device
from backends.frameworks.llamacpp.log import NativeLog
from backends.frameworks.llamacpp.model import Model, check_gguf
from backends.frameworks.llamacpp.options import (
    OpenOptions,
    QuantizeOptions,
    TypeNumbers,
    read_quantize_options,
    type_numbers,
)
from backends.frameworks.llamacpp.quantlog import Plan

_POLL_S = 0.1  # how often a cancel is looked for while native code runs
_HEADROOM_BYTES = 16 * 1024 * 1024
_IMATRIX_SHARE = 0.5  # of the progress bar, where there is an importance matrix to make
_UNKNOWN = TensorContents({}, 0, 0, 0.0)  # the caller reads back from the file what is really in it


@dataclass(frozen=True)
class Toolbox:
    """The loaded library and what hangs on it."""

    api: Any  # the module llama_cpp
    ggml_base: Any
    log: NativeLog
    cpu: Device


def quantize(tools: Toolbox, request: OptimizeRequest, versions: dict[str, str], job: JobContext) -> Artifact:
    """Write ``request.output``/NAME-PRECISION.gguf.

    Raises BadInput for what cannot or should not be done, JobFailed where it did not work out.
    """
    began = time.monotonic()
    file_type = _checked(tools.api, request)
    options = read_quantize_options(request.options, type_numbers(tools.api))
    job.emit(Started(f"Quantizing to {request.precision}"))
    plan = _plan(tools, request, file_type, options)
    check_patterns(plan, options, request.precision)
    used: dict[str, Option] = dict(request.options)
    importance = None
    if plan.needs_imatrix or (options.imatrix and quantlog.is_quantized(request.precision)):
        importance, used["imatrix_tokens"] = _importance(tools, request, options, plan, job)
        used["imatrix"] = True
    if options.bits_per_weight is not None:
        options = _within(tools, request, options, plan, importance or {}, job)
        plan = _plan(tools, request, file_type, options)
    warnings = tuple(_judge(plan, request))
    target = request.output / file_name(request)
    _check_room(request.output, plan.size_bytes)
    params = _params(tools.api, file_type, options, request.threads or physical_cores())
    if importance is not None:
        entries = imatrix.native(tools.api, importance)
        params.imatrix = entries
    _run(tools, request, target, params, plan, _IMATRIX_SHARE if importance else 0.0, job)
    size_bytes, weights = harm.weight_bytes(target)
    used["reached_bits_per_weight"] = round(8 * size_bytes / weights, 4)
    if options.bits_per_weight is not None:
        job.emit(
            Log(f"{used['reached_bits_per_weight']:.3f} bits per weight, of {options.bits_per_weight:g}")
        )
    warnings += tuple(not_obeyed(harm.types_in(target), options, type_numbers(tools.api)))
    return Artifact(
        name=request.name or request.source.stem,
        framework="llamacpp",
        precision=request.precision,
        format=ModelFormat.GGUF,
        kind=ModelKind.LANGUAGE,
        path=target,
        size_bytes=target.stat().st_size,
        contents=_UNKNOWN,
        source=request.source,
        warnings=warnings,
        options=used,
        versions=versions,
        took_s=time.monotonic() - began,
    )


def file_name(request: OptimizeRequest) -> str:
    """A name that every file system takes."""
    stem = re.sub(r"[^\w.-]+", "-", request.name or request.source.stem).strip("-.") or "model"
    return f"{stem}-{request.precision}.gguf"


def file_type(api: Any, precision: str) -> int:
    """llama.cpp's number for a precision. Raises BadInput for one it does not have."""
    name = precision.upper()
    full = "LLAMA_FTYPE_ALL_F32" if name == "F32" else f"LLAMA_FTYPE_MOSTLY_{name}"
    number = getattr(api, full, None)
    if not isinstance(number, int):
        raise BadInput(f"llama.cpp has no precision “{precision}”.", "Choose one such as Q4_K_M or Q8_0.")
    return number


def _checked(api: Any, request: OptimizeRequest) -> int:
    if request.source_format != ModelFormat.GGUF:
        raise BadInput(
            f"llama.cpp quantizes GGUF files, and “{request.source.name}” is {request.source_format.value}.",
            "Convert the model to GGUF first.",
        )
    if request.kind != ModelKind.LANGUAGE:
        raise BadInput(f"llama.cpp takes language models; this is a {request.kind.value} model.")
    check_gguf(request.source)
    return file_type(api, request.precision)


def _params(api: Any, file_type: int, options: QuantizeOptions, threads: int) -> Any:
    params = api.llama_model_quantize_default_params()
    params.ftype = file_type
    params.nthread = threads
    params.allow_requantize = True  # where that happens, the artifact carries a warning
    params.pure = options.pure
    params.quantize_output_tensor = not options.leave_output_tensor
    if options.output_tensor_type is not None:
        params.output_tensor_type = options.output_tensor_type
    if options.token_embedding_type is not None:
        params.token_embedding_type = options.token_embedding_type
    if options.tensor_types:
        overrides = (api.llama_model_tensor_override * (len(options.tensor_types) + 1))()
        for entry, (pattern, number) in zip(overrides, options.tensor_types, strict=False):
            entry.pattern, entry.type = pattern.encode(), number
        params.tt_overrides = overrides
    return params


def _plan(tools: Toolbox, request: OptimizeRequest, file_type: int, options: QuantizeOptions) -> Plan:
    """A dry run: every tensor's type and size to come, without computing any."""
    params = _params(tools.api, file_type, options, 1)
    params.dry_run = True
    with tools.log.collected() as pieces:
        code = tools.api.llama_model_quantize(str(request.source).encode(), b"", params)
    plan = quantlog.read_plan(pieces)
    if code != 0 or not plan.tensors:
        reason = quantlog.failure(pieces)
        raise BadInput(
            f"llama.cpp cannot read “{request.source}”{f': {reason}' if reason else ''}.",
            "The file may be damaged, or of a model it does not know.",
        )
    return plan


def _judge(plan: Plan, request: OptimizeRequest) -> Iterator[str]:
    """Warnings on what the plan will really do. Raises BadInput where nobody can want it."""
    again = ", ".join(plan.requantized)
    if again and quantlog.is_quantized(request.precision):
        if plan.size_bytes >= plan.before_bytes:
            raise BadInput(
                f"“{request.source.name}” is already quantized ({again}); as {request.precision} it would be "
                "larger and no better.",
                "Choose a smaller precision, or quantize the original model.",
            )
        yield (
            f"The source was already quantized ({again}); quantizing again loses more than quantizing the "
            "original would."
        )
    if not plan.changes:
        yield f"Every tensor already has the type {request.precision} asks for: this is a copy."
    fallback = quantlog.fallback_warning(plan)
    if fallback:
        yield fallback


def check_patterns(plan: Plan, options: QuantizeOptions, precision: str) -> None:
    """Raises BadInput for a pattern that would do nothing."""
    if options.tensor_types and not quantlog.is_quantized(precision):
        raise BadInput(
            f"{precision} leaves no tensor to choose another type for.",
            "Choose a quantized precision for the others, such as Q8_0.",
        )
    matrices = [tensor.name for tensor in plan.matrices]
    for pattern, _ in options.tensor_types:
        if not any(re.search(pattern, name) for name in matrices):
            raise BadInput(
                f"No weight matrix has a name like “{pattern}”.",
                f"There are {', '.join(matrices[:3])} and {max(0, len(matrices) - 3)} more.",
            )


def not_obeyed(found: Mapping[str, str], options: QuantizeOptions, types: TypeNumbers) -> Iterator[str]:
    """A sentence for every tensor in the file whose type is not the one it was to get."""
    names = {number: name for name, number in types.items()}
    for tensor, kind in found.items():
        asked = next((n for pattern, n in options.tensor_types if re.search(pattern, tensor)), None)
        if asked is not None and kind.upper() not in (names[asked].upper(), "F32"):
            yield f"“{tensor}” was to be {names[asked]} and is {kind}."


def _within(
    tools: Toolbox,
    request: OptimizeRequest,
    options: QuantizeOptions,
    plan: Plan,
    importance: imatrix.Importance,
    job: JobContext,
) -> QuantizeOptions:
    """With a type for every matrix that the user has not named one for, together within the limit."""
    assert options.bits_per_weight is not None
    if plan.requantized or not quantlog.is_quantized(request.precision):
        raise BadInput(
            "Only an unquantized model and a quantized precision go with a number of bits per weight.",
            "Choose the original model, and a precision such as Q4_K_M.",
        )
    named = [pattern for pattern, _ in options.tensor_types]
    free = {
        tensor.name: tensor
        for tensor in plan.tensors
        if quantlog.is_quantized(tensor.target) and not any(re.search(p, tensor.name) for p in named)
    }

    def step(fraction: float) -> None:
        job.check_cancelled()
        job.emit(Progress(None, f"Trying types, {fraction:.0%} of the matrices"))

    tried = harm.matrices(tools.ggml_base, request.source, free, importance, step)
    fixed = sum(harm.stored_bytes(t.target, t.elements) for t in plan.tensors if t.name not in free)
    weights = sum(tensor.elements for tensor in plan.tensors)
    smallest = sum(min(one.size_bytes for one in matrix.candidates) for matrix in tried)
    chosen = budget.choose(tried, budget.limit_bytes(options.bits_per_weight, weights, fixed, smallest))
    types = type_numbers(tools.api)
    made = tuple(("^" + name.replace(".", r"\.") + "$", types[one.type]) for name, one in chosen.items())
    return replace(options, tensor_types=(*options.tensor_types, *made))


def _importance(
    tools: Toolbox, request: OptimizeRequest, options: QuantizeOptions, plan: Plan, job: JobContext
) -> tuple[imatrix.Importance, int]:
    if request.calibration is None:
        raise BadInput(
            f"{request.precision} needs a text to calibrate with, and there is none.",
            "Name a text file like those the model will work on, or choose Q2_K or larger.",
        )
    job.emit(Log(f"Importance matrix from {request.calibration.name}"))

    def step(fraction: float) -> None:
        job.check_cancelled()
        job.emit(Progress(fraction * _IMATRIX_SHARE, "Measuring which weights matter"))

    model = Model(tools.api, tools.log, request.source, OpenOptions(), tools.cpu)
    try:
        return imatrix.collect(
            tools.api,
            tools.ggml_base,
            model,
            request.calibration,
            options.imatrix_chunks,
            request.threads or physical_cores(),
            step,
        )
    finally:
        model.close()


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + _HEADROOM_BYTES:
        raise NoRoom(
            f"The disk is too full: this needs {needed / 1e6:,.0f} MB and {free / 1e6:,.0f} MB are free "
            f"in “{folder}”.",
            "Free some space, or choose another folder.",
        )


def _run(
    tools: Toolbox,
    request: OptimizeRequest,
    target: Path,
    params: Any,
    plan: Plan,
    start: float,
    job: JobContext,
) -> None:
    """Native quantization cannot be interrupted, so it has a thread of its own and is left behind on cancel:
    it ends with this process, and what it wrote goes with the job's folder.
    """
    source, destination = str(request.source).encode(), str(target).encode()
    with _in_background(tools, source, destination, params) as heard:
        pieces, code = [], None
        began = time.monotonic()
        while code is None:
            job.check_cancelled()
            try:
                heard_now = heard.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if isinstance(heard_now, int):
                code = heard_now
            else:
                pieces.append(heard_now)
                _report(heard_now, plan, start, began, job)
    if code != 0:
        raise _failure(quantlog.failure(pieces), target, plan)
    job.emit(Progress(1.0, "Written", 0.0))


@contextmanager
def _in_background(
    tools: Toolbox, source: bytes, destination: bytes, params: Any
) -> Iterator[queue.SimpleQueue[str | int]]:
    """What the quantization logs, piece by piece, and at last its return code."""
    heard: queue.SimpleQueue[str | int] = queue.SimpleQueue()

    def work() -> None:
        heard.put(int(tools.api.llama_model_quantize(source, destination, ctypes.byref(params))))

    with tools.log.heard_by(heard.put):
        threading.Thread(target=work, name="quantize", daemon=True).start()
        yield heard


def _report(piece: str, plan: Plan, start: float, began: float, job: JobContext) -> None:
    found = quantlog.begun(piece)
    if found is None:
        return
    index, name = found
    done = plan.done(index)
    spent = time.monotonic() - began
    left = spent * (1 - done) / done if done > 0.02 else None
    tensor = plan.tensors[index]
    job.emit(Progress(start + (1 - start) * done, f"{name} ({index + 1} of {len(plan.tensors)})", left))
    job.emit(Log(f"{name}: {tensor.source.upper()} → {tensor.target.upper()}"))


def _failure(reason: str, target: Path, plan: Plan) -> JobFailed:
    written = target.stat().st_size if target.exists() else 0
    free = shutil.disk_usage(target.parent).free
    if "iostream" in reason or "ios_base" in reason:
        if free < max(_HEADROOM_BYTES, plan.size_bytes - written):
            return NoRoom("The disk became full while writing.", "Free some space and start again.", reason)
        return JobFailed(f"“{target}” could not be written.", "Check the folder and the disk.", reason)
    return JobFailed(f"llama.cpp could not quantize the model: {reason or 'it gave no reason'}.", "", reason)
