"""Why is it slow, unsteady or large? Findings with evidence, and what to try in this framework.

Thresholds: WORKFLOW.md, stage 3. What to try is data: ``resources/rules/troubleshooting.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from statistics import fmean

from backends.benchmarking import metrics
from backends.benchmarking.threads import ThreadAdvice
from backends.domain.gate import MEMORY_GROWTH
from backends.domain.hardware import HardwareProfile
from backends.domain.metric import Interval
from backends.domain.result import ConfigurationResult, Reading

CPU_BOUND_PERCENT = 80.0
MEMORY_BOUND_SHARE = 0.90
UNSTABLE_VARIATION = 0.20
BANDWIDTH_BOUND_SHARE = (
    0.60  # decode reads all weights per token; above this share of bandwidth nothing is idle
)
WIDE_SHARE = 0.20  # of the weight tensors that stayed in 16 or 32 bits although a smaller type was asked for
THREADS_GAIN = 1.05  # below this another thread count is not worth a word

_WIDE_TYPES = ("F32", "F16", "BF16", "FLOAT", "FLOAT16", "FLOAT32", "FP32", "FP16")
# One of these lets an x86 or ARM processor multiply 8-bit integers without widening them first.
_INTEGER_KERNELS = ("VNNI", "AMX", "DOTPROD", "I8MM")


@dataclass(frozen=True)
class Finding:
    """``evidence`` and ``suggestion`` are sentences for the user."""

    symptom: str  # key in troubleshooting.toml
    title: str
    evidence: str
    suggestion: str


@dataclass(frozen=True)
class Case:
    """What is known of one configuration; a rule whose evidence is missing says nothing."""

    result: ConfigurationResult
    hardware: HardwareProfile
    readings: Sequence[Reading] = ()
    threads: ThreadAdvice | None = None

    @property
    def own(self) -> list[Reading]:
        return [r for r in self.readings if r.label == self.result.label and not r.void]

    @property
    def is_quantized(self) -> bool:
        artifact = self.result.configuration.artifact
        return not artifact.original and artifact.precision.upper() not in _WIDE_TYPES

    def ratio(self, metric: str) -> Interval | None:
        """Measured against the original, where a look was reached."""
        return next((c.ratio for c in self.result.comparisons if c.metric == metric), None)


def diagnose(case: Case) -> tuple[Finding, ...]:
    """All findings on one configuration, the gravest first."""
    framework = case.result.configuration.artifact.framework
    return tuple(
        Finding(symptom, rule["title"], evidence, _suggestion(rule, framework))
        for symptom, look in _RULES.items()
        for rule in (rules()[symptom],)
        for evidence in look(case)
    )


@cache
def rules() -> Mapping[str, Mapping[str, str]]:
    """Symptom -> title, a suggestion for any framework, and suggestions per framework."""
    text = (files("resources") / "rules" / "troubleshooting.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def suggestion_for(symptom: str, framework: str) -> str:
    """What to try, also for symptoms that show elsewhere ("accuracy_lost", "incompatible")."""
    return _suggestion(rules()[symptom], framework)


def _suggestion(rule: Mapping[str, str], framework: str) -> str:
    return rule.get(framework, rule["any"])


def _failed(case: Case) -> Iterator[str]:
    if case.result.failure:
        yield case.result.failure


def _fallback(case: Case) -> Iterator[str]:
    """The adapter compares what was asked for with what the engine reports, and warns."""
    if case.result.engine is not None:
        yield from case.result.engine.warnings


def _left_wide(case: Case) -> Iterator[str]:
    types = case.result.configuration.artifact.contents.tensor_types
    wide = sum(count for name, count in types.items() if name.upper() in _WIDE_TYPES)
    small = sum(types.values()) - wide
    bits = case.result.configuration.artifact.contents.bits_per_weight
    if case.is_quantized and wide and (small == 0 or bits > 16 * WIDE_SHARE + 8 * (1 - WIDE_SHARE)):
        kept = ", ".join(f"{count} × {name}" for name, count in types.items())
        yield f"The file holds {bits:.1f} bits per weight: {kept}."


def _slower(case: Case) -> Iterator[str]:
    for metric in (metrics.DECODE, metrics.INFERENCES):
        ratio = case.ratio(metric)
        if case.is_quantized and ratio is not None and ratio.high < 1:
            yield f"{_name(metric)} is {_span(ratio)} the original's."


def _dequantization(case: Case) -> Iterator[str]:
    """Prefill computes, decode reads: unpacking weights costs the one and hides behind the other."""
    prefill, decode = case.ratio(metrics.PREFILL), case.ratio(metrics.DECODE)
    if case.is_quantized and prefill and decode and prefill.high < 1 <= decode.estimate:
        yield f"Prefill is {_span(prefill)} the original's, while decode is {_span(decode)}."


def _no_integer_kernels(case: Case) -> Iterator[str]:
    found = case.hardware.processor.instruction_sets.value
    slow = any(r is not None and r.high < 1 for r in map(case.ratio, (metrics.PREFILL, metrics.INFERENCES)))
    if not case.is_quantized or found is None or not slow:
        return
    if not any(kernel in name.upper() for name in found for kernel in _INTEGER_KERNELS):
        yield f"This processor has no instructions for 8-bit products ({', '.join(found) or 'none named'})."


def _too_many_threads(case: Case) -> Iterator[str]:
    engine, cores = case.result.engine, case.hardware.processor.physical_cores.value
    if engine is not None and cores and engine.threads > cores:
        yield f"{engine.threads} threads share {cores} physical cores."


def _better_threads(case: Case) -> Iterator[str]:
    advice, engine = case.threads, case.result.engine
    if advice is None or engine is None or engine.threads not in advice.rates:
        return
    gain = advice.gain_over(engine.threads)
    if gain >= THREADS_GAIN:
        yield f"{advice.best} threads gave {gain:.2f} times the rate of {engine.threads}."


def _unstable(case: Case) -> Iterator[str]:
    spread = case.result.variation
    if spread is not None and spread > UNSTABLE_VARIATION:
        flagged = sum(bool(r.flags) for r in case.own)
        yield f"The rate varied by {spread:.0%}; {flagged} of {len(case.own)} readings were disturbed."


def _memory_bound(case: Case) -> Iterator[str]:
    memory, total = case.result.memory, case.hardware.memory.total_bytes.value
    if memory is not None and total and memory.total_peak_bytes > MEMORY_BOUND_SHARE * total:
        yield f"It took {memory.total_peak_bytes / total:.0%} of this machine's {total / 2**30:.1f} GiB."


def _memory_grows(case: Case) -> Iterator[str]:
    found = case.result.stress.findings if case.result.stress else ()
    yield from (one.evidence for one in found if one.name == MEMORY_GROWTH and one.passed is False)


def _bandwidth_bound(case: Case) -> Iterator[str]:
    """Each token reads every weight once: bytes/s = weight bytes × decode tokens/s."""
    rate, throughput = case.result.rates.get(metrics.DECODE), case.hardware.throughput
    if rate is None or throughput is None:
        return
    read = case.result.configuration.artifact.contents.weight_bytes * rate.estimate
    if read > BANDWIDTH_BOUND_SHARE * throughput.read_bytes_per_s:
        share = read / throughput.read_bytes_per_s
        yield f"Decode reads {read / 1e9:.1f} GB/s of weights, {share:.0%} of the measured bandwidth."


def _cpu_bound(case: Case) -> Iterator[str]:
    """Of the cores its threads may use. Waiting for memory counts as work, so bandwidth comes first."""
    used = [r.worker_cpu_percent for r in case.own if r.worker_cpu_percent is not None]
    engine, logical = case.result.engine, case.hardware.processor.logical_cores.value
    if not used or engine is None or not logical or not engine.threads or any(_bandwidth_bound(case)):
        return
    busy = fmean(used) * logical / min(engine.threads, logical)
    if busy > CPU_BOUND_PERCENT:
        yield f"It kept its {engine.threads} threads {min(busy, 100):.0f} % busy."


_RULES: Mapping[str, Callable[[Case], Iterator[str]]] = {
    "failed": _failed,
    "fallback": _fallback,
    "left_wide": _left_wide,
    "slower_though_quantized": _slower,
    "dequantization_bound": _dequantization,
    "no_integer_kernels": _no_integer_kernels,
    "too_many_threads": _too_many_threads,
    "better_thread_count": _better_threads,
    "unstable": _unstable,
    "memory_bound": _memory_bound,
    "memory_grows": _memory_grows,
    "bandwidth_bound": _bandwidth_bound,
    "cpu_bound": _cpu_bound,
}


def _name(metric: str) -> str:
    return {metrics.DECODE: "Decode", metrics.INFERENCES: "Inference"}[metric]


def _span(ratio: Interval) -> str:
    return f"{ratio.estimate:.2f} ({ratio.low:.2f} to {ratio.high:.2f}) times"
