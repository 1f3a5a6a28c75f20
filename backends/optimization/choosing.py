"""Which result to choose: one answer for the window, the report and the stages. Pure.

Speeds are ratios taken within pairs. Absolute rates belong to different minutes and are never ranked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backends.benchmarking import metrics
from backends.domain.errors import BadInput
from backends.domain.gate import GateResult, Verdict
from backends.domain.metric import Interval, around_a_peak
from backends.domain.model import ModelKind
from backends.domain.result import ConfigurationResult
from backends.frameworks import registry
from backends.optimization.pareto import Candidate, Recommendation, pareto_front, recommend

EXACTLY_ONE = Interval(1.0, 1.0, 1.0, 1.0, 1)  # the original against itself

Judged = Mapping[str, Sequence[GateResult]]


def preferred(
    results: Sequence[ConfigurationResult],
    weights: Mapping[str, float] | None = None,
    judged: Judged | None = None,
) -> Recommendation | None:
    """The best of what was made by the user's weights; the original only where nothing speaks for that one.

    The original has no gates to fail, so among the others it would win wherever each of them fails one.
    ``judged``: gates by label, where they are not those of the results. ``None`` where nothing was timed.
    """
    known = candidates_of(results, judged)
    originals = {label_of(one) for one in results if one.configuration.artifact.original}
    original = next((one for one in known if one.label in originals), None)
    made = [one for one in known if one.label not in originals]
    found = recommend(made, weights)
    if original is None:
        return found
    if found is None:
        broken = [label_of(one) for one in results if one.quality_failure]
        text = f"Stay with the original: the answers of {', '.join(broken)} could not be judged."
        return Recommendation(original.label, text, ()) if broken else None
    best = next(one for one in made if one.label == found.label)
    if found.label in pareto_front([original, best]).dominated:
        text = f"Stay with the original: nothing told apart speaks for {found.label}."
        return Recommendation(original.label, text, ())
    return found


def candidates_of(
    results: Sequence[ConfigurationResult], judged: Judged | None = None, timed: bool = True
) -> tuple[Candidate, ...]:
    """The results that can be chosen. Left out is what failed, and what could not be judged.

    Where the original could not be judged either, that says nothing of the others. ``timed``: what was not
    timed against another is left out too, as is what an emulator ran: its speed says nothing of the target.
    """
    unknown = any(one.quality_failure for one in results if one.configuration.artifact.original)
    runs = [one for one in results if not one.failure and (unknown or not one.quality_failure)]
    measure, counter = _measure(runs), _counter(runs)
    return tuple(
        Candidate(label_of(one), _figures(one, measure, counter), _failed(one, judged))
        for one in runs
        if not timed or speed_ratio(one) is not None
    )


def label_of(result: ConfigurationResult) -> str:
    return result.label or result.configuration.label


def speed_ratio(result: ConfigurationResult, metric: str = "") -> Interval | None:
    """The ratio to what it was paired with, of ``metric`` or the rate that decides; the original's is 1."""
    artifact = result.configuration.artifact
    if artifact.original and not result.failure:
        return EXACTLY_ONE
    if _emulated(artifact.framework):
        return None
    wanted = metric or (metrics.DECODE if artifact.kind is ModelKind.LANGUAGE else metrics.INFERENCES)
    return next((one.ratio for one in result.comparisons if one.metric == wanted), None)


def quality_kept(result: ConfigurationResult) -> tuple[str, Interval] | None:
    """The name of the gate that looks at it, and the share kept of the original's quality."""
    score, fidelity, outputs = result.quality, result.fidelity, result.output_fidelity
    if score is not None and score.ratio_to_original is not None:
        return "accuracy", score.ratio_to_original
    if fidelity is not None and fidelity.top1_agreement is not None:
        return "top1_agreement", fidelity.top1_agreement
    if score is not None and score.kind == "fidelity":
        return "agreement", score.accuracy
    return ("output_similarity", outputs.cosine) if outputs is not None else None


def _figures(one: ConfigurationResult, measure: str, counter: tuple[str, str]) -> dict[str, Interval]:
    found = {
        "speed": speed_ratio(one),
        "quality": _quality(one, measure),
        "memory": around_a_peak(one.memory.total_peak_bytes) if one.memory else None,
        "energy": _joules(one, counter),
    }
    return {name: value for name, value in found.items() if value is not None}


def _quality(one: ConfigurationResult, measure: str) -> Interval | None:
    if one.configuration.artifact.original:
        return EXACTLY_ONE
    found = quality_kept(one)
    return found[1] if found and found[0] == measure else None


def _measure(results: Sequence[ConfigurationResult]) -> str:
    """The first one's: different measures cannot be put in order."""
    made = (quality_kept(one) for one in results if not one.configuration.artifact.original)
    return next((found[0] for found in made if found), "")


def _counter(results: Sequence[ConfigurationResult]) -> tuple[str, str]:
    """Domain and unit of the first counter that was read."""
    read = [one.energy for one in results if one.energy and one.energy.measured]
    return (read[0].domains[0].domain, read[0].unit) if read else ("", "")


def _joules(one: ConfigurationResult, counter: tuple[str, str]) -> Interval | None:
    domain, unit = counter
    if one.energy is None or one.energy.unit != unit:
        return None
    return next((each.joules for each in one.energy.domains if each.domain == domain), None)


def _failed(one: ConfigurationResult, judged: Judged | None) -> tuple[str, ...]:
    gates = one.gates if judged is None else judged.get(label_of(one), ())
    return tuple(gate.gate.name for gate in gates if gate.verdict is Verdict.FAIL)


def _emulated(framework: str) -> bool:
    try:
        return registry.manifest(framework).emulated
    except BadInput:  # a framework that was there when the run was made
        return False
