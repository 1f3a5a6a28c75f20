"""Ranges of activations from samples, for static quantization. ONNX Runtime's modules are handed in."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from backends.frameworks.samples import Feed

METHODS = {"minmax": "MinMax", "entropy": "Entropy", "percentile": "Percentile"}
PORTION = 16  # batches whose activations are in memory together
ENTROPY_BINS = 512


class _Reader:
    """The calibrators' protocol: ``None`` when there is no more."""

    def __init__(self, batches: Iterator[dict[str, Any]]) -> None:
        self._batches = batches

    def get_next(self) -> dict[str, Any] | None:
        return next(self._batches, None)


def method_of(name: str, quantization: Any) -> Any:
    """The library's own member for one of METHODS."""
    return quantization.CalibrationMethod[METHODS[name]]


def measure_ranges(
    model: Path, method: str, feed: Feed, scratch: Path, quantization: Any, calibrate: Any
) -> Path:
    """Activation ranges as a file. In portions, as the calibrators keep every activation of a portion.

    ``quantization``: onnxruntime.quantization, ``calibrate``: its module of that name. The library's own call
    would leave entropy calibration with as many bins as it quantizes to, which is minmax under another name.
    """
    calibrator = calibrate.create_calibrator(
        model,
        augmented_model_path=str(scratch / "augmented.onnx"),
        calibrate_method=method_of(method, quantization),
        extra_options={"num_bins": ENTROPY_BINS} if method == "entropy" else {},
    )
    batches = iter(feed)
    for batch in batches:
        calibrator.collect_data(_Reader(chain([batch], islice(batches, PORTION - 1))))
    ranges = scratch / "ranges.json"
    calibrate.save_tensors_data(calibrator.compute_data(), ranges)
    return ranges
