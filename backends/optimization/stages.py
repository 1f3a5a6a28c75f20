"""The stages of a progressive optimization: which of them hold, and what they amount to together. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

from backends.domain.gate import QUALITY_GATES, GateResult, Verdict
from backends.domain.metric import Interval
from backends.domain.result import Comparison, ConfigurationResult, Reading, Stage
from backends.optimization.choosing import candidates_of
from backends.optimization.pareto import recommend


class Step(StrEnum):
    BASELINE = "baseline"
    CONVERSION = "conversion"
    QUANTIZATION = "quantization"
    ACCELERATION = "acceleration"
    VALIDATION = "validation"


class Outcome(StrEnum):
    """What became of a stage. The next one continues from the last that was kept."""

    KEPT = "kept"
    HELD = "held"  # it would do, but another of the same stage is ahead
    DROPPED = "dropped"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Link:
    """One bar of the waterfall. ``factor``: speed ÷ that of the stage before; ``total``: ÷ the original's.

    ``None`` where nothing was measured. The total of a stage that was not kept is that of the one before.
    """

    stage: Stage
    factor: Interval | None
    total: Interval | None


def skipped(step: Step, *why: str) -> Stage:
    return Stage(step, Outcome.SKIPPED, why)


def failed(step: Step, why: str, result: ConfigurationResult | None = None) -> Stage:
    return Stage(step, Outcome.FAILED, (why,), result)


def decided(
    step: Step,
    result: ConfigurationResult,
    before: ConfigurationResult,
    gates: Sequence[GateResult],
    emulated: bool = False,
) -> Stage:
    """Whether a stage holds against the best before it, and the sentences that say why.

    It does not where it fails to run, where a quality gate fails, or where the main rate is slower by its
    whole interval. Where no difference in that can be told, the other rate decides. Settings that change
    nothing but speed have to be faster by their whole interval in one of them.
    """
    if result.failure:
        return Stage(step, Outcome.FAILED, (result.failure,), result, before.label)
    failing = [gate for gate in gates if gate.gate.name in QUALITY_GATES and gate.verdict is Verdict.FAIL]
    outcome, why = _judged(step, result, failing, emulated)
    told = (why, *_speeds(result, emulated), *_sizes(result, before), *_qualities(gates))
    return Stage(step, outcome, told, result, before.label)


def _judged(
    step: Step, result: ConfigurationResult, failed: Sequence[GateResult], emulated: bool
) -> tuple[Outcome, str]:
    main = main_comparison(result)
    if failed:
        names = ", ".join(gate.gate.name.replace("_", " ") for gate in failed)
        return Outcome.DROPPED, f"It fails the quality gate {names}, so it is dropped."
    if emulated:
        return Outcome.KEPT, "An emulator's speed says nothing; it is kept for its quality."
    if main is None:
        return Outcome.DROPPED, "Its speed was not measured, so it is dropped."
    if main.ratio.high < 1:
        return Outcome.DROPPED, "It is slower by the whole interval, so it is dropped."
    if main.ratio.low > 1:
        return Outcome.KEPT, "It is faster by the whole interval."
    return _judged_by_others(step, [one for one in result.comparisons if one.metric != main.metric])


def _judged_by_others(step: Step, others: Sequence[Comparison]) -> tuple[Outcome, str]:
    """Where the main rate is not told apart."""
    for one in others:
        name = _NAMES.get(one.metric, one.metric)
        if one.ratio.high < 1:
            return Outcome.DROPPED, f"{name} is slower by the whole interval, and nothing else is faster."
        if one.ratio.low > 1:
            return Outcome.KEPT, f"{name} is faster by the whole interval; the rest is not told apart."
    if step is Step.ACCELERATION:
        return Outcome.DROPPED, "No gain is certain, so the settings stay as they were."
    return Outcome.KEPT, "No difference in speed can be told; it is kept as it loses nothing for certain."


def seconds_alone(readings: Sequence[Reading]) -> dict[str, float]:
    """What the pairs of each candidate took, by its label: from one reading to the next, in seconds.

    What came before the first reading was done for all of them and is not in it.
    """
    alone: dict[str, float] = {}
    for before, reading in pairwise(readings):
        label = reading.comparison
        alone[label] = alone.get(label, 0.0) + max(0.0, reading.t_s - before.t_s)
    return alone


def timed(stages: Sequence[Stage], took_s: float, alone_s: Mapping[str, float]) -> tuple[Stage, ...]:
    """With what each attempt took: its own part, and an even share of what was done for all of them.

    ``alone_s``: seconds by label. What was skipped took nothing, unless nothing else was there.
    """
    own = [stage.took_s + (alone_s.get(stage.result.label, 0.0) if stage.result else 0.0) for stage in stages]
    tried = [stage.verdict != Outcome.SKIPPED for stage in stages]
    takes_part = tried if any(tried) else [True] * len(stages)
    share_s = max(0.0, took_s - sum(own)) / max(1, sum(takes_part))
    return tuple(
        replace(stage, took_s=own_s + share_s * part)
        for stage, own_s, part in zip(stages, own, takes_part, strict=True)
    )


def settled(stages: Sequence[Stage], weights: Mapping[str, float] | None = None) -> tuple[Stage, ...]:
    """Of several that hold, the one that the Pareto front and the weights favour is kept.

    Speeds are ratios to the stage before, to which all of them were held.
    """
    kept = [stage for stage in stages if stage.verdict == Outcome.KEPT and stage.result is not None]
    if len(kept) < 2:
        return tuple(stages)
    found = recommend(candidates_of([stage.result for stage in kept if stage.result], timed=False), weights)
    assert found is not None
    return tuple(
        replace(
            stage,
            verdict=Outcome.HELD,
            evidence=(*stage.evidence, f"It holds, but {found.label} goes on: {found.reason}"),
        )
        if stage in kept and stage.result is not None and stage.result.label != found.label
        else stage
        for stage in stages
    )


def best_of(stages: Sequence[Stage]) -> ConfigurationResult:
    """Where the next stage continues. The baseline is always kept."""
    kept = [stage.result for stage in stages if stage.verdict == Outcome.KEPT and stage.result is not None]
    return kept[-1]


def contenders(stages: Sequence[Stage]) -> tuple[ConfigurationResult, ...]:
    """What is validated: the best, and what was quantized otherwise and holds; never the original."""
    best = best_of(stages)
    held = [
        s.result for s in stages if s.name == Step.QUANTIZATION and s.verdict == Outcome.HELD and s.result
    ]
    made = [best, *held]
    return tuple(one for one in made if not one.configuration.artifact.original)


def main_comparison(result: ConfigurationResult, metric: str = "") -> Comparison | None:
    """Of the rate that decides: decode, or inferences."""
    found = [one for one in result.comparisons if metric in ("", one.metric)]
    return found[0] if found else None


def waterfall(stages: Sequence[Stage], metric: str = "") -> tuple[Link, ...]:
    """Every stage that ran with its factor, and the product of all that were kept up to it.

    Validation is no link of the chain: it measures the whole of it anew, against the original.
    """
    links: list[Link] = []
    total: Interval | None = None
    for stage in stages:
        if stage.result is None:
            continue
        if stage.name == Step.BASELINE:
            total = Interval(1.0, 1.0, 1.0, 1.0, 1)
            links.append(Link(stage, total, total))
            continue
        found = main_comparison(stage.result, metric)
        factor = found.ratio if found else None
        if stage.name == Step.VALIDATION:
            links.append(Link(stage, factor, factor))
            continue
        if stage.verdict == Outcome.KEPT:
            total = product(total, factor) if total and factor else None
        links.append(Link(stage, factor, total))
    return tuple(links)


def product(first: Interval, second: Interval) -> Interval:
    """Of two ratios measured apart from each other: their reaches add up in quadrature, in logarithms."""
    estimate = first.estimate * second.estimate
    down = math.hypot(_reach(first.estimate, first.low), _reach(second.estimate, second.low))
    up = math.hypot(_reach(first.high, first.estimate), _reach(second.high, second.estimate))
    return Interval(
        estimate,
        estimate * math.exp(-down),
        estimate * math.exp(up),
        min(first.confidence, second.confidence),
        min(first.samples, second.samples) if first.samples > 1 else second.samples,
    )


def _reach(above: float, below: float) -> float:
    return math.log(above / below)


def gate_sentences(gates: Sequence[GateResult]) -> list[str]:
    """How many pass, and of every other that was measured what keeps it from passing."""
    passed = [gate for gate in gates if gate.verdict is Verdict.PASS]
    told = {Verdict.FAIL: "Fails", Verdict.INCONCLUSIVE: "Is inconclusive on"}
    return [f"{len(passed)} of {len(gates)} gates pass."] + [
        f"{told[gate.verdict]} {gate.gate.name.replace('_', ' ')}: {gate.evidence}"
        for gate in gates
        if gate.verdict in told
    ]


def chain_sentence(stages: Sequence[Stage], direct: Comparison | None) -> str:
    """Whether the stages, multiplied, come to what the validation measured in one go; "" where unknown."""
    metric = direct.metric if direct else ""
    totals = [link.total for link in waterfall(stages, metric) if link.stage.name != Step.VALIDATION]
    chained = totals[-1] if totals else None
    if direct is None or chained is None:
        return ""
    apart = chained.high < direct.ratio.low or direct.ratio.high < chained.low
    verdict = "they do not agree: the machine was another in between" if apart else "the two agree"
    return (
        f"The stages multiply to {_span(chained)}, measured in one go it is {_span(direct.ratio)}: {verdict}."
    )


def _speeds(result: ConfigurationResult, emulated: bool) -> tuple[str, ...]:
    if emulated:
        return ()
    seen = {one.metric: one for one in reversed(result.comparisons)}
    return tuple(
        f"{_NAMES.get(metric, metric)}: {_span(one.ratio)} times that of the stage before, "
        f"{one.ratio.samples} pairs."
        for metric, one in sorted(seen.items())
    )


_NAMES = {
    "decode_tokens_per_s": "Decode",
    "prefill_tokens_per_s": "Prefill",
    "inferences_per_s": "Inference",
}


def _sizes(result: ConfigurationResult, before: ConfigurationResult) -> tuple[str, ...]:
    new, old = result.configuration.artifact.size_bytes, before.configuration.artifact.size_bytes
    told = [f"Size {_mebibytes(new)} after {_mebibytes(old)}."] if new != old else []
    if result.memory and before.memory:
        peaks = result.memory.total_peak_bytes, before.memory.total_peak_bytes
        told.append(f"Peak memory {_mebibytes(peaks[0])} after {_mebibytes(peaks[1])}.")
    return tuple(told)


def _qualities(gates: Sequence[GateResult]) -> tuple[str, ...]:
    return tuple(gate.evidence for gate in gates if gate.gate.name in QUALITY_GATES)


def _span(value: Interval) -> str:
    return f"{value.estimate:.3g} ({value.low:.3g} to {value.high:.3g})"


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"
