"""An optimization in stages that never took place, from the made-up run. Nothing here measures anything."""

from __future__ import annotations

from dataclasses import replace

from backends.domain.metric import Interval
from backends.domain.result import Comparison, ConfigurationResult, RunRecord, Stage, Trial

_RATES = ("decode_tokens_per_s", "prefill_tokens_per_s")


def made_up_stages(record: RunRecord, label: str = "llama.cpp Q4_K_M") -> tuple[Stage, ...]:
    """A conversion that is dropped, a quantization that holds, settings that help, and a validation."""
    original = next(one for one in record.results if one.configuration.artifact.original)
    made = next(one for one in record.results if one.label == label)
    faster = replace(
        _against(made, 1.18, 1.07, 1.31),
        configuration=replace(made.configuration, name=f"{label}, threads=2"),
        label=f"{label}, threads=2",
    )
    converted = replace(_against(made, 0.88, 0.81, 0.95), label="OpenVINO FP16")
    return (
        Stage("baseline", "kept", ("Everything is held against this.",), original, took_s=21),
        Stage(
            "conversion",
            "dropped",
            ("It is slower by the whole interval, so it is dropped.", "Size 1.2 MiB after 1.0 MiB."),
            converted,
            original.label,
            took_s=40,
        ),
        Stage(
            "quantization",
            "kept",
            ("It is faster by the whole interval.", "Size 260.0 MiB after 760.0 MiB."),
            _against(made, 2.31, 2.12, 2.52),
            original.label,
            took_s=63,
        ),
        Stage(
            "acceleration",
            "kept",
            ("It is faster by the whole interval.", "The best of 4 settings tried: threads=2."),
            faster,
            made.label,
            (
                Trial("Threads", "1", 0.61),
                Trial("Threads", "2", 1.16, taken=True),
                Trial("Flash attention", "flash_attn=True", 0.99),
                Trial("KV cache", "type_k=Q8_0, type_v=Q8_0", None, "It could not be opened."),
            ),
            88,
        ),
        Stage(
            "validation",
            "inconclusive",
            ("6 of 8 gates pass.", "The stages multiply to 2.73 (2.4 to 3.1): the two agree."),
            replace(_against(faster, 2.66, 2.4, 2.95), gates=made.gates),
            original.label,
            took_s=70,
        ),
    )


def _against(result: ConfigurationResult, estimate: float, low: float, high: float) -> ConfigurationResult:
    ratio = Interval(estimate, low, high, 0.983, 6)
    made = tuple(Comparison(result.label, metric, ratio, 1.0, "pass", None) for metric in _RATES)
    return replace(result, comparisons=made)
