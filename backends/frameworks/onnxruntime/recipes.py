"""The ways to a smaller model, one function a way. The library's tools are handed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from onnx import ModelProto, TensorProto

from backends.domain.artifact import Option
from backends.domain.errors import BadInput
from backends.domain.events import Progress
from backends.domain.model import ModelKind, TensorSpec
from backends.frameworks.base import JobContext, OptimizeRequest
from backends.frameworks.files import scratch_in, writing
from backends.frameworks.onnx.calibration import measure_ranges, method_of
from backends.frameworks.onnx.graphs import (
    model_bytes,
    raise_opset,
    read_model,
    why_not_smaller,
    write_model,
)
from backends.frameworks.onnx.rotary import take_rotary_out
from backends.frameworks.onnxruntime.weights import Recipe, WeightQuantizer, quantized_operators
from backends.frameworks.samples import Feed, read_samples

HQQ_BITS = 4  # fractions as zero points


@dataclass(frozen=True)
class Tools:
    """What the library offers for making models."""

    quantization: Any  # the module onnxruntime.quantization
    calibrate: Any  # and its calibrate
    to_half: Callable[..., ModelProto]
    errors: tuple[type[Exception], ...]
    inputs: Callable[[Path], tuple[TensorSpec, ...]]


@dataclass
class Made:
    """What an optimization leaves behind beside the file."""

    warnings: tuple[str, ...] = ()
    options: dict[str, Option] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """One request on its way: what came in, where it goes."""

    request: OptimizeRequest
    source: Path
    model: ModelProto
    target: Path
    job: JobContext
    tools: Tools

    @property
    def language(self) -> bool:
        return self.request.kind is ModelKind.LANGUAGE


Maker = Callable[[Work], Made]


def maker(precision: str, kind: ModelKind) -> Maker | None:
    return _MAKERS.get((precision.upper(), kind is ModelKind.LANGUAGE))


def _weights_only(bits: int, method: str, work: Work) -> Made:
    recipe = _recipe(bits, method, work.request.options)
    if recipe.method == "hqq" and bits != HQQ_BITS:
        raise BadInput(
            f"HQQ goes with {HQQ_BITS} bits only: ONNX Runtime has no kernel for its zero points at {bits}.",
            "Choose the method rtn or k_quant.",
        )
    take_rotary_out(work.model)

    def tick(done: int, total: int) -> None:
        work.job.check_cancelled()
        if total:
            work.job.emit(Progress(0.9 * done / total, "Quantizing weights"))

    outcome = WeightQuantizer(work.model, recipe, tick).run()
    write_model(work.model, work.target, beside=True)
    warnings = outcome.warnings()
    if recipe.method == "hqq":
        warnings += (
            "HQQ's zero points are fractions, for which ONNX Runtime's kernel is many times slower.",
        )
    recorded: dict[str, Option] = {
        "method": recipe.method,
        "block_size": recipe.block,
        "symmetric": recipe.symmetric and recipe.method == "rtn",
        "accuracy_level": recipe.accuracy_level,
        "quantized_operators": outcome.matmuls + outcome.embeddings,
    }
    return Made(warnings, recorded)


def _recipe(bits: int, method: str, options: Mapping[str, Option]) -> Recipe:
    return Recipe(
        bits,
        block=int(options["block_size"]),
        method=str(options.get("method", method)),
        symmetric=bool(options["symmetric"]),
        accuracy_level=int(options["accuracy_level"]),
        embeddings=bool(options["embeddings"]),
    )


def _dynamic(work: Work) -> Made:
    quantization = work.tools.quantization
    work.job.emit(Progress(0.1, "Quantizing weights"))
    take_rotary_out(work.model)
    model, note = raise_opset(work.model)
    per_channel = bool(work.request.options.get("per_channel", not note))
    with scratch_in(work.request.output) as scratch, writing(work.request.output):
        prepared = _prepare(model, scratch, work.tools)
        work.job.check_cancelled()
        quantization.quantize_dynamic(
            prepared,
            work.target,
            per_channel=per_channel,
            weight_type=quantization.QuantType.QInt8,
            use_external_data_format=work.language,
            extra_options={"DefaultTensorType": TensorProto.FLOAT, "MatMulConstBOnly": True},
        )
    return _judge(work, note, {"method": "dynamic", "per_channel": per_channel})


def _static(work: Work) -> Made:
    method = str(work.request.options["calibration_method"])
    inputs = work.tools.inputs(work.source)
    samples = read_samples(work.request.calibration, inputs, int(work.request.options["samples"]))
    model, note = raise_opset(work.model)
    per_channel = bool(work.request.options.get("per_channel", not note))
    with scratch_in(work.request.output) as scratch, writing(work.request.output):
        prepared = _prepare(model, scratch, work.tools)
        feed = Feed(samples, inputs, work.job, 0.7)
        tools = work.tools
        ranges = measure_ranges(prepared, method, feed, scratch, tools.quantization, tools.calibrate)
        work.job.emit(Progress(0.8, "Quantizing weights and activations"))
        work.job.check_cancelled()
        _write_static(prepared, work.target, ranges, method, per_channel, work.tools.quantization)
    recorded: dict[str, Option] = {
        "method": f"static {method}",
        "per_channel": per_channel,
        "calibration_samples": len(samples),
    }
    return _judge(work, note, recorded)


def _write_static(
    prepared: Path, target: Path, ranges: Path, method: str, per_channel: bool, quantization: Any
) -> None:
    """The first try widens weight scales where an INT32 bias would overflow; odd bias shapes break it."""
    attempts: list[dict[str, Option]] = [{}, {"QDQDisableWeightAdjustForInt32Bias": True}]
    for extra in attempts:
        try:
            quantization.quantize_static(
                prepared,
                target,
                None,
                calibration_cache_path=ranges,
                quant_format=quantization.QuantFormat.QDQ,
                per_channel=per_channel,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
                calibrate_method=method_of(method, quantization),
                extra_options=extra,
            )
        except (ValueError, IndexError):
            if extra:
                raise
        else:
            return


def _half(work: Work) -> Made:
    work.job.emit(Progress(0.1, "Converting to FP16"))
    take_rotary_out(work.model)
    # A language model's cache is FP16 as well; logits stay FP32, as whoever scores them expects.
    keep: bool | list[str] = ["logits"] if work.language else True
    half = work.tools.to_half(work.model, keep_io_types=keep, disable_shape_infer=work.language)
    work.job.check_cancelled()
    write_model(half, work.target, beside=work.language)
    slow = "CPUs compute most FP16 operators in FP32 and convert in between, so it is rarely faster there."
    grown = why_not_smaller(work.model, 1, model_bytes(work.source), model_bytes(work.target))
    return Made((slow, *grown), {"method": "cast"})


def _unchanged(work: Work) -> Made:
    rewritten = take_rotary_out(work.model)
    write_model(work.model, work.target, beside=work.language)
    return Made((), {"method": "copy", "attention_rewritten": rewritten})


_MAKERS: dict[tuple[str, bool], Maker] = {
    ("INT4", True): partial(_weights_only, 4, "rtn"),
    ("INT4_K", True): partial(_weights_only, 4, "k_quant"),
    ("INT8", True): partial(_weights_only, 8, "rtn"),
    ("INT8_STATIC", False): _static,
    **{("INT8_DYNAMIC", language): _dynamic for language in (True, False)},
    **{("FP16", language): _half for language in (True, False)},
    **{("FP32", language): _unchanged for language in (True, False)},
}


def _prepare(model: ModelProto, scratch: Path, tools: Tools) -> Path:
    """Shapes inferred, constants and batch normalization folded. Where that fails, the model as it is."""
    raw, prepared = scratch / "raw.onnx", scratch / "prepared.onnx"
    del model.graph.value_info[:]  # an exporter's shapes, which may contradict those that are inferred
    write_model(model, raw, beside=False)
    try:
        tools.quantization.quant_pre_process(raw, prepared, skip_symbolic_shape=True)
    except tools.errors:
        return raw
    return prepared


def _judge(work: Work, opset_note: str, options: dict[str, Option]) -> Made:
    """What is really in the file that the library wrote."""
    count = quantized_operators(read_model(work.target)[1]).total()
    warnings = why_not_smaller(work.model, count, model_bytes(work.source), model_bytes(work.target))
    if opset_note:
        warnings += (f"{opset_note} Weights are quantized per tensor, which costs accuracy.",)
    return Made(warnings, {**options, "quantized_operators": count})
