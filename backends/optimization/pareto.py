"""Which configurations are worth a choice, and which one suits the user's weights.

Intervals count: one candidate pushes another off the front only where it is at least as good in every
estimate and *certainly* better (intervals apart) in at least one figure. So noise alone removes nobody.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backends.domain.gate import QUALITY_GATES
from backends.domain.metric import Interval
from backends.storage.settings import Settings, weights_of

DEFAULT_WEIGHTS = weights_of(Settings())
_LESS_IS_BETTER = frozenset({"memory", "energy"})
_WORDS = {
    "speed": "{:.3g}× the speed",
    "quality": "{:.3g}× the quality",
    "memory": "{:.3g}× the memory",
    "energy": "{:.3g}× the energy",
}
_TINY = 1e-12


@dataclass(frozen=True)
class Candidate:
    """``figures``: "speed", "quality", "memory", "energy" in any unit that all candidates share."""

    label: str
    figures: Mapping[str, Interval]
    failed_gates: tuple[str, ...] = ()


@dataclass(frozen=True)
class Front:
    """``dominated``: label → the label that is better. ``skipped``: figures not known of every candidate."""

    labels: tuple[str, ...]
    dominated: Mapping[str, str]
    objectives: tuple[str, ...]
    skipped: tuple[str, ...]


@dataclass(frozen=True)
class Recommendation:
    """``equals``: candidates on the front whose score cannot be told apart from the recommended one's."""

    label: str
    reason: str
    equals: tuple[str, ...]


def pareto_front(candidates: Sequence[Candidate]) -> Front:
    """Compare what is known of all; a figure that one lacks would compare unequals and is named instead."""
    objectives, skipped = _objectives(candidates)
    dominated: dict[str, str] = {}
    for one in candidates:
        better = next((other for other in candidates if dominates(other, one, objectives)), None)
        if better is not None:
            dominated[one.label] = better.label
    labels = tuple(one.label for one in candidates if one.label not in dominated)
    return Front(labels, dominated, objectives, skipped)


def dominates(first: Candidate, second: Candidate, objectives: Sequence[str]) -> bool:
    """``first`` is nowhere worse in its estimates, and certainly better somewhere."""
    pairs = [(_upward(first.figures[name], name), _upward(second.figures[name], name)) for name in objectives]
    nowhere_worse = all(ours.estimate >= theirs.estimate for ours, theirs in pairs)
    return nowhere_worse and any(ours.low > theirs.high for ours, theirs in pairs)


def _objectives(candidates: Sequence[Candidate]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Known of every candidate; known only of some."""
    known = [name for name in DEFAULT_WEIGHTS if any(name in one.figures for one in candidates)]
    shared = tuple(name for name in known if all(name in one.figures for one in candidates))
    return shared, tuple(name for name in known if name not in shared)


def _upward(value: Interval, name: str) -> Interval:
    """The figure turned so that more is better."""
    if name not in _LESS_IS_BETTER:
        return value
    return Interval(-value.estimate, -value.high, -value.low, value.confidence, value.samples)


def recommend(
    candidates: Sequence[Candidate], weights: Mapping[str, float] | None = None
) -> Recommendation | None:
    """The candidate with the highest weighted score among those on the front, or ``None`` without any.

    Those that fail no gate go first, then those that fail none of quality. Score: Σ weight · log(figure),
    turned so that more is better; a factor counts the same wherever it is won, and units do not matter.
    """
    if not candidates:
        return None
    sound = (
        [one for one in candidates if not one.failed_gates]
        or [one for one in candidates if not set(QUALITY_GATES) & set(one.failed_gates)]
        or list(candidates)
    )
    front = pareto_front(sound)
    chosen = _normalised(weights or DEFAULT_WEIGHTS, front.objectives)
    scored = [(one, _score(one, chosen)) for one in sound if one.label in front.labels]
    best, score = max(scored, key=lambda pair: pair[1].estimate)
    equals = tuple(one.label for one, other in scored if one is not best and other.high >= score.low)
    return Recommendation(best.label, _reason(best, sound, chosen, equals, front.skipped), equals)


def _normalised(weights: Mapping[str, float], objectives: Sequence[str]) -> dict[str, float]:
    """Weights of the known figures, adding up to 1; equal ones where none of them has any."""
    known = {name: max(0.0, weights.get(name, 0.0)) for name in objectives}
    total = sum(known.values())
    if total == 0:
        return dict.fromkeys(known, 1 / len(known)) if known else {}
    return {name: weight / total for name, weight in known.items()}


def _score(one: Candidate, weights: Mapping[str, float]) -> Interval:
    """The ends combine as if all figures were off together, so an equal is named rather than overlooked."""
    estimate = low = high = 0.0
    for name, weight in weights.items():
        value = one.figures[name]
        ends = [weight * math.log(max(end, _TINY)) for end in (value.low, value.estimate, value.high)]
        worst, middle, best = [-end for end in reversed(ends)] if name in _LESS_IS_BETTER else ends
        estimate, low, high = estimate + middle, low + worst, high + best
    return Interval(estimate, low, high, 0.95, len(weights))


def _reason(
    best: Candidate,
    others: Sequence[Candidate],
    weights: Mapping[str, float],
    equals: Sequence[str],
    skipped: Sequence[str],
) -> str:
    """One or more sentences: against whom, by which weights, and what is not certain."""
    rest = [one for one in others if one is not best]
    sentences = [_against(best, rest, weights)]
    if best.failed_gates:
        sentences.append(f"No candidate passes all gates; this one fails {_spelled(best.failed_gates)}.")
    if equals:
        sentences.append(f"It cannot be told apart from {', '.join(equals)} with certainty.")
    if skipped:
        sentences.append(f"Not known of all and left out: {', '.join(skipped)}.")
    return " ".join(sentences)


def _spelled(gates: Sequence[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in gates)


def _against(best: Candidate, rest: Sequence[Candidate], weights: Mapping[str, float]) -> str:
    if not weights:
        return f"{best.label} is named only because no figure is known of all candidates."
    if not rest:
        return f"{best.label} is the only candidate left."
    shares = ", ".join(f"{name} {weight:.0%}" for name, weight in weights.items() if weight > 0)
    factors = ", ".join(_WORDS[name].format(_factor(best, rest, name)) for name in weights)
    return f"{best.label} scores highest for {shares}: against the middle of the others it has {factors}."


def _factor(best: Candidate, rest: Sequence[Candidate], name: str) -> float:
    """The candidate's figure ÷ the geometric mean of the others'."""
    logs = [math.log(max(one.figures[name].estimate, _TINY)) for one in rest]
    return max(best.figures[name].estimate, _TINY) / math.exp(sum(logs) / len(logs))
