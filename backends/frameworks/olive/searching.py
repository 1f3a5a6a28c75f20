"""Searches as Olive workflows: candidates, an evaluator that judges each, and Olive's own strategy. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from backends.domain.artifact import Option
from backends.domain.errors import BadInput
from backends.domain.model import ModelKind, TensorSpec
from backends.frameworks.base import OptimizeRequest
from backends.frameworks.olive import workflows
from backends.frameworks.olive.workflows import CALIBRATION, EVALUATION, Workflow

JUDGE = "judge"
DATA = "evaluation"  # the data configuration's name
LABELS = "labels"  # as olive_side has it
TIMED, WARM_UP = 20, 5
MAX_DROP = 0.01  # of accuracy, or of 1 / perplexity
WINDOW, WINDOWS = 128, 8  # token ids each, and how many are judged by
TEXT_LIMIT = 40_000  # characters: more than the windows take


def search_workflow(request: OptimizeRequest) -> Workflow:
    """Every candidate for the model, judged on the evaluation data. Raises BadInput where Olive has none."""
    quantize = _language() if request.kind is ModelKind.LANGUAGE else _tensor(request)
    made = workflows.base({"quantize": quantize}, workflows.ONNX)
    return with_judge(made, request.kind, request.options) | {
        # Every point of the space in turn; "random" with "max_iter" would sample it. The "tpe" of
        # olive-ai 0.13.0 mixes up the settings of alternatives.
        "search_strategy": {"execution_order": "joint", "sampler": "sequential"},
    }


def with_judge(made: Workflow, kind: ModelKind, options: Mapping[str, Option]) -> Workflow:
    """The same, with the evaluator over the evaluation data, and the model itself judged first."""
    language = kind is ModelKind.LANGUAGE
    metrics = _language_metrics() if language else _tensor_metrics(options)
    judged_by = "edgewright_logits" if language else "edgewright_top1"
    data = workflows.npz_data(DATA, EVALUATION, judged_by)
    return {
        **made,
        "data_configs": [*made.get("data_configs", []), data],
        # Named, as Olive mistakes an evaluator without a type for a path.
        "evaluators": {JUDGE: {"type": "OnnxEvaluator", "metrics": metrics}},
        "evaluator": JUDGE,
        "evaluate_input_model": True,
    }


def _tensor(request: OptimizeRequest) -> list[dict[str, Any]]:
    """Lists of values are searched; what has one value is not."""
    fixed = {"precision": "int8", "reduce_range": False, "quant_preprocess": True}
    quantize: list[dict[str, Any]] = [
        {"type": "OnnxDynamicQuantization", **fixed, "per_channel": [True, False]},
        {"type": "OnnxFloatToFloat16", "keep_io_types": True},
    ]
    if request.calibration is not None:
        static = {"type": "OnnxStaticQuantization", **fixed, "data_config": CALIBRATION}
        ranges = {"activation_type": "uint8", "quant_format": "QDQ", "per_channel": True}
        quantize.append({**static, **ranges, "calibrate_method": ["MinMax", "Entropy", "Percentile"]})
    return quantize


def _language() -> list[dict[str, Any]]:
    """Without Olive's HQQ and RTN: they lose the cache of a language model (olive-ai 0.13.0)."""
    blocks = ((8, 32), (4, 32), (4, 128))
    quantized = [
        {"type": "OnnxKQuantQuantization", "bits": bits, "block_size": size} for bits, size in blocks
    ]
    return [*quantized, {"type": "OnnxFloatToFloat16", "keep_io_types": False}]


def _tensor_metrics(options: Mapping[str, Option]) -> list[dict[str, Any]]:
    classes = int(options.get("classes", 0))
    if classes < 2:
        raise BadInput(
            "A search needs labelled data to judge by.", "Name a folder of labelled images, an .npz or IDX."
        )
    score = {"name": "accuracy_score", "priority": 1}
    return [
        {
            "name": "accuracy",
            "type": "accuracy",
            "data_config": DATA,
            "sub_types": [{**score, "metric_config": {"task": "multiclass", "num_classes": classes}}],
        },
        _LATENCY,
        _SIZE,
    ]


def _language_metrics() -> list[dict[str, Any]]:
    return [
        {
            "name": "language",
            "type": "accuracy",
            "data_config": DATA,
            "sub_types": [{"name": "perplexity", "priority": 1, "higher_is_better": False}],
        },
        _LATENCY,
        _SIZE,
    ]


_LATENCY: dict[str, Any] = {
    "name": "latency",
    "type": "latency",
    "data_config": DATA,
    "sub_types": [
        {
            "name": "p50",
            "priority": 2,
            "metric_config": {"warmup_num": WARM_UP, "repeat_test_num": TIMED},
        }
    ],
}
_SIZE: dict[str, Any] = {"name": "size", "type": "size_on_disk", "sub_types": [{"name": "bytes"}]}


def windows(ids: Sequence[int], inputs: Sequence[TensorSpec], path: Path) -> Path:
    """Token ids in windows of one length, spread over the text, for these inputs, as .npz.

    The cache is empty. Raises BadInput for too few ids.
    """
    import numpy as np

    count = len(ids) // WINDOW
    if not count:
        raise BadInput(
            f"The text to judge by has {len(ids)} tokens; {WINDOW} are the least.", "Name a longer one."
        )
    taken = np.unique(np.linspace(0, count - 1, min(count, WINDOWS)).astype(int))
    rows = np.asarray(ids[: count * WINDOW], np.int64).reshape(count, WINDOW)[taken]
    places = np.tile(np.arange(WINDOW, dtype=np.int64), (len(rows), 1))
    known = {"input_ids": rows, "attention_mask": np.ones_like(rows), "position_ids": places}
    empty = {
        spec.name: np.zeros((len(rows), int(spec.shape[1]), 0, int(spec.shape[3])), spec.dtype)
        for spec in inputs
        if spec.name not in known
    }
    given = {spec.name: known[spec.name] for spec in inputs if spec.name in known}
    np.savez(path, allow_pickle=False, **given, **empty, **{LABELS: rows})
    return path


def is_search(made: Workflow) -> bool:
    return bool(made.get("search_strategy"))


def steps(made: Workflow) -> int:
    """How many passes will run, at most: each point of a search's space runs one of every group."""
    groups = [group if isinstance(group, list) else [group] for group in made["passes"].values()]
    if not is_search(made):
        return len(groups)
    points = math.prod(sum(_points(one) for one in group) for group in groups)
    limit = made["search_strategy"].get("max_iter") if isinstance(made["search_strategy"], dict) else None
    return max(1, min(points, limit + 1 if limit else points)) * len(groups)  # Olive takes one more


def _points(one: Mapping[str, Any]) -> int:
    return math.prod(len(value) for value in one.values() if isinstance(value, list) and value)
