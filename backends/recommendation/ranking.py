"""Ranks framework × precision for a model on a machine, each with its reasons.

The order comes from the platform rule, the expected size, the predicted speed and the expected quality,
weighed by the user. It is where to start; what is best is decided by measurement.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from backends.conversion.graph import Converter, NoRoad, Road, Size, plan
from backends.domain.hardware import HardwareProfile
from backends.domain.model import ModelProfile, SourceModel
from backends.frameworks.base import Availability, Manifest, PrecisionSpec
from backends.prediction.roofline import Prediction, decode_tokens_per_s
from backends.recommendation.fit import MemoryFit, expected_weight_bytes, memory_fit
from backends.recommendation.precisions import is_unquantized, worthwhile
from backends.recommendation.rules import Rule, RuleBook

PRIMARY_BONUS = 0.15
SECONDARY_BONUS = 0.08
AWAY_PENALTY = 0.5
USUAL_BONUS = 0.02  # the precision a framework is usually shipped in: a tie is settled by experience
ORDER_STEP = 0.02  # each place further back in the order for the kind of model
CHOSEN_BY_DEFAULT = 3


@dataclass(frozen=True)
class Weights:
    """What matters to the user, each from 0 to 1."""

    speed: float = 0.5
    quality: float = 0.8
    memory: float = 0.4


@dataclass(frozen=True)
class Candidate:
    """One framework × precision. ``expected_quality`` is a share of the original's, low and high."""

    framework: str
    title: str
    precision: str
    family: str
    device: str
    fit: MemoryFit
    expected_quality: tuple[float, float]
    decode: Prediction | None
    reasons: tuple[str, ...]
    needs_calibration: bool
    score: float
    recommended: bool = False
    headline: bool = True  # one of the few shown first; the others are a click away
    emulated: bool = False  # runs here in an emulator: never proposed, its speed means nothing


@dataclass(frozen=True)
class RuledOut:
    framework: str
    title: str
    reason: str
    remedy: str


@dataclass(frozen=True)
class Recommendation:
    candidates: tuple[Candidate, ...]  # best first
    ruled_out: tuple[RuledOut, ...]
    rule: Rule
    rule_text: str
    strategy: str
    unquantized: tuple[Candidate, ...] = ()  # to be chosen by hand: never proposed, and in no order of merit

    @property
    def offered(self) -> tuple[Candidate, ...]:
        """All that can be made here, the unquantized last."""
        return (*self.candidates, *self.unquantized)

    @property
    def suggested(self) -> tuple[Candidate, ...]:
        """What a run takes when nobody chooses: the best of each of the leading frameworks."""
        real = [candidate for candidate in self.candidates if not candidate.emulated]
        best = {candidate.framework: candidate for candidate in reversed(real or self.candidates)}
        return tuple(sorted(best.values(), key=lambda c: -c.score)[:CHOSEN_BY_DEFAULT])


def recommend(
    source: SourceModel,
    hardware: HardwareProfile,
    manifests: Sequence[Manifest],
    availability: Mapping[str, Availability],
    rules: RuleBook,
    weights: Weights | None = None,
    target: str = "this",
    converters: Sequence[Converter] = (),
) -> Recommendation:
    """Rank what can be made of ``source`` here, and say for every other framework why not.

    ``converters``: a framework that takes the model only after a conversion is ranked like any other.
    ``availability`` tells of the tools among them, too.
    """
    rule = rules.rule_for(hardware, target)
    model = source.profile
    candidates: list[Candidate] = []
    unquantized: list[Candidate] = []
    ruled_out: list[RuledOut] = []
    for manifest in manifests:
        road = _road(manifest, source, converters, availability)
        obstacle = _obstacle(manifest, source, availability, road)
        if obstacle is not None:
            ruled_out.append(obstacle)
            continue
        ranker = _Ranker(model, hardware, rule, rules, weights or Weights(), manifest, road)
        unquantized += ranker.unquantized()
        made = [ranker.candidate(spec) for spec in manifest.precisions if worthwhile(spec, model)]
        fitting = [candidate for candidate in made if candidate.fit.fits]
        if not fitting:
            ruled_out.append(_too_large(manifest, made))
        candidates += _mark_headlines(fitting, manifest.default_precision.get(model.kind.value, ""))
    ranked = sorted(candidates, key=lambda c: (-c.score, c.framework, c.precision))
    if ranked:
        ranked[0] = replace(ranked[0], recommended=True)
    text = (
        f"{rule.title}: {_titles(manifests, rule.primary)} first, then {_titles(manifests, rule.secondary)}"
    )
    return Recommendation(
        tuple(ranked),
        tuple(ruled_out),
        rule,
        f"{text} ({rule.why}).",
        rules.strategy(model),
        tuple(sorted(unquantized, key=lambda c: (-c.score, c.framework, c.precision))),
    )


@dataclass(frozen=True)
class _Ranker:
    model: ModelProfile
    hardware: HardwareProfile
    rule: Rule
    rules: RuleBook
    weights: Weights
    manifest: Manifest
    road: Road | None = None

    def candidate(self, spec: PrecisionSpec) -> Candidate:
        fit = memory_fit(self.model, expected_weight_bytes(self.model, spec), self.hardware)
        real = None if self.manifest.emulated else self.hardware.throughput
        decode = decode_tokens_per_s(self.model, fit.weight_bytes, real)
        return Candidate(
            framework=self.manifest.name,
            title=self.manifest.title,
            precision=spec.name,
            family=spec.family,
            device="emulator" if self.manifest.emulated else "CPU",
            fit=fit,
            # Random weights have no quality to keep: nothing is expected of it.
            expected_quality=(0.0, 1.0) if self.model.shape_only else spec.quality_prior,
            decode=decode,
            reasons=self._reasons(spec),
            needs_calibration=spec.needs_calibration,
            score=self._score(spec, fit),
            emulated=self.manifest.emulated,
        )

    def unquantized(self) -> list[Candidate]:
        specs = [spec for spec in self.manifest.precisions if is_unquantized(self.manifest, spec, self.model)]
        whole = [replace(self.candidate(spec), headline=False) for spec in specs]
        return [candidate for candidate in whole if candidate.fit.fits]

    def _score(self, spec: PrecisionSpec, fit: MemoryFit) -> float:
        """Speed and memory both follow the bytes a token has to read, each on its own scale.

        What is missing to 95 % of the quality counts four times more: a model that fails the gate is no
        bargain at any size.
        """
        original = max(1, self.model.contents.weight_bytes)
        saved = 1 - min(1.0, fit.weight_bytes / original)
        quality = sum(spec.quality_prior) / 2
        penalty = max(0.0, 0.95 - quality) * 4
        weights = self.weights
        total = max(1e-6, weights.speed + weights.quality + weights.memory)
        merit = (
            weights.speed * math.sqrt(saved) + weights.quality * (quality - penalty) + weights.memory * saved
        )
        usual = spec.name == self.manifest.default_precision.get(self.model.kind.value)
        return merit / total + self._prior() + (USUAL_BONUS if usual else 0.0)

    def _prior(self) -> float:
        """The platform's own two lead; the order for the kind of model settles the rest."""
        name = self.manifest.name
        bonus = {self.rule.primary: PRIMARY_BONUS, self.rule.secondary: SECONDARY_BONUS}.get(name, 0.0)
        order = list(dict.fromkeys((self.rule.primary, self.rule.secondary, *self.rules.order(self.model))))
        place = order.index(name) if name in order else len(order)
        away = AWAY_PENALTY if self.rules.is_away(name, self.rule) else 0.0
        return bonus - ORDER_STEP * place - away

    def _reasons(self, spec: PrecisionSpec) -> tuple[str, ...]:
        reasons = []
        if self.manifest.name == self.rule.primary:
            reasons.append(f"{self.rule.title}: primary by platform.")
        elif self.manifest.name == self.rule.secondary:
            reasons.append(f"{self.rule.title}: second by platform.")
        if spec.name == self.manifest.default_precision.get(self.model.kind.value):
            reasons.append("The framework's usual choice.")
        if spec.note:
            reasons.append(spec.note)
        if self.road is not None and self.road.steps:
            form = self.road.formats[-1].label
            reasons.append(f"Reached through {form}: the model is converted first.")
        if self.manifest.emulated:
            reasons.append("Emulated here: shows its accuracy, not its speed.")
        return tuple(reasons) or (self.manifest.summary,)


def _road(
    manifest: Manifest,
    source: SourceModel,
    converters: Sequence[Converter],
    availability: Mapping[str, Availability],
) -> Road | None:
    """How the model gets to the framework, by what is here if it can; ``None`` where nothing leads there."""
    here = {name for name, answer in availability.items() if answer.available}
    absent = {edge.framework: 0.0 for edge in converters if edge.framework not in here}
    contents = source.profile.contents
    size = Size(contents.parameters, contents.weight_bytes)
    try:
        return plan(
            source.forms,
            manifest.forms_of(source.profile.kind),
            source.profile.kind,
            converters,
            size,
            absent,
        )
    except NoRoad:
        return None


def _obstacle(
    manifest: Manifest, source: SourceModel, availability: Mapping[str, Availability], road: Road | None
) -> RuledOut | None:
    kind = source.profile.kind
    here = availability.get(manifest.name)
    if kind not in manifest.kinds:
        return RuledOut(manifest.name, manifest.title, f"takes no {kind.value} models", "")
    if here is None or not here.available:
        reason = here.reason if here else "not looked at yet"
        return RuledOut(manifest.name, manifest.title, reason, here.remedy if here else "")
    if road is None:
        wanted = " or ".join(form.label for form in manifest.forms_of(kind))
        have = ", ".join(form.label for form in source.forms)
        return RuledOut(
            manifest.name,
            manifest.title,
            f"takes {wanted}; this model is there as {have}, from which no converter leads there",
            f"Get the model as {wanted}.",
        )
    return _closed(manifest, road, availability)


def _closed(manifest: Manifest, road: Road, availability: Mapping[str, Availability]) -> RuledOut | None:
    """What keeps the road from being walked here: a converter whose libraries are not installed."""
    for step in road.steps:
        here = availability.get(step.converter.framework)
        if here is None or not here.available:
            there = step.converter.makes.label
            needs = f"the model must first be converted to {there}; {step.converter.title} is not installed"
            return RuledOut(manifest.name, manifest.title, needs, here.remedy if here else "")
    return None


def _too_large(manifest: Manifest, made: Sequence[Candidate]) -> RuledOut:
    if not made:
        return RuledOut(manifest.name, manifest.title, "has nothing smaller than this model already is", "")
    smallest = min(candidate.fit.total_bytes for candidate in made)
    return RuledOut(
        manifest.name,
        manifest.title,
        f"needs at least {smallest / 1e9:.1f} GB of memory, more than is free",
        "Close other programs or choose a smaller model.",
    )


def _mark_headlines(candidates: Sequence[Candidate], default: str) -> list[Candidate]:
    """The default and the best of each family lead; a framework's other precisions are a click away."""
    best: dict[str, Candidate] = {}
    for candidate in candidates:
        if candidate.family not in best or candidate.score > best[candidate.family].score:
            best[candidate.family] = candidate
    shown = {candidate.precision for candidate in best.values()} | {default}
    return [replace(candidate, headline=candidate.precision in shown) for candidate in candidates]


def _titles(manifests: Sequence[Manifest], name: str) -> str:
    return next((manifest.title for manifest in manifests if manifest.name == name), name)
