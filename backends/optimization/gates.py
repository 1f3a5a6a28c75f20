"""Quality gates: does a configuration keep what the original could, and give what was hoped for?

A gate passes or fails only where the whole interval lies on one side of its threshold; otherwise it is
inconclusive, and the evidence says what a decision would take. What was not measured is not judged.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from math import isfinite

from backends.domain.artifact import Configuration
from backends.domain.errors import BadInput
from backends.domain.gate import Finding, Gate, GateResult, Verdict
from backends.domain.metric import MEMORY_TOLERANCE, Interval, TensorMeasurement, TokenMeasurement, peak_share
from backends.domain.model import ModelKind
from backends.domain.result import Comparison, ConfigurationResult, QualityScore, Reading

Gates = Mapping[str, Gate]

_SPEEDS = {
    "decode_speed": "decode_tokens_per_s",
    "prefill_speed": "prefill_tokens_per_s",
    "inference_speed": "inferences_per_s",
}
_EMULATED = "This framework runs on an emulator here: its speed says nothing about the target."
LEAST_READINGS = 6  # the first look of the protocol; fewer say nothing about variation


@cache
def default_gates() -> Gates:
    """The gates of ``resources/rules/gates.toml``."""
    content = tomllib.loads((files("resources") / "rules" / "gates.toml").read_text(encoding="utf-8"))
    return {
        name: Gate(name, float(entry["threshold"]), entry["at_least"], entry["unit"])
        for name, entry in content.items()
    }


def with_thresholds(gates: Gates, thresholds: Mapping[str, float]) -> Gates:
    """The gates with some thresholds replaced. Raises BadInput on an unknown gate or useless number."""
    for name, threshold in thresholds.items():
        if name not in gates:
            raise BadInput(f"There is no gate {name}.", f"The gates are {', '.join(gates)}.")
        if not isfinite(threshold) or threshold < 0:
            raise BadInput(f"{threshold} is no threshold for the gate {name}.", "Give a number from 0 up.")
    return {
        name: replace(gate, threshold=thresholds.get(name, gate.threshold)) for name, gate in gates.items()
    }


def known_thresholds(thresholds: Mapping[str, object]) -> dict[str, float]:
    """Those that can be used; a settings file may hold anything."""
    return {
        name: float(value)
        for name, value in thresholds.items()
        if name in default_gates() and isinstance(value, int | float) and 0 <= value < float("inf")
    }


def speed_thresholds(gates: Gates, kind: ModelKind) -> tuple[float, ...]:
    """What a benchmark has to decide for models of this kind; each rate is held against all of them."""
    names = _speed_gates(kind)
    return tuple(sorted({gates[name].threshold for name in names if gates[name].threshold > 0})) or (1.0,)


def _speed_gates(kind: ModelKind) -> tuple[str, ...]:
    return ("decode_speed", "prefill_speed") if kind is ModelKind.LANGUAGE else ("inference_speed",)


@dataclass(frozen=True)
class Evidence:
    """What a configuration is judged by. ``original`` is the result of the model it was made from."""

    result: ConfigurationResult
    original: ConfigurationResult | None = None
    readings: Sequence[Reading] = ()
    stress: Sequence[Finding] = ()
    security: Sequence[Finding] = ()
    emulated: bool = False


def evaluate(evidence: Evidence, gates: Gates | None = None) -> tuple[GateResult, ...]:
    """The verdict of every gate that concerns this kind of model. The original itself has no gates."""
    artifact = evidence.result.configuration.artifact
    if artifact.original:
        return ()
    gates = gates or default_gates()
    return (
        *(_no_quality(gates) if artifact.shape_only else _quality(evidence, gates)),
        *(_speed(gates[name], evidence) for name in _speed_gates(artifact.kind)),
        _memory(gates["memory"], evidence),
        _stability(gates["stability"], evidence),
        _findings(gates["stress"], evidence.stress, "No stress run was made."),
        _findings(gates["security"], evidence.security, "The files were not inspected."),
    )


def overall(results: Iterable[GateResult]) -> Verdict:
    """Fail before inconclusive before not measured before pass."""
    verdicts = {result.verdict for result in results}
    order = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.NOT_MEASURED, Verdict.PASS)
    return next((verdict for verdict in order if verdict in verdicts), Verdict.NOT_MEASURED)


def _judged(gate: Gate, value: Interval | None, evidence: str) -> GateResult:
    return GateResult(gate, gate.judge(value), value, evidence)


def _missing(gate: Gate, reason: str) -> GateResult:
    return GateResult(gate, Verdict.NOT_MEASURED, None, reason)


def _quality(evidence: Evidence, gates: Gates) -> tuple[GateResult, ...]:
    """Accuracy where there are labels; else the fidelity gates of what was measured."""
    result = evidence.result
    if evidence.original is not None and evidence.original.quality_failure:
        text = f"The original's quality could not be measured: {evidence.original.quality_failure}"
        return (_missing(gates["accuracy"], text),)
    if result.quality_failure:
        text = f"Its quality could not be measured, which counts as a failure: {result.quality_failure}"
        return (GateResult(gates[_quality_gate(evidence)], Verdict.FAIL, None, text),)
    score, fidelity, outputs = result.quality, result.fidelity, result.output_fidelity
    if score is not None and score.kind == "accuracy":
        return (_accuracy(gates["accuracy"], score),)
    if fidelity is not None and fidelity.perplexity_ratio and fidelity.top1_agreement:
        ratio, agreement = fidelity.perplexity_ratio, fidelity.top1_agreement
        windows = f"over {ratio.samples} windows of text, {fidelity.tokens:,} tokens; no labels, so fidelity"
        return (
            _judged(
                gates["perplexity"], ratio, f"Perplexity is {_span(ratio)} times the original's {windows}."
            ),
            _judged(gates["top1_agreement"], agreement, f"Same next token: {_percent(agreement)} {windows}."),
        )
    if score is not None:
        text = (
            f"Same answer as the original: {_percent(score.accuracy)} of {score.items:,} samples; no labels."
        )
        return (_judged(gates["agreement"], score.accuracy, text),)
    if outputs is not None:
        text = (
            f"Outputs have a mean cosine similarity of {_span(outputs.cosine)} to the original's over "
            f"{outputs.samples:,} samples, {outputs.cosine_min:.4f} at least."
        )
        return (_judged(gates["output_similarity"], outputs.cosine, text),)
    return (_missing(gates["accuracy"], "No task set, text or images were there to measure quality with."),)


def _quality_gate(evidence: Evidence) -> str:
    """The one that would have judged what was measured of the original."""
    original = evidence.original
    if original is None or (original.quality is not None and original.quality.kind == "accuracy"):
        return "accuracy"
    if original.fidelity is not None:
        return "top1_agreement"
    return "agreement" if original.quality is not None else "output_similarity"


def _no_quality(gates: Gates) -> tuple[GateResult, ...]:
    return (_missing(gates["accuracy"], "The weights are random (shape only): there is no quality to keep."),)


def _accuracy(gate: Gate, score: QualityScore) -> GateResult:
    from backends.quality.answers import better_than_guessing, plan_from

    if score.original_correct is None:
        return _missing(gate, "The original's answers are missing, so there is nothing to compare with.")
    if score.chance is not None and not better_than_guessing(
        score.original_correct, score.items, score.chance
    ):
        text = (
            f"The original has {score.original_correct:,} of {score.items:,} right, which is no better than "
            f"guessing ({score.chance:.0%}): a ratio to it says nothing. Use a task set the model can do."
        )
        return GateResult(gate, Verdict.INCONCLUSIVE, score.ratio_to_original, text)
    text = (
        f"{score.correct:,} right against the original's {score.original_correct:,} of {score.items:,} items"
    )
    if score.ratio_to_original is not None:
        text += f", a ratio of {_span(score.ratio_to_original)}"
    if score.flipped is not None:
        text += f"; {score.flipped:.1%} of the answers changed"
    judged = _judged(gate, score.ratio_to_original, f"{text}.")
    if judged.verdict is not Verdict.INCONCLUSIVE:
        return judged
    plan = plan_from(score, gate.threshold)
    return replace(judged, evidence=f"{judged.evidence} {plan.sentence}" if plan else judged.evidence)


def _speed(gate: Gate, evidence: Evidence) -> GateResult:
    if evidence.emulated:
        return _missing(gate, _EMULATED)
    found = _comparison(evidence.result.comparisons, gate)
    if found is None:
        return _missing(gate, f"{_title(gate)} was not compared with the original.")
    judged = _judged(gate, found.ratio, f"{_title(gate)}: {_span(found.ratio)} times the original's")
    return replace(judged, evidence=f"{judged.evidence}, {found.ratio.samples} pairs.{_more(judged, found)}")


def _comparison(comparisons: Sequence[Comparison], gate: Gate) -> Comparison | None:
    """Of the gate's rate; the one made against its very threshold, where there are several."""
    found = [one for one in comparisons if one.metric == _SPEEDS[gate.name]]
    return next((one for one in found if one.threshold == gate.threshold), found[0] if found else None)


def _more(judged: GateResult, comparison: Comparison) -> str:
    """How many pairs a decision would take, where the comparison was made against this very threshold."""
    wanted = judged.verdict is Verdict.INCONCLUSIVE and comparison.threshold == judged.gate.threshold
    if not (wanted and comparison.more_pairs):
        return ""
    return f" About {comparison.more_pairs} more would decide."


def _memory(gate: Gate, evidence: Evidence) -> GateResult:
    ours = evidence.result.memory
    theirs = evidence.original.memory if evidence.original else None
    if ours is None or theirs is None or evidence.original is None:
        return _missing(gate, "Peak memory was not read for both models.")
    if evidence.result.configuration.load.context != evidence.original.configuration.load.context:
        return _missing(gate, "The two models were opened with different context lengths.")
    if not _alike_mapped(evidence.result.configuration, evidence.original.configuration):
        return _missing(gate, "One of the two was mapped into memory (mmap), the other read.")
    share = peak_share(ours, theirs)
    text = (
        f"Peak {_mebibytes(ours.total_peak_bytes)} against {_mebibytes(theirs.total_peak_bytes)}, "
        f"{_span(share)} times the original's: one reading each ({ours.source}), and starts differ by up to "
        f"{MEMORY_TOLERANCE:.0%}; of that the runtime alone takes {_mebibytes(ours.baseline_bytes)} and "
        f"{_mebibytes(theirs.baseline_bytes)}."
    )
    return _judged(gate, share, text)


def _alike_mapped(ours: Configuration, theirs: Configuration) -> bool:
    """Each framework loads in its own way; that of one framework can be set."""
    mapped = [one.load.options.get("mmap", True) for one in (ours, theirs)]
    return ours.artifact.framework != theirs.artifact.framework or mapped[0] == mapped[1]


def _stability(gate: Gate, evidence: Evidence) -> GateResult:
    if evidence.emulated:
        return _missing(gate, _EMULATED)
    label = evidence.result.label or evidence.result.configuration.label
    rates = [_rate(one) for one in evidence.readings if one.label == label and not one.void]
    if len(rates) < LEAST_READINGS:
        return _missing(gate, f"{len(rates)} readings are too few to tell how much the speed varies.")
    value = variation(rates)
    return _judged(gate, value, f"The speed varies by {_percent(value)} over {len(rates)} readings.")


def _rate(reading: Reading) -> float:
    match reading.measurement:
        case TokenMeasurement() as tokens:
            return tokens.decode_tokens_per_s
        case TensorMeasurement() as tensors:
            return tensors.inferences_per_s


def variation(rates: Sequence[float]) -> Interval:
    """Standard deviation ÷ mean, with a bootstrap over readings; no outlier is dropped."""
    import numpy as np

    from backends.quality.statistics import CONFIDENCE, percentile_interval, resampled_means

    values = np.asarray(rates, dtype=float)
    means = resampled_means(np.stack([values, values**2], axis=1))
    # Bessel's correction: few readings would look steadier than they are.
    spread = np.sqrt(np.maximum(means[:, 1] - means[:, 0] ** 2, 0.0) * len(values) / (len(values) - 1))
    estimate = float(values.std(ddof=1) / values.mean())
    return percentile_interval(estimate, spread / means[:, 0], CONFIDENCE, len(values))


def _findings(gate: Gate, findings: Sequence[Finding], absent: str) -> GateResult:
    """Fails with the first failed checks; passes where all were made and passed."""
    if not findings:
        return _missing(gate, absent)
    failed = [one for one in findings if one.passed is False]
    unknown = [one for one in findings if one.passed is None]
    text = " ".join(one.evidence for one in (failed or unknown or findings))
    if unknown and not failed:
        return GateResult(gate, Verdict.INCONCLUSIVE, None, text)
    count = float(len(failed))
    return _judged(gate, Interval(count, count, count, 1.0, len(findings)), text)


def _title(gate: Gate) -> str:
    return gate.name.replace("_", " ").capitalize()


def _span(value: Interval) -> str:
    return f"{value.estimate:.3g} ({value.low:.3g} to {value.high:.3g})"


def _percent(value: Interval) -> str:
    return f"{value.estimate:.1%} ({value.low:.1%} to {value.high:.1%})"


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"
