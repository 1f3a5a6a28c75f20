"""Results to judge, made up in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings

from backends.domain.artifact import Artifact, Configuration, LoadOptions
from backends.domain.metric import Interval, MemoryReading, TokenMeasurement
from backends.domain.model import ModelFormat, ModelKind, TensorContents
from backends.domain.result import Comparison, ConfigurationResult, Reading

MIB = 2**20
# Examples on a busy machine are slow at times; that is no failure.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)


def interval(
    estimate: float, low: float | None = None, high: float | None = None, samples: int = 12
) -> Interval:
    return Interval(
        estimate, estimate if low is None else low, estimate if high is None else high, 0.95, samples
    )


def artifact(path: Path = Path("model.gguf"), **changes: Any) -> Artifact:
    fields = {
        "name": "model",
        "framework": "llama.cpp",
        "precision": "Q4_K_M",
        "format": ModelFormat.GGUF,
        "kind": ModelKind.LANGUAGE,
        "path": path,
        "size_bytes": 1,
        "contents": TensorContents({}, 1, 1, 4.5),
        "source": path,
    }
    return Artifact(**{**fields, **changes})


def memory(peak_mib: int) -> MemoryReading:
    return MemoryReading(peak_mib * MIB, None, None, 60 * MIB, 1, None, "VmHWM")


def result(
    original: bool = False, kind: ModelKind = ModelKind.LANGUAGE, **fields: Any
) -> ConfigurationResult:
    precision = "F16" if original else "Q4_K_M"
    context = fields.pop("context", 1024)
    made = artifact(original=original, kind=kind, precision=precision)
    return ConfigurationResult(Configuration(made, LoadOptions(context=context)), **fields)


def comparison(metric: str, ratio: Interval, **fields: Any) -> Comparison:
    return Comparison("llama.cpp Q4_K_M", metric, ratio, 2.0, "pass", fields.get("more_pairs"))


def readings(rates: list[float], label: str = "llama.cpp Q4_K_M", **fields: Any) -> list[Reading]:
    return [
        Reading(label, pair, 0, 0.0, TokenMeasurement(8, (0.1, 0.1 + 1 / rate)), **fields)
        for pair, rate in enumerate(rates)
    ]
