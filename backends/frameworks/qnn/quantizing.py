"""Quantization for Hexagon: QDQ with 8-bit weights; activations at 8, at 16, or at 16 where 8 harm most."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onnx import load
from onnxruntime import quantization
from onnxruntime.quantization import QuantType, calibrate
from onnxruntime.quantization.execution_providers.qnn import get_qnn_qdq_config, qnn_preprocess_model
from onnxruntime.quantization.qdq_loss_debug import (
    collect_activations,
    compute_activation_error,
    create_activation_matching,
    modify_model_output_intermediate_tensors,
)

from backends.domain.artifact import Option
from backends.domain.errors import BadInput
from backends.frameworks.base import JobContext
from backends.frameworks.onnx.calibration import measure_ranges, method_of
from backends.frameworks.samples import Feed, Samples

PRECISIONS = {  # of activations and of weights
    "INT8": (QuantType.QUInt8, QuantType.QUInt8),
    "A16W8": (QuantType.QUInt16, QuantType.QUInt8),
    "MIXED": (QuantType.QUInt8, QuantType.QUInt8),
}
JUDGED_BY = 16  # samples; the error of an activation shows in few

logging.getLogger().setLevel(logging.ERROR)  # the quantizers speak to the root logger, line by line


@dataclass(frozen=True)
class Recipe:
    precision: str
    calibration: str
    per_channel: bool
    share: float  # of the activations: those that MIXED keeps at 16 bits

    @classmethod
    def read(cls, precision: str, options: Mapping[str, Option]) -> Recipe:
        """Raises BadInput for a precision that QNN does not have."""
        if precision not in PRECISIONS:
            raise BadInput(f"QNN has no precision “{precision}”.", f"Choose one of: {', '.join(PRECISIONS)}.")
        share = float(options.get("share", 0.0))
        return cls(precision, str(options["calibration_method"]), bool(options["per_channel"]), share)


@dataclass(frozen=True)
class Quantizer:
    """``model`` has fixed shapes and folded constants; ``scratch`` is for what is made on the way."""

    model: Path
    samples: Samples
    inputs: tuple[Any, ...]
    scratch: Path
    job: JobContext

    def run(self, recipe: Recipe, target: Path) -> dict[str, Option]:
        """Writes ``target``; returns what is worth recording."""
        prepared = self._prepared()
        recorded: dict[str, Option] = {
            "method": f"QDQ, {recipe.calibration}",
            "per_channel": recipe.per_channel,
            "calibration_samples": len(self.samples),
        }
        feed = Feed(self.samples, self.inputs, self.job, 0.6)
        ranges = measure_ranges(prepared, recipe.calibration, feed, self.scratch, quantization, calibrate)
        if recipe.precision != "MIXED":
            self._quantize(prepared, recipe, target, ranges)
            return recorded
        first = self.scratch / "int8.onnx"
        self._quantize(prepared, recipe, first, ranges)
        chosen = self._most_harmed(prepared, first, recipe.share)
        overrides = {name: [{"quant_type": QuantType.QUInt16}] for name in chosen}
        self._quantize(prepared, recipe, target, ranges, overrides)
        return {**recorded, "activations_at_16_bits": len(chosen), "share": recipe.share}

    def _prepared(self) -> Path:
        """Sequences of operators that Hexagon has as one, fused."""
        prepared = self.scratch / "prepared.onnx"
        return prepared if qnn_preprocess_model(self.model, prepared) else self.model

    def _quantize(
        self, model: Path, recipe: Recipe, target: Path, ranges: Path, overrides: dict[str, Any] | None = None
    ) -> None:
        """By the library's own settings for QNN, but with ranges that are measured already."""
        self.job.check_cancelled()
        activations, weights = PRECISIONS[recipe.precision]
        method = method_of(recipe.calibration, quantization)
        settings = get_qnn_qdq_config(
            model,
            None,
            calibrate_method=method,
            activation_type=activations,
            weight_type=weights,
            per_channel=recipe.per_channel,
            init_overrides=overrides,
        )
        quantization.quantize_static(
            model,
            target,
            None,
            quant_format=settings.quant_format,
            op_types_to_quantize=settings.op_types_to_quantize,
            per_channel=recipe.per_channel,
            activation_type=activations,
            weight_type=weights,
            nodes_to_exclude=settings.nodes_to_exclude,
            use_external_data_format=settings.use_external_data_format,
            calibrate_method=method,
            calibration_cache_path=ranges,
            extra_options=settings.extra_options,
        )

    def _most_harmed(self, model: Path, quantized: Path, share: float) -> list[str]:
        """The activations with the lowest signal-to-noise ratio against the unquantized model."""
        before, after = self._activations(model), self._activations(quantized)
        errors = compute_activation_error(create_activation_matching(after, before))
        made = {name for node in load(model).graph.node for name in node.output}
        ratios = {
            name: error["xmodel_err"]
            for name, error in errors.items()
            if name in made and "xmodel_err" in error and math.isfinite(error["xmodel_err"])
        }
        return sorted(ratios, key=ratios.__getitem__)[: math.ceil(len(ratios) * share)]

    def _activations(self, model: Path) -> Any:
        watched = self.scratch / f"watched-{model.name}"
        modify_model_output_intermediate_tensors(model, watched)
        few = [
            batch
            for batch, _ in zip(
                Feed(self.samples, self.inputs, self.job, 0.4), range(JUDGED_BY), strict=False
            )
        ]
        return collect_activations(str(watched), few)
