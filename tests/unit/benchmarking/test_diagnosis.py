from __future__ import annotations

from dataclasses import replace

import pytest

from backends.benchmarking import metrics
from backends.benchmarking.diagnosis import _RULES, Case, diagnose, rules, suggestion_for
from backends.benchmarking.threads import ThreadAdvice
from backends.domain.artifact import Configuration
from backends.domain.gate import MEMORY_GROWTH, Finding
from backends.domain.hardware import (
    Fact,
    HardwareProfile,
    Memory,
    OperatingSystem,
    Power,
    Processor,
    Storage,
    Throughput,
)
from backends.domain.metric import Interval, LoadedEngine, MemoryReading, TokenMeasurement
from backends.domain.model import TensorContents
from backends.domain.result import Comparison, ConfigurationResult, Reading, StressRun

from .fakes import configuration


def fact(value):  # type: ignore[no-untyped-def]
    return Fact(value, "test")


def machine(instructions: tuple[str, ...] = ("AVX2", "AVX512_VNNI")) -> HardwareProfile:
    processor = Processor(
        *(fact("x"), fact("x"), "x86_64", fact(4), fact(8), fact(4), fact(0)),
        *(fact(instructions), fact(()), fact(3e9)),
    )
    return HardwareProfile(
        OperatingSystem("linux", "Debian", "12", "6.1"),
        processor,
        Memory(fact(10_000), fact(8_000), fact(0)),
        (),
        (),
        Storage("/", fact(1), fact(2)),
        Power(fact(None), fact(None), fact(None), fact(()), fact(None), fact(None)),
        fact("none"),
        Throughput(10e9, 1e11, 4, 2.0, "2025-01-01T00:00:00Z"),
    )


HEALTHY = ConfigurationResult(
    configuration("Q4_K_M"),
    engine=LoadedEngine("llamacpp", "1", "CPU", 4, 0.1, 10),
    rates={metrics.DECODE: Interval(100, 99, 101, 0.95, 6)},
    label="llamacpp Q4_K_M",
    variation=0.02,
)


def ratio(metric: str, low: float, high: float) -> Comparison:
    return Comparison(HEALTHY.label, metric, Interval((low + high) / 2, low, high, 0.983, 6), 1.0, "", None)


def symptoms(case: Case) -> list[str]:
    return [finding.symptom for finding in diagnose(case)]


def holding(types: dict[str, int], bits: float, weight_bytes: int = 600_000) -> Configuration:
    base = configuration("Q4_K_M")
    contents = TensorContents(types, 1_000_000, weight_bytes, bits)
    return replace(base, artifact=replace(base.artifact, contents=contents))


def read(cpu_percent: float) -> Reading:
    return Reading(HEALTHY.label, 0, 0, 0.0, TokenMeasurement(1, (0.1, 0.2)), worker_cpu_percent=cpu_percent)


def stressed(*, passed: bool | None) -> StressRun:
    return StressRun(2, 8, 64, (), None, (Finding(MEMORY_GROWTH, passed, "It grows by 2 MiB a load."),))


def test_a_healthy_result_has_no_findings() -> None:
    assert diagnose(Case(HEALTHY, machine())) == ()


CASES = {
    "failed": Case(replace(HEALTHY, failure="m.gguf is truncated."), machine()),
    "fallback": Case(
        replace(HEALTHY, engine=replace(HEALTHY.engine, warnings=("Ran on CPU, not on GPU.",))), machine()
    ),
    "left_wide": Case(replace(HEALTHY, configuration=holding({"F16": 38, "F32": 2}, 16.1)), machine()),
    "slower_though_quantized": Case(
        replace(HEALTHY, comparisons=(ratio(metrics.DECODE, 0.7, 0.9),)), machine()
    ),
    "dequantization_bound": Case(
        replace(HEALTHY, comparisons=(ratio(metrics.PREFILL, 0.6, 0.8), ratio(metrics.DECODE, 1.4, 1.6))),
        machine(),
    ),
    "no_integer_kernels": Case(
        replace(HEALTHY, comparisons=(ratio(metrics.INFERENCES, 0.8, 0.99),)), machine(("SSE4_2",))
    ),
    "too_many_threads": Case(replace(HEALTHY, engine=replace(HEALTHY.engine, threads=8)), machine()),
    "better_thread_count": Case(HEALTHY, machine(), threads=ThreadAdvice(2, {2: (130.0,), 4: (100.0,)})),
    "unstable": Case(replace(HEALTHY, variation=0.25), machine()),
    "memory_bound": Case(
        replace(HEALTHY, memory=MemoryReading(9_500, None, None, 10, 700, None, "test")), machine()
    ),
    "memory_grows": Case(replace(HEALTHY, stress=stressed(passed=False)), machine()),
    "bandwidth_bound": Case(
        replace(HEALTHY, configuration=holding({"Q4_K": 30}, 4.8, 80_000_000)), machine()
    ),
    "cpu_bound": Case(HEALTHY, machine(), readings=(read(48.0), read(47.0))),
}


@pytest.mark.parametrize("symptom", _RULES)
def test_each_symptom_is_found_with_evidence_and_suggestion(symptom: str) -> None:
    found = {finding.symptom: finding for finding in diagnose(CASES[symptom])}
    assert symptom in found
    assert found[symptom].title and found[symptom].suggestion
    assert found[symptom].evidence.endswith(".")


def test_no_symptom_comes_by_itself_of_another() -> None:
    alone = set(_RULES) - {"no_integer_kernels"}
    assert all(symptoms(CASES[symptom]) == [symptom] for symptom in alone)
    assert symptoms(CASES["no_integer_kernels"]) == ["slower_though_quantized", "no_integer_kernels"]


def test_waiting_for_memory_is_not_taken_for_computing() -> None:
    both = replace(CASES["bandwidth_bound"], readings=(read(48.0),))
    assert symptoms(both) == ["bandwidth_bound"]


def test_an_overlapping_ratio_is_not_called_slower() -> None:
    case = Case(replace(HEALTHY, comparisons=(ratio(metrics.DECODE, 0.8, 1.05),)), machine())
    assert diagnose(case) == ()


def test_the_original_is_not_called_badly_quantized() -> None:
    original = configuration("F16", original=True)
    wide = replace(original.artifact, contents=TensorContents({"F16": 40}, 1, 2, 16.0))
    assert diagnose(Case(replace(HEALTHY, configuration=replace(original, artifact=wide)), machine())) == ()


@pytest.mark.parametrize("passed", [True, None])
def test_memory_that_is_not_proved_to_grow_is_no_symptom(passed: bool | None) -> None:
    assert diagnose(Case(replace(HEALTHY, stress=stressed(passed=passed)), machine())) == ()


def test_suggestions_are_the_frameworks_own() -> None:
    assert "SIMD" in suggestion_for("slow", "llamacpp")
    assert "Metal" in suggestion_for("slow", "mlx")
    assert "runtime_cache=0" in suggestion_for("memory_grows", "openvino")
    assert suggestion_for("slow", "unheard-of") == rules()["slow"]["any"]


def test_the_rules_file_is_complete() -> None:
    assert set(_RULES) <= set(rules())
    assert {"memory", "slow", "accuracy_lost", "incompatible"} <= set(rules())
    for rule in rules().values():
        assert rule["title"] and rule["any"].endswith(".")
