"""Quantization for Hexagon: QDQ with 8-bit weights; activations at 8, at 16, or at 16 where 8 harm most."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onnx import load
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType, quantize
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
from backends.frameworks.samples import Feed, Samples

CALIBRATIONS = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}
PRECISIONS = {  # of activations and of weights
    "INT8": (QuantType.QUInt8, QuantType.QUInt8),
    "A16W8": (QuantType.QUInt16, QuantType.QUInt8),
    "A16W16": (QuantType.QUInt16, QuantType.QInt16),
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
        return cls(precision, str(options["calibration"]), bool(options["per_channel"]), share)


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """The library's own protocol: ``None`` when there is no more."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.rewind()

    def get_next(self) -> dict[str, Any] | None:
        return next(self._batches, None)

    def rewind(self) -> None:
        self._batches = iter(self._feed)


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
        if recipe.precision != "MIXED":
            self._quantize(prepared, recipe, target, {}, 0.7)
            return recorded
        first = self.scratch / "int8.onnx"
        self._quantize(prepared, recipe, first, {}, 0.35)
        chosen = self._most_harmed(prepared, first, recipe.share)
        overrides = {name: [{"quant_type": QuantType.QUInt16}] for name in chosen}
        self._quantize(prepared, recipe, target, overrides, 0.7)
        return {**recorded, "activations_at_16_bits": len(chosen), "share": recipe.share}

    def _prepared(self) -> Path:
        """Sequences of operators that Hexagon has as one, fused."""
        prepared = self.scratch / "prepared.onnx"
        return prepared if qnn_preprocess_model(self.model, prepared) else self.model

    def _quantize(
        self, model: Path, recipe: Recipe, target: Path, overrides: dict[str, Any], share: float
    ) -> None:
        reader = _Reader(Feed(self.samples, self.inputs, self.job, share))
        activations, weights = PRECISIONS[recipe.precision]
        settings = get_qnn_qdq_config(
            model,
            reader,
            calibrate_method=CALIBRATIONS[recipe.calibration],
            activation_type=activations,
            weight_type=weights,
            per_channel=recipe.per_channel,
            init_overrides=overrides or None,
        )
        quantize(model, target, settings)

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
