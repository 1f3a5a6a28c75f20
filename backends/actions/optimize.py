"""Progressive optimization: one stage at a time, each measured against the best before it.

Baseline → conversion → quantization → acceleration → validation. A stage that does not hold is dropped, and
the next one continues from the best so far. Every finished stage is in the history at once, so that a run
that was cut off can be resumed or thrown away.
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from backends.actions.artifacts import load_artifact
from backends.actions.bench import DEPTHS
from backends.actions.compare import Comparison, check_unchanged, marks_of, refuse_other_files
from backends.actions.convert import original
from backends.actions.detect import detect
from backends.actions.engines import opener
from backends.actions.keeping import chosen_weights, ending, setup_of, this_machine, with_hashes
from backends.actions.measuring import Measuring
from backends.actions.parts import Parts
from backends.actions.quantize import known_precision, quantize
from backends.actions.recommend import recommend_for
from backends.actions.unchanged import refuse_other_than_made
from backends.benchmarking import conductor, threads
from backends.benchmarking.clock import RealClock
from backends.benchmarking.protocol import Plan
from backends.benchmarking.summary import Outcome as Measured
from backends.codec import from_plain, to_plain
from backends.domain.artifact import Artifact, Configuration, LoadOptions
from backends.domain.errors import BadInput, EdgewrightError
from backends.domain.events import Log
from backends.domain.metric import TokenWorkload, Workload
from backends.domain.model import SourceModel
from backends.domain.result import RESUMABLE, ConfigurationResult, Reading, RunRecord, RunSetup, Stage
from backends.frameworks import registry
from backends.frameworks.base import EngineHandle, JobContext, Manifest
from backends.optimization import search, stages
from backends.optimization.choosing import preferred
from backends.optimization.gates import overall
from backends.optimization.stages import Outcome, Step
from backends.optimization.stress import STRESS_PLANS, affordable
from backends.storage.history import History
from backends.workflow.wizard import Choice

SEARCH_S = {"quick": 90.0, "standard": 400.0, "thorough": 1800.0}  # no knob is begun after that
SEARCH_ROUNDS = {"quick": 1, "standard": 2, "thorough": 3}
TASK_LIMITS: dict[str, int | None] = {"quick": 400, "standard": None, "thorough": None}  # questions
SEARCH_PROMPT, SEARCH_TOKENS = 128, 32  # of a quick look; what it finds is confirmed in pairs
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


def comparison_at(depth: str, source: SourceModel, job: JobContext) -> Comparison:
    """The rules of a depth (a key of ``DEPTHS``) for a model, whose original is made ready."""
    return Comparison(
        source,
        original(source, job),
        (),
        DEPTHS[depth],
        task_limit=TASK_LIMITS[depth],
        stress=STRESS_PLANS[depth],
    )


def choose(
    source: SourceModel,
    job: JobContext,
    framework: str = "",
    precision: str = "",
    target: str = "this",
    candidates: int = 1,
) -> tuple[Choice, ...]:
    """What is named; else what is recommended for this machine, the best of each framework first.

    What needs calibration data is proposed only where there is some. Raises BadInput for names that are not
    known, and where nothing can be recommended.
    """
    if framework:
        manifest = registry.manifest(framework)
        usual = manifest.default_precision.get(source.profile.kind.value, "")
        return (Choice(manifest.name, known_precision(manifest, precision or usual, source).name),)
    if precision:
        raise BadInput(f"“{precision}” of which framework?", "Name one with --framework.")
    found = detect(job)
    ranked = recommend_for(source, found.hardware, found.availability, target=target)
    best: dict[str, Choice] = {}
    for one in ranked.candidates:
        if not one.emulated and (source.calibration is not None or not one.needs_calibration):
            best.setdefault(one.framework, Choice(one.framework, one.precision))
    if not best:
        why = " ".join(f"{one.title}: {one.reason}." for one in ranked.ruled_out)
        raise BadInput(f"Nothing can be made of {source.name} here. {why}", "Name a --framework yourself.")
    return tuple(best.values())[: max(1, candidates)]


def optimize(
    wanted: Optimization,
    job: JobContext,
    history: History,
    on_stage: OnStage = lambda stage: None,
    on_start: Callable[[str], None] = lambda run_id: None,
    gate: Callable[[], None] = lambda: None,
) -> RunRecord:
    """Run all stages and return the record. Every stage is handed to ``on_stage`` once it is decided.

    A framework or precision that fails costs its attempt only. Raises JobCancelled; what was found until then
    is in the history.
    """
    setup = _setup(wanted)
    request = {"optimization": to_plain(wanted), "marks": to_plain(marks_of(wanted.comparison))}
    run_id = history.start(wanted.comparison.source.name, this_machine(), setup=setup, request=request)
    return _run(wanted, job, history, run_id, (), on_stage, on_start, gate)


def _setup(wanted: Optimization) -> RunSetup:
    choices = tuple((one.framework, one.precision) for one in wanted.choices)
    return replace(setup_of(wanted.comparison), choices=choices)


def resume(
    run_id: str,
    job: JobContext,
    history: History,
    on_stage: OnStage = lambda stage: None,
    on_start: Callable[[str], None] = lambda run_id: None,
    gate: Callable[[], None] = lambda: None,
) -> RunRecord:
    """Carry on after the last stage that was decided before the run was stopped or cut off.

    Raises BadInput where it is finished or running, and where models, rules or machine have changed.
    """
    history.mark_interrupted()
    record = history.run(run_id)
    if record.state not in RESUMABLE:
        raise BadInput(f"The run {run_id} is {record.state}.", "Only a run that ended early can be resumed.")
    request = history.request(run_id) or {}
    if "optimization" not in request:
        raise BadInput(f"The run {run_id} is no optimization in stages.", "Try “edgewright bench --resume”.")
    wanted = from_plain(request["optimization"], Optimization)
    refuse_other_files(run_id, history, wanted.comparison)
    check_unchanged(_setup(wanted), record)
    for artifact in _made(record.stages):
        refuse_other_than_made(artifact)
    history.resume(run_id)
    return _run(wanted, job, history, run_id, record.stages, on_stage, on_start, gate)


def _made(stages: Sequence[Stage]) -> Iterator[Artifact]:
    """Each once: several stages open the same artifact in other ways."""
    made = [one.result.configuration.artifact for one in stages if one.result and not one.result.failure]
    yield from {one.path: one for one in made}.values()


def _run(
    wanted: Optimization,
    job: JobContext,
    history: History,
    run_id: str,
    earlier: Sequence[Stage],
    on_stage: OnStage,
    on_start: Callable[[str], None],
    gate: Callable[[], None],
) -> RunRecord:
    on_start(run_id)
    for stage in earlier:
        on_stage(stage)
    with ending(history, run_id), tempfile.TemporaryDirectory(prefix="edgewright-") as scratch:
        parts = Parts(job)
        shared = Measuring(wanted.comparison, parts.context, history, run_id, Path(scratch), gate)
        with closing(shared):
            _Pipeline(wanted, shared, parts, on_stage, list(earlier)).go()
    return history.run(run_id)


@dataclass
class _Pipeline:
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
        began = self._now_s()
        found = work()
        made = stages.timed(found, self._now_s() - began, self.alone_s)
        self.shared.history.add_stages(self.shared.run_id, made)
        self.stages += made
        for stage in made:
            self.on_stage(stage)

    def _now_s(self) -> float:
        """A clock that stands still while the user has paused."""
        return time.monotonic() - self.shared.paused_s

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
                told.append(_skipped(Step.CONVERSION, f"{manifest.title} runs the original as it is."))
            elif precision is None:
                told.append(
                    _skipped(Step.CONVERSION, f"{manifest.title} has no unquantized form of its own.")
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
            return [_skipped(Step.ACCELERATION, f"{manifest.title} runs in an emulator here.")]
        if not knobs:
            return [_skipped(Step.ACCELERATION, f"{manifest.title} names nothing that could be set.")]
        start = replace(best.load, threads=best.load.threads or self._threads_used())
        found = self._search(best, start, manifest)
        notes = tuple(f"Not tried, because the time was up: {name}." for name in found.untried)
        if found.load == start:
            text = f"{len(found.trials)} settings were tried; none was {search.LEAST_GAIN:.0%} faster."
            return [replace(_skipped(Step.ACCELERATION, text, *notes), trials=found.trials)]
        changed = search.described(found.load, start)
        faster = Configuration(
            replace(best.artifact, original=False), found.load, f"{self.best.label}, {changed}"
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
            return [_skipped(Step.VALIDATION, "No stage held, so the original stays as it is.")]
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
                told.append(_failed(Step.VALIDATION, result.failure, result))
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
        hashed = with_hashes(_setup(self.wanted), configurations, self.job)
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
        began = self._now_s()
        try:
            artifact = self._artifact(choice)
        except EdgewrightError as error:
            stage = _failed(step, f"{choice.framework} {choice.precision}: {error}")
            told.append(replace(stage, took_s=self._now_s() - began))
            self.job.emit(Log(stage.evidence[0]))
        else:
            made.append(Configuration(artifact, self.shared.original.load))
            self._spent({made[-1].label: self._now_s() - began})

    @contextmanager
    def _timing(self, label: str) -> Iterator[None]:
        began = self._now_s()
        yield
        self._spent({label: self._now_s() - began})

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

    def _search(self, best: Configuration, start: LoadOptions, manifest: Manifest) -> search.Found:
        """``start``: as the best is opened, with the threads that it really uses."""
        processor = this_machine().processor
        logical = processor.logical_cores.value or 1
        counts = threads.counts_to_try(processor.physical_cores.value or logical, logical)
        begun = self._now_s()
        return search.search(
            start,
            search.knobs_for(manifest.acceleration, best.artifact.kind),
            counts,
            lambda loads: self._compare(best, loads),
            SEARCH_ROUNDS[self.wanted.depth],
            lambda: self._now_s() - begun < SEARCH_S[self.wanted.depth],
        )

    def _threads_used(self) -> int:
        return self.best.engine.threads if self.best.engine else 0

    def _compare(self, best: Configuration, loads: Sequence[LoadOptions]) -> Sequence[float | str]:
        """As many at once as the memory holds."""
        self.shared.wait()
        room = affordable(len(loads), self._peak_bytes(), this_machine().memory.available_bytes.value)
        return search.in_batches(loads, room, lambda some: self._in_turns(best, some))

    def _in_turns(self, best: Configuration, loads: Sequence[LoadOptions]) -> Sequence[float | str]:
        """All open at once. The first is what the others are held against."""
        work = _short(self.shared.material.work)
        handles: dict[int, EngineHandle] = {}
        failures: dict[int, str] = {}
        with ExitStack() as opened:
            for number, load in enumerate(loads):
                try:
                    handles[number] = opener(self.job)(replace(best, load=load))
                except EdgewrightError as error:
                    failures[number] = str(error)
                else:
                    opened.callback(handles[number].close)
            if 0 in failures:
                return [failures[0]] * (len(loads) - 1)
            seen = threads.in_turns(handles, work, RealClock(), self.job)
        return [
            failures[number] if number in failures else search.gain(seen[number], seen[0], work)
            for number in range(1, len(loads))
        ]

    def _peak_bytes(self) -> int | None:
        return self.best.memory.total_peak_bytes if self.best.memory else None


def _short(work: Workload) -> Workload:
    """A quick look at the same work."""
    if isinstance(work, TokenWorkload):
        return TokenWorkload(work.token_ids[:SEARCH_PROMPT], SEARCH_TOKENS, work.sampling)
    return replace(work, min_duration_s=min(work.min_duration_s, 0.5))


def _with_quality_of(result: ConfigurationResult, known: ConfigurationResult) -> ConfigurationResult:
    """The very same configuration was judged in its stage; only what may vary is measured anew."""
    return replace(
        result,
        quality=known.quality,
        fidelity=known.fidelity,
        output_fidelity=known.output_fidelity,
        quality_failure=known.quality_failure,
    )


def _skipped(step: Step, *why: str) -> Stage:
    return Stage(step, Outcome.SKIPPED, why)


def _failed(step: Step, why: str, result: ConfigurationResult | None = None) -> Stage:
    return Stage(step, Outcome.FAILED, (why,), result)
