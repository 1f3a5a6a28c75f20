"""The stages of an optimization: what each makes, how it is measured, and what it says.

Baseline → conversion → quantization → acceleration → validation. A stage that does not hold is dropped, and
the next one continues from the best so far. Every finished stage is in the history at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from backends.actions.acceleration import Acceleration
from backends.actions.artifacts import load_artifact
from backends.actions.compare import Comparison, refuse_other_files
from backends.actions.keeping import chosen_weights, model_hashes, setup_of, with_hashes
from backends.actions.measuring import Measuring
from backends.actions.parts import Parts
from backends.actions.quantize import quantize
from backends.actions.unchanged import refuse_other_than_made
from backends.benchmarking import conductor
from backends.benchmarking.protocol import Plan
from backends.benchmarking.summary import Outcome as Measured
from backends.domain.artifact import Artifact, Configuration
from backends.domain.errors import BadInput, EdgewrightError
from backends.domain.events import Log
from backends.domain.result import ConfigurationResult, Reading, RunSetup, Stage
from backends.frameworks import registry
from backends.frameworks.base import JobContext, Manifest
from backends.optimization import search, stages
from backends.optimization.choosing import preferred
from backends.optimization.gates import overall
from backends.optimization.stages import Outcome, Step
from backends.workflow.wizard import Choice

SHARES = {
    Step.BASELINE: 0.12,
    Step.CONVERSION: 0.14,
    Step.QUANTIZATION: 0.24,
    Step.ACCELERATION: 0.24,
    Step.VALIDATION: 0.26,
}  # of the progress bar; roughly what the stages take


@dataclass(frozen=True)
class Optimization:
    """``comparison``: the model, its original and all rules; its artifacts are made here, in ``folder``."""

    comparison: Comparison
    choices: tuple[Choice, ...]
    folder: Path
    depth: str = "quick"


OnStage = Callable[[Stage], None]


def setup_for(wanted: Optimization) -> RunSetup:
    """With the frameworks and precisions that are tried."""
    choices = tuple((one.framework, one.precision) for one in wanted.choices)
    return replace(setup_of(wanted.comparison), choices=choices)


@dataclass
class Pipeline:
    wanted: Optimization
    shared: Measuring
    parts: Parts
    on_stage: OnStage
    stages: list[Stage]
    alone_s: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))  # of this step

    def go(self) -> None:
        known = {stage.name for stage in self.stages}
        walk = {
            Step.BASELINE: self._baseline,
            Step.CONVERSION: self._conversion,
            Step.QUANTIZATION: self._quantization,
            Step.ACCELERATION: self._acceleration,
            Step.VALIDATION: self._validation,
        }
        for step, work in walk.items():
            self.parts.begin(step, SHARES[step])
            if step not in known:
                self._keep(step, work)
            elif step is Step.BASELINE:
                self._recall()

    def _keep(self, step: Step, work: Callable[[], Sequence[Stage]]) -> None:
        self.alone_s.clear()
        self.shared.wait()
        began = self.shared.now_s()
        found = work()
        made = stages.timed(found, self.shared.now_s() - began, self.alone_s)
        self.shared.history.add_stages(self.shared.run_id, made)
        self.stages += made
        for stage in made:
            self.on_stage(stage)

    def _recall(self) -> None:
        """The judge needs the original's answers again; the figures are in the stages."""
        baseline = self.stages[0].result
        if baseline is not None:
            self.shared.judged(baseline)

    @property
    def best(self) -> ConfigurationResult:
        return stages.best_of(self.stages)

    @property
    def job(self) -> JobContext:
        return self.shared.job

    def _baseline(self) -> Sequence[Stage]:
        plan = self._plan(self.shared.original, ())
        found = self._measured(Step.BASELINE, plan).results[0]
        if found.failure:
            raise BadInput(
                f"The original cannot be run: {found.failure}", "Choose another form of the model."
            )
        judged = self.shared.judged(found)
        self.shared.history.put_result(self.shared.run_id, judged)
        told = f"{judged.label}: everything is held against this."
        return [Stage(Step.BASELINE, Outcome.KEPT, (told,), judged)]

    def _conversion(self) -> Sequence[Stage]:
        """The same weights in the framework's own format, where it does not run the original as it is."""
        frameworks = dict.fromkeys(choice.framework for choice in self.wanted.choices)
        runner = self.best.configuration.artifact
        made: list[Configuration] = []
        told: list[Stage] = []
        for manifest in map(registry.manifest, frameworks):
            precision = self._unquantized(manifest)
            if manifest.name == runner.framework:
                told.append(stages.skipped(Step.CONVERSION, f"{manifest.title} runs the original as it is."))
            elif precision is None:
                told.append(
                    stages.skipped(Step.CONVERSION, f"{manifest.title} has no unquantized form of its own.")
                )
            else:
                self._make(Step.CONVERSION, Choice(manifest.name, precision), made, told)
        return [*told, *self._attempts(Step.CONVERSION, made)]

    def _quantization(self) -> Sequence[Stage]:
        made: list[Configuration] = []
        told: list[Stage] = []
        for choice in self.wanted.choices:
            self._make(Step.QUANTIZATION, choice, made, told)
        return [*told, *self._attempts(Step.QUANTIZATION, made)]

    def _acceleration(self) -> Sequence[Stage]:
        """A quick search over what the framework lets one set; its winner is then measured in pairs."""
        best = self.best.configuration
        manifest = registry.manifest(best.artifact.framework)
        knobs = search.knobs_for(manifest.acceleration, best.artifact.kind)
        if manifest.emulated:
            return [stages.skipped(Step.ACCELERATION, f"{manifest.title} runs in an emulator here.")]
        if not knobs:
            return [stages.skipped(Step.ACCELERATION, f"{manifest.title} names nothing that could be set.")]
        acceleration = Acceleration(self.best, self.shared, self.wanted.depth)
        found = acceleration.found(knobs)
        notes = tuple(f"Not tried, because the time was up: {name}." for name in found.untried)
        if found.load == acceleration.start:
            text = f"{len(found.trials)} settings were tried; none was {search.LEAST_GAIN:.0%} faster."
            return [replace(stages.skipped(Step.ACCELERATION, text, *notes), trials=found.trials)]
        changed = search.described(found.load, acceleration.start)
        hashes = best.artifact.hashes or model_hashes(best.artifact, self.shared.job)
        faster = Configuration(
            replace(best.artifact, original=False, hashes=hashes),
            found.load,
            f"{self.best.label}, {changed}",
        )
        tried = f"The best of {len(found.trials)} settings tried: {changed}."
        return [
            replace(stage, evidence=(*stage.evidence, tried, *notes), trials=found.trials)
            for stage in self._attempts(Step.ACCELERATION, [faster])
        ]

    def _validation(self) -> Sequence[Stage]:
        """What is left against the original, anew: speed, memory, stress and all gates."""
        chosen = stages.contenders(self.stages)
        baseline = self.stages[0].result
        assert baseline is not None
        if not chosen:
            self._amend((), [self.shared.original])
            return [stages.skipped(Step.VALIDATION, "No stage held, so the original stays as it is.")]
        configurations = [one.configuration for one in chosen]
        plan = self.shared.plan(self.shared.original, configurations)
        outcome = conductor.run(plan, self.shared.surface(lambda result: None))
        original, *found = outcome.results
        results = [_with_quality_of(original, baseline)]
        self._spent(stages.seconds_alone(outcome.readings))
        for result, known in zip(found, chosen, strict=True):
            with self._timing(result.label):
                complete = self.shared.stressed(_with_quality_of(result, known))
                gates = self.shared.gates_of(complete, results[0], outcome.readings)
            results.append(replace(complete, gates=gates))
        for result in results:
            self.shared.history.put_result(self.shared.run_id, result)
        self._amend(outcome.notes, [self.shared.original, *configurations])
        return self._verdicts(results)

    def _verdicts(self, results: Sequence[ConfigurationResult]) -> Sequence[Stage]:
        original, *made = results
        picked = preferred(results, chosen_weights())
        told = []
        for result in made:
            if result.failure:
                told.append(stages.failed(Step.VALIDATION, result.failure, result))
                continue
            chain = stages.chain_sentence(self.stages, stages.main_comparison(result))
            is_best = result.configuration == self.best.configuration
            evidence = stages.gate_sentences(result.gates)
            evidence += [chain] if chain and is_best else []
            evidence += [picked.reason] if picked and picked.label == result.label else []
            verdict = overall(result.gates).value
            told.append(Stage(Step.VALIDATION, verdict, tuple(evidence), result, original.label))
        return told

    def _amend(self, said: Sequence[str], configurations: Sequence[Configuration]) -> None:
        refuse_other_files(self.shared.run_id, self.shared.history, self.wanted.comparison)
        hashed = with_hashes(setup_for(self.wanted), configurations, self.job)
        notes = (*self.shared.material.notes, *said)
        self.shared.history.amend(self.shared.run_id, hashed, notes)

    def _attempts(self, step: Step, made: Sequence[Configuration]) -> Sequence[Stage]:
        """Each in pairs with the best before; then which of those that hold goes on."""
        if not made:
            return []
        before = self.best
        outcome = self._measured(step, self._plan(before.configuration, made))
        decided = []
        self._spent(stages.seconds_alone(outcome.readings))
        for result in outcome.results[1:]:
            with self._timing(result.label):
                judged = self.shared.judged(result)
                gates = self.shared.gates_of(judged, before, ())
            emulated = registry.manifest(result.configuration.artifact.framework).emulated
            decided.append(stages.decided(step, judged, before, gates, emulated))
        return stages.settled(decided, chosen_weights())

    def _plan(self, original: Configuration, candidates: Sequence[Configuration]) -> Plan:
        """Stages are decided at "no slower", not at the gates' thresholds."""
        return replace(self.shared.plan(original, candidates), thresholds=(1.0,), start_up=False)

    def _measured(self, step: Step, plan: Plan) -> Measured:
        """Raw samples are kept under the stage's name, apart from those of the validation.

        Energy takes minutes a configuration and decides no stage: the baseline has it, and the validation.
        """
        shared = self.shared

        def keep(reading: Reading) -> None:
            named = replace(reading, comparison=f"{step.value}: {reading.comparison}")
            shared.history.add_reading(shared.run_id, named)

        surface = shared.surface(lambda result: None, keep)
        if step is not Step.BASELINE:
            surface = replace(surface, counters=None)
        return conductor.run(plan, surface)

    def _make(self, step: Step, choice: Choice, made: list[Configuration], told: list[Stage]) -> None:
        self.shared.wait()
        began = self.shared.now_s()
        try:
            artifact = self._artifact(choice)
        except EdgewrightError as error:
            stage = stages.failed(step, f"{choice.framework} {choice.precision}: {error}")
            told.append(replace(stage, took_s=self.shared.now_s() - began))
            self.job.emit(Log(stage.evidence[0]))
        else:
            made.append(Configuration(artifact, self.shared.original.load))
            self._spent({made[-1].label: self.shared.now_s() - began})

    @contextmanager
    def _timing(self, label: str) -> Iterator[None]:
        began = self.shared.now_s()
        yield
        self._spent({label: self.shared.now_s() - began})

    def _spent(self, alone_s: Mapping[str, float]) -> None:
        """Seconds on one attempt alone, by its label."""
        for label, seconds in alone_s.items():
            self.alone_s[label] += seconds

    def _artifact(self, choice: Choice) -> Artifact:
        """Made now, or by the part of this run that was cut off."""
        source = self.wanted.comparison.source
        name = f"{source.name}-{choice.framework}-{choice.precision}-{self.shared.run_id}"
        out = self.wanted.folder / name.replace(" ", "-").lower()
        if out.exists():
            made = load_artifact(out)
            refuse_other_than_made(made)
            return made
        return quantize(source, choice.framework, choice.precision, out, self.parts.aside)

    def _unquantized(self, manifest: Manifest) -> str | None:
        """The framework's precision that keeps the weights as they are: as many bits, or the next more."""
        profile = self.wanted.comparison.source.profile
        found = [
            spec
            for spec in manifest.precisions
            if spec.family == "original" and profile.kind in spec.kinds and spec.name.upper() != "BF16"
        ]
        enough = [spec for spec in found if spec.bits >= round(profile.contents.bits_per_weight)]
        chosen = min(enough or found, key=lambda spec: spec.bits, default=None)
        return chosen.name if chosen else None


def _with_quality_of(result: ConfigurationResult, known: ConfigurationResult) -> ConfigurationResult:
    """The very same configuration was judged in its stage; only what may vary is measured anew."""
    return replace(
        result,
        quality=known.quality,
        fidelity=known.fidelity,
        output_fidelity=known.output_fidelity,
        quality_failure=known.quality_failure,
    )
