"""The ways to a smaller model, one function a way. OpenVINO and NNCF are handed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from backends.domain.artifact import Option
from backends.domain.errors import BadInput
from backends.domain.events import Log, Progress
from backends.domain.model import ModelKind
from backends.frameworks.base import JobContext, OptimizeRequest
from backends.frameworks.openvino.tensors import specs
from backends.frameworks.samples import Feed, Samples, batch_size, read_samples

WINDOW_TOKENS = 128
TEXT_WINDOWS = 32
CORRECTIONS = ("awq", "scale_estimation", "gptq")  # of 4-bit weights, by calibration text
LEAST_VALIDATED = 10  # samples that a drop in accuracy is held on; one of fewer would be more than a tenth


@dataclass(frozen=True)
class Work:
    """One request on its way. ``tokenize`` is there for language models only."""

    request: OptimizeRequest
    model: Any
    job: JobContext
    nncf: Any
    fold_constants: Callable[[Any], None]
    turn_weights: Callable[[Any], int]
    tokenize: Callable[[str], list[int]] | None = None


@dataclass(frozen=True)
class Made:
    model: Any
    options: dict[str, Option]
    half: bool = False  # floating-point weights are stored at 16 bits


Maker = Callable[[Work], Made]


def maker(precision: str, kind: ModelKind) -> Maker | None:
    return _MAKERS.get((precision.upper(), kind is ModelKind.LANGUAGE))


def _floating(half: bool, work: Work) -> Made:
    return Made(work.model, {"method": "convert"}, half)


def _weights_int8(work: Work) -> Made:
    mode = "INT8_SYM" if work.request.options["symmetric"] else "INT8_ASYM"
    work.job.emit(Progress(0.2, "Compressing weights"))
    model = work.nncf.compress_weights(work.model, mode=work.nncf.CompressWeightsMode[mode])
    return Made(model, {"method": "compress_weights", "mode": mode})


def _weights_int4(mode: str, work: Work) -> Made:
    nncf, given = work.nncf, work.request.options
    group, ratio = int(given["group_size"]), float(given["ratio"])
    corrections = {name: True for name in CORRECTIONS if given[name]}
    if corrections:
        work.turn_weights(work.model)
    dataset = nncf.Dataset(list(_windows(work))) if corrections else None
    work.job.emit(Progress(0.2, "Compressing weights"))
    work.job.check_cancelled()
    # Rows that the group size does not divide get a smaller one instead of an error.
    adjust = nncf.AdvancedCompressionParameters(group_size_fallback_mode=nncf.GroupSizeFallbackMode.ADJUST)
    model = nncf.compress_weights(
        work.model,
        mode=nncf.CompressWeightsMode[mode],
        group_size=group,
        ratio=ratio,
        dataset=dataset,
        advanced_parameters=adjust,
        **corrections,
    )
    recorded: dict[str, Option] = {"method": "compress_weights", "mode": mode, "group_size": group}
    return Made(model, {**recorded, "ratio": ratio, **corrections})


def _post_training(work: Work) -> Made:
    """Ranges from samples; with labels and the option ``max_drop``, layers go back until accuracy holds.

    That is held on half of the samples of each label, and the others alone give the ranges.
    """
    nncf, given = work.nncf, work.request.options
    work.fold_constants(work.model)
    inputs = specs(work.model.inputs)
    samples = read_samples(work.request.calibration, inputs, int(given["samples"]))
    validated: Samples | None = None
    if "max_drop" in given:
        samples, validated = _halves(samples, batch_size(inputs))
    feed = list(_feed(samples, work))
    common = {
        "subset_size": len(feed),
        "fast_bias_correction": given["fast_bias_correction"],
        "preset": nncf.QuantizationPreset[str(given["preset"]).upper()],
        "model_type": nncf.ModelType.TRANSFORMER if given["transformer"] else None,
    }
    # NNCF reads the samples anew for every statistic it collects.
    dataset = nncf.Dataset(feed, lambda batch: _heard(batch, work.job))
    recorded: dict[str, Option] = {"method": "quantize", "calibration_samples": len(samples)}
    if validated is None:
        return Made(nncf.quantize(work.model, dataset, **common), recorded)
    held_on = [dict(enumerate(batch.values())) for batch in validated.batches(batch_size(inputs))]
    held = len(held_on) * batch_size(inputs)
    work.job.emit(Log(f"{len(samples)} samples calibrate; accuracy is held on {held} others."))
    model = nncf.quantize_with_accuracy_control(
        work.model,
        dataset,
        validation_dataset=nncf.Dataset(held_on, lambda batch: _heard(batch, work.job)),
        validation_fn=partial(_accuracy, validated.labels),
        max_drop=float(given["max_drop"]),
        **common,
    )
    controlled: dict[str, Option] = {
        "method": "quantize_with_accuracy_control",
        "max_drop": given["max_drop"],
        "validation_samples": held,  # none of them calibrated
    }
    return Made(model, {**recorded, **controlled})


def _halves(samples: Samples, batch: int) -> tuple[Samples, Samples]:
    """What calibrates and what accuracy is held on, for a model that takes ``batch`` at once.

    Raises BadInput for too few labels.
    """
    if samples.labels is None:
        raise BadInput(f"Accuracy control needs labels; “{samples.path}” has none.", "Add an array “labels”.")
    least = 2 * batch * -(-LEAST_VALIDATED // batch)
    if len(samples) < least:
        raise BadInput(
            f"Accuracy control needs {least} labelled samples, half to calibrate and half to hold accuracy "
            f"on; of “{samples.path}” there are {len(samples)}.",
            "Add samples, or raise the option “samples”.",
        )
    return samples.halves()


def _feed(samples: Samples, work: Work) -> Iterator[dict[int, Any]]:
    """By place rather than by name, as some formats leave inputs without names."""
    for batch in Feed(samples, specs(work.model.inputs), work.job, 0.2):
        yield dict(enumerate(batch.values()))


def _heard(batch: dict[int, Any], job: JobContext) -> dict[int, Any]:
    job.check_cancelled()
    return batch


def _accuracy(labels: Any, compiled: Any, batches: Any) -> tuple[float, None]:
    """Share of samples whose largest value in the first output stands at their label."""
    predicted = np.concatenate([compiled(batch)[0].argmax(-1).reshape(-1) for batch in batches])
    return float((predicted == labels[: len(predicted)]).mean()), None


def _windows(work: Work) -> Iterator[dict[str, Any]]:
    """The calibration text as inputs of a stateful model, a window at a time."""
    path = work.request.calibration
    if path is None or work.tokenize is None:
        raise BadInput("AWQ, scale estimation and GPTQ need calibration data.", "Name a text file.")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"The calibration text “{path}” cannot be read.", "Save it as UTF-8.") from error
    ids = work.tokenize(text[: TEXT_WINDOWS * WINDOW_TOKENS * 8])
    starts = range(0, max(1, len(ids) - WINDOW_TOKENS), WINDOW_TOKENS)
    takes = {port.get_any_name() for port in work.model.inputs}
    for start in islice(starts, TEXT_WINDOWS):
        work.job.check_cancelled()
        window = np.array([ids[start : start + WINDOW_TOKENS]], dtype=np.int64)
        feed = {
            "input_ids": window,
            "attention_mask": np.ones_like(window),
            "position_ids": np.arange(window.shape[1], dtype=np.int64)[None],
            "beam_idx": np.zeros(1, dtype=np.int32),
        }
        yield {name: array for name, array in feed.items() if name in takes}


_MAKERS: dict[tuple[str, bool], Maker] = {
    ("INT4_SYM", True): partial(_weights_int4, "INT4_SYM"),
    ("INT4_ASYM", True): partial(_weights_int4, "INT4_ASYM"),
    ("INT8_PTQ", False): _post_training,
    **{("INT8", language): _weights_int8 for language in (True, False)},
    **{("FP16", language): partial(_floating, True) for language in (True, False)},
    **{("FP32", language): partial(_floating, False) for language in (True, False)},
}
