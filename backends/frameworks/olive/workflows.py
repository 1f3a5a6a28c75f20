"""Olive workflows as data: what is run for a model and a precision, and what may be in one that was edited.

Paths are placeholders until a workflow is run, so the file kept with an artifact can be edited and run again
on any machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.domain.artifact import Option
from backends.domain.errors import BadInput
from backends.domain.model import ModelFormat, ModelKind
from backends.frameworks.base import OptimizeRequest

Workflow = dict[str, Any]

SOURCE, OUTPUT, CACHE = "{source}", "{output}", "{cache}"
SAMPLES, EVALUATION, READER = "{samples}", "{evaluation}", "{reader}"
HF, ONNX = "HfModel", "ONNXModel"
CALIBRATION = "calibration"
STATIC, DYNAMIC = "OnnxStaticQuantization", "OnnxDynamicQuantization"
WIDENING = "QDQDisableWeightAdjustForInt32Bias"  # ONNX Runtime's, since 1.21
READER_FILE = Path(__file__).with_name("olive_side.py")
METHODS = {"minmax": "MinMax", "entropy": "Entropy", "percentile": "Percentile"}


@dataclass(frozen=True)
class Places:
    """What the placeholders stand for in one run."""

    source: Path
    output: Path
    cache: Path
    samples: Path | None = None
    evaluation: Path | None = None

    def words(self) -> dict[str, str]:
        named = {SOURCE: self.source, OUTPUT: self.output, CACHE: self.cache, READER: READER_FILE}
        found = {word: str(path) for word, path in named.items()}
        given = {SAMPLES: self.samples, EVALUATION: self.evaluation}
        return found | {word: str(path) for word, path in given.items() if path}


def workflow(request: OptimizeRequest) -> Workflow:
    """The workflow for a request; pure. Raises BadInput where Olive has none."""
    from_folder = request.source_format is ModelFormat.HUGGING_FACE
    passes = _passes(request.kind, request.precision.upper(), from_folder, request.options)
    if passes is None:
        raise BadInput(
            f"Olive has no road from {request.source_format.value} to {request.precision} for "
            f"{request.kind.value} models.",
            "Start from the Hugging Face folder, or choose another precision.",
        )
    return base(passes, HF if from_folder else ONNX)


def base(passes: dict[str, Any], model_type: str) -> Workflow:
    """These passes over a model, with calibration data where one of them asks for it."""
    made: Workflow = {
        "input_model": {"type": model_type, "model_path": SOURCE},
        "passes": passes,
        "evaluate_input_model": False,
        "log_severity_level": 1,
        **places(),
    }
    if any(value == CALIBRATION for _, value in entries(passes)):
        made["data_configs"] = [npz_data(CALIBRATION, SAMPLES)]
    return made


def places() -> Workflow:
    """Where a workflow runs and writes: always the same."""
    return {
        "systems": {"local": _local()},
        "host": "local",
        "target": "local",
        "output_dir": OUTPUT,
        "cache_dir": CACHE,
    }


def filled(template: Any, places: Places) -> Any:
    """The same with paths in place of the placeholders."""
    words = places.words()
    if isinstance(template, dict):
        return {key: filled(value, places) for key, value in template.items()}
    if isinstance(template, list):
        return [filled(value, places) for value in template]
    return words.get(template, template) if isinstance(template, str) else template


def needs_samples(made: Workflow) -> bool:
    return any(value == SAMPLES for _, value in entries(made))


def needs_evaluation(made: Workflow) -> bool:
    return any(value == EVALUATION for _, value in entries(made))


def pass_types(made: Workflow) -> tuple[str, ...]:
    """The passes in their order, alternatives too. Raises BadInput for one without a type."""
    types = [
        one.get("type") if isinstance(one, dict) else None
        for group in made["passes"].values()
        for one in (group if isinstance(group, list) else [group])
    ]
    if not all(isinstance(name, str) for name in types):
        raise BadInput(
            "A pass of the workflow has no type.", "Each needs one, such as OnnxDynamicQuantization."
        )
    return tuple(str(name) for name in types)


def quantizes_tensors(made: Workflow) -> bool:
    """Whether one of its passes is ONNX Runtime's own quantization, static or dynamic."""
    return any(name in (STATIC, DYNAMIC) for name in pass_types(made))


def without_axes(made: Workflow) -> Workflow:
    """With one scale a tensor, as operators of old opsets know no axis."""
    return _changed(made, (STATIC, DYNAMIC), {"per_channel": False})


def without_widening(made: Workflow) -> Workflow:
    """With weights left as they are where an INT32 bias would overflow."""
    return _changed(made, (STATIC,), {"extra_options": {WIDENING: True}})


def _changed(made: Workflow, types: tuple[str, ...], settings: Workflow) -> Workflow:
    def of(one: Any) -> Any:
        if isinstance(one, list):
            return [of(inner) for inner in one]
        return {**one, **settings} if one.get("type") in types else one

    return {**made, "passes": {name: of(group) for name, group in made["passes"].items()}}


def _passes(
    kind: ModelKind, precision: str, from_folder: bool, options: Mapping[str, Option]
) -> dict[str, Any] | None:
    block = int(options.get("block_size", 32))
    blocks = {"type": "OnnxKQuantQuantization", "block_size": block}
    # A language model's cache, which goes in and out, is FP16 as well.
    half = {"half": {"type": "OnnxFloatToFloat16", "keep_io_types": kind is not ModelKind.LANGUAGE}}
    if from_folder:
        build: dict[str, Any] = {"type": "ModelBuilder", "precision": "fp32"}
        roads: dict[str, dict[str, Any]] = {
            "FP32": {"build": build},
            "FP16": {"build": build, **half},  # the builder itself makes FP16 for GPUs only
            "INT4": {"build": {**build, "precision": "int4", "int4_block_size": block}},
            "INT8": {"build": build, "quantize": {**blocks, "bits": 8}},
        }
        return roads.get(precision)
    if kind is ModelKind.LANGUAGE:
        return {
            "FP16": half,
            "INT4": {"quantize": {**blocks, "bits": 4}},
            "INT8": {"quantize": {**blocks, "bits": 8}},
        }.get(precision)
    return {
        "INT8_DYNAMIC": {"quantize": {"type": DYNAMIC, "precision": "int8"}},
        "INT8_STATIC": {"quantize": _static(options)},
        "FP16": half,
    }.get(precision)


def _static(options: Mapping[str, Option]) -> dict[str, Any]:
    method = str(options.get("calibration_method", "minmax")).lower()
    if method not in METHODS:
        raise BadInput(f"There is no calibration “{method}”.", f"Choose one of: {', '.join(METHODS)}.")
    return {
        "type": STATIC,
        "data_config": CALIBRATION,
        "precision": "int8",
        "activation_type": "uint8",
        "quant_format": "QDQ",
        "per_channel": bool(options.get("per_channel", True)),
        "calibrate_method": METHODS[method],
    }


def npz_data(name: str, path: str, judged_by: str = "") -> dict[str, Any]:
    """Samples of an .npz file by input name, one at a time; labelled where a model is judged by them."""
    return {
        "name": name,
        "type": "DataContainer",
        "user_script": READER,
        "load_dataset_config": {
            "type": "edgewright_labelled_npz" if judged_by else "edgewright_npz",
            "path": path,
        },
        "pre_process_data_config": {"type": "skip_pre_process"},
        **({"post_process_data_config": {"type": judged_by}} if judged_by else {}),
        "dataloader_config": {"batch_size": 1, "shuffle": False},
    }


def _local() -> dict[str, Any]:
    accelerator = {"device": "cpu", "execution_providers": ["CPUExecutionProvider"]}
    return {"type": "LocalSystem", "accelerators": [accelerator]}


def entries(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, to any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from entries(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from entries(inner)
