"""The wizard's state machine: six steps, what each needs and what changes when an earlier answer changes.

Knows no Qt and runs nothing. The state is a value; every change gives a new one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from backends.domain.artifact import Artifact, LoadOptions, Option
from backends.domain.hardware import HardwareProfile
from backends.domain.model import SourceModel
from backends.domain.result import ConfigurationResult
from backends.frameworks.base import Availability
from backends.recommendation.ranking import Candidate, Recommendation, Weights
from backends.recommendation.rules import THIS_MACHINE


class Step(StrEnum):
    HARDWARE = "hardware"
    MODEL = "model"
    RECOMMENDATION = "recommendation"
    OPTIMIZE = "optimize"
    BENCHMARK = "benchmark"
    RESULT = "result"


STEPS = tuple(Step)


@dataclass(frozen=True)
class Choice:
    """A framework and precision the user wants made."""

    framework: str
    precision: str

    @classmethod
    def of(cls, candidate: Candidate) -> Choice:
        return cls(candidate.framework, candidate.precision)


@dataclass(frozen=True)
class Opening:
    """How what is measured is opened.

    ``shared`` is alike for all, so that a ratio tells of the models; ``own`` has the framework's options of
    each, checked, and of those only what differs from the usual. The original's key is ``None``.
    """

    shared: LoadOptions = field(default_factory=LoadOptions)
    own: Mapping[Choice | None, Mapping[str, Option]] = field(default_factory=dict)

    def words(self, made: Sequence[Choice]) -> dict[str, Option]:
        """As the command line has them: "2:NAME" for the second artifact; the original is the first."""
        keys: tuple[Choice | None, ...] = (None, *made)
        return {
            f"{number}:{name}": value
            for number, key in enumerate(keys, 1)
            for name, value in self.own.get(key, {}).items()
        }


@dataclass(frozen=True)
class WizardState:
    hardware: HardwareProfile | None = None
    availability: Mapping[str, Availability] = field(default_factory=dict)
    source: SourceModel | None = None
    weights: Weights = field(default_factory=Weights)
    target: str = THIS_MACHINE
    recommendation: Recommendation | None = None
    chosen: tuple[Choice, ...] = ()
    options: Mapping[Choice, Mapping[str, Option]] = field(default_factory=dict)  # of quantizing, checked
    opening: Opening = Opening()
    original: Artifact | None = None
    artifacts: Mapping[Choice, Artifact] = field(default_factory=dict)
    failures: Mapping[Choice, str] = field(default_factory=dict)  # choices that could not be made, and why
    run_id: str = ""
    results: tuple[ConfigurationResult, ...] = ()

    def with_hardware(
        self, hardware: HardwareProfile, availability: Mapping[str, Availability]
    ) -> WizardState:
        return replace(self, hardware=hardware, availability=availability, recommendation=None)

    def with_source(self, source: SourceModel | None) -> WizardState:
        """Another model: everything that was made of the one before no longer counts."""
        return WizardState(
            hardware=self.hardware,
            availability=self.availability,
            source=source,
            weights=self.weights,
            target=self.target,
        )

    def with_data(self, source: SourceModel) -> WizardState:
        """The same model with other data. What was calibrated otherwise is to be made anew."""
        before = self.source
        same = before is not None and (
            (before.calibration, before.preprocessing) == (source.calibration, source.preprocessing)
        )
        kept = self.artifacts if same else {}
        return replace(self, source=source, artifacts=kept, failures={}, run_id="", results=())

    def with_recommendation(self, recommendation: Recommendation) -> WizardState:
        """A new ranking keeps the user's choice where it still stands, else it proposes its own."""
        possible = {Choice.of(candidate) for candidate in recommendation.offered}
        kept = tuple(choice for choice in self.chosen if choice in possible)
        chosen = kept or tuple(Choice.of(candidate) for candidate in recommendation.suggested)
        return replace(self, recommendation=recommendation, chosen=chosen)

    def with_wishes(self, weights: Weights, target: str) -> WizardState:
        return replace(self, weights=weights, target=target)

    def with_chosen(self, chosen: tuple[Choice, ...]) -> WizardState:
        return replace(self, chosen=chosen)

    def with_options(self, choice: Choice, options: Mapping[str, Option]) -> WizardState:
        """Other options of quantizing: what was made without them is to be made anew."""
        others = {key: given for key, given in self.options.items() if key != choice}
        kept = {**others, choice: options} if options else others
        return replace(self, options=kept).without_artifact(choice)

    def with_opening(self, opening: Opening) -> WizardState:
        """What was measured of another opening says nothing of this one; it stays in the history."""
        if opening == self.opening:
            return self
        return replace(self, opening=opening, run_id="", results=())

    def with_original(self, original: Artifact) -> WizardState:
        return replace(self, original=original)

    def with_artifact(self, choice: Choice, artifact: Artifact) -> WizardState:
        failures = {key: why for key, why in self.failures.items() if key != choice}
        return replace(self, artifacts={**self.artifacts, choice: artifact}, failures=failures)

    def without_artifact(self, choice: Choice) -> WizardState:
        """It is to be made anew; what was measured of the old one stays in the history."""
        artifacts = {key: made for key, made in self.artifacts.items() if key != choice}
        return replace(self, artifacts=artifacts)

    def with_failure(self, choice: Choice, sentence: str) -> WizardState:
        return replace(self, failures={**self.failures, choice: sentence})

    def with_run(self, run_id: str) -> WizardState:
        return replace(self, run_id=run_id, results=())

    def with_result(self, result: ConfigurationResult) -> WizardState:
        others = [r for r in self.results if r.configuration.label != result.configuration.label]
        return replace(self, results=(*others, result))

    @property
    def made(self) -> tuple[Artifact, ...]:
        """The artifacts of what is chosen now, in the order of the choice."""
        return tuple(self.artifacts[choice] for choice in self.to_measure)

    @property
    def to_measure(self) -> tuple[Choice, ...]:
        """What is chosen and made."""
        return tuple(choice for choice in self.chosen if choice in self.artifacts)

    @property
    def to_make(self) -> tuple[Choice, ...]:
        return tuple(choice for choice in self.chosen if choice not in self.artifacts)


def missing(step: Step, state: WizardState) -> str:
    """Why a step cannot be entered yet, as a sentence; empty when it can."""
    for earlier in STEPS[: STEPS.index(step)]:
        lack = unfinished(earlier, state)
        if lack:
            return lack
    return ""


def unfinished(step: Step, state: WizardState) -> str:
    """What a step still needs before the next one can be entered; empty when it is done."""
    if step == Step.HARDWARE:
        return "" if state.hardware else "The machine has not been looked at yet."
    if step == Step.MODEL:
        return "" if state.source else "No model has been chosen yet."
    if step == Step.RECOMMENDATION:
        return "" if state.chosen else "Choose at least one framework and precision."
    if step == Step.OPTIMIZE:
        return "" if state.made and state.original else "Nothing has been made yet."
    if step == Step.BENCHMARK:
        return "" if state.results else "Nothing has been measured yet."
    return ""


def done(step: Step, state: WizardState) -> bool:
    return not missing(step, state) and not unfinished(step, state) and step != Step.RESULT


def following(step: Step) -> Step | None:
    index = STEPS.index(step) + 1
    return STEPS[index] if index < len(STEPS) else None


def preceding(step: Step) -> Step | None:
    index = STEPS.index(step) - 1
    return STEPS[index] if index >= 0 else None
