"""Is it still the same model, and how closely does a quantized one follow it?

Both answer the same fixed ids or inputs, each where it runs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.actions.artifacts import TRANSFORMERS
from backends.actions.assess import assess
from backends.actions.engines import environments, opener
from backends.actions.material import random_inputs
from backends.conversion.fixed import TEXT, WINDOW_TOKENS, drawn_ids
from backends.domain.artifact import Artifact, Configuration, LoadOptions, Sameness
from backends.domain.errors import EdgewrightError, JobFailed
from backends.domain.events import Progress
from backends.domain.model import ModelKind, ModelProfile, TensorSpec
from backends.frameworks import registry
from backends.frameworks.base import EngineHandle, JobContext, Manifest
from backends.frameworks.converters.base import OutputsRequest, Reference, ReferenceRequest
from backends.frameworks.samples import read_samples
from backends.jobs.launcher import run_job
from backends.jobs.spec import OUTPUTS, REFERENCE, JobSpec
from backends.quality.drawn import TOKENS, no_longer
from backends.quality.logits import with_logits
from backends.quality.sameness import Likeness, of_logits, of_outputs, together
from backends.quality.scoring import Logits

REFERENCES = ("olive", "optimum")  # whose environments have PyTorch and transformers

# (least top-1 agreement, most difference). What rounding explains stays well inside, a weight in the wrong
# place lies far outside; the figures behind them are in docs/MEASUREMENT.md.
LIMITS = {"BF16": (0.95, 1.0), "F16": (0.98, 0.3)}
LIMITS_EXACT = (0.99, 0.1)
LIMITS_TENSOR = (0.99, 0.01)
LIMITS_COMPILED = (0.75, 0.25)  # for a chip that computes with few bits
LEAST_RANDOM = 0.9  # of random weights: their likeliest tokens are nearly even, and rounding decides
# Of a source that is quantized already: engines round its activations each in their own way.
LIMITS_ROUNDED = (0.9, 2.0)
# Of what was quantized on purpose: they find what is broken. Quality is judged by the gates.
LIMITS_FOLLOWING = (0.2, 20.0)
LIMITS_FOLLOWING_TENSOR = (0.2, 1.0)
SAMPLES = 32
WHOLE_BITS = 16  # per weight: with fewer a model is quantized

Ids = tuple[int, ...]
Answers = dict[str, NDArray[np.generic]]  # outputs by name
Limits = tuple[float, float]  # least top-1 agreement, most difference


class Unanswered(JobFailed):
    """The source, or what was made of it, cannot be run here: nothing can be said of how alike they are."""


def check(
    before: ModelProfile,
    original: Artifact | None,
    made: Artifact,
    converter: str,
    job: JobContext,
    samples: Path | None = None,
) -> Sameness:
    """Hold ``made`` against what ``converter`` made it from.

    ``original``: the source as something an engine opens; ``None`` for a Hugging Face folder, which
    transformers runs. ``samples``: inputs as .npz for a model of named tensors, instead of random ones: what
    was calibrated with them knows no other ranges. Raises JobFailed where it is not the same model.
    """
    job.emit(Progress(None, "Checking that it is still the same model"))
    compiled = is_quantized(made, before)
    limits = (_limits(before, made), LIMITS_COMPILED if compiled else LIMITS_TENSOR)
    try:
        found = _compared(before, original, made, converter, job, limits, samples)
    except Unanswered as unanswered:
        raise unanswered.__cause__ or unanswered from None  # what cannot be proved is not kept
    if not found.holds:
        raise JobFailed(
            f"The conversion by {converter} failed: what it made is not the same model. {figures(found)}",
            "Another road may lead to the framework.",
        )
    return found


def follow(
    before: ModelProfile,
    original: Artifact | None,
    made: Artifact,
    job: JobContext,
    samples: Path | None = None,
) -> Sameness:
    """How closely the quantized ``made`` follows its source, given as for :func:`check`.

    Raises JobFailed where it does not answer with numbers, or with other shapes; else its answers are
    recorded, however far away they are. Raises Unanswered where either of both cannot be run here.
    """
    job.emit(Progress(None, "Looking how closely it follows the original"))
    how = f"{made.framework_title} {made.precision}"
    limits = (LIMITS_FOLLOWING, LIMITS_FOLLOWING_TENSOR)
    return _compared(before, original, made, how, job, limits, samples)


def _limits(before: ModelProfile, made: Artifact) -> Limits:
    """Of a converted language model."""
    if 0 < before.contents.bits_per_weight < WHOLE_BITS:
        return LIMITS_ROUNDED
    stored = made.contents.tensor_types
    least, most = next((LIMITS[name] for name in LIMITS if name in stored), LIMITS_EXACT)
    return (LEAST_RANDOM if made.shape_only else least), most


def is_quantized(made: Artifact, before: ModelProfile) -> bool:
    """Whether ``made`` has fewer bits for a weight than floating point and than its source."""
    bits = made.contents.bits_per_weight or _nominal_bits(made)
    return 0 < bits < min(WHOLE_BITS, before.contents.bits_per_weight)


def _nominal_bits(made: Artifact) -> float:
    """Of a file whose weights nobody but its engine reads, such as a context binary."""
    spec = registry.manifest(made.framework).precision(made.precision)
    return spec.bits if spec else 0.0


def reference_framework() -> Manifest:
    """Whose environment runs Hugging Face folders: the first that is there, else the one to be installed."""
    known = [registry.manifest(name) for name in REFERENCES]
    return next((one for one in known if environments().missing(one) is None), known[0])


def _compared(
    before: ModelProfile,
    original: Artifact | None,
    made: Artifact,
    converter: str,
    job: JobContext,
    limits: tuple[Limits, Limits],
    samples: Path | None,
) -> Sameness:
    """``limits``: for a language model, and for one of named tensors."""
    with tempfile.TemporaryDirectory(prefix="edgewright-") as scratch:
        checked = _Check(before, original, made, converter, job, Path(scratch), samples)
        if made.kind is ModelKind.LANGUAGE:
            return checked.language(limits[0])
        return checked.tensor(limits[1])


def figures(found: Sameness) -> str:
    """A sentence with the figures and what is asked of them."""
    agreement = "" if found.top1_agreement is None else f"top-1 agreement {found.top1_agreement:.1%}, "
    limits = f"at least {found.least_top1_agreement:.0%} and at most {found.most_difference:g} are asked for"
    return f"{found.compared}: {agreement}largest difference {found.max_abs_difference:.2g} ({limits})."


@dataclass(frozen=True)
class _Reference:
    """What the source answers. ``tokens``: of the fixed text, or ``None`` where nothing tokenizes it."""

    engine: str
    windows: Sequence[Ids]
    logits: Sequence[Logits]
    tokens: list[int] | None


@dataclass(frozen=True)
class _Check:
    before: ModelProfile
    original: Artifact | None
    made: Artifact
    converter: str
    job: JobContext
    scratch: Path
    samples: Path | None

    def language(self, limits: Limits) -> Sameness:
        with _heard("The original"):
            reference = self._source()
        with _heard("It"):
            found, tokens = self._answers(reference.windows)
        pairs = zip(reference.logits, found, strict=True)
        likeness = together([of_logits(before, after) for before, after in pairs])
        same = None if tokens is None or reference.tokens is None else tokens == reference.tokens
        work = f"{likeness.positions} fixed ids"
        return self._sameness(likeness, reference.engine, work, limits, same)

    def _source(self) -> _Reference:
        if self.original is not None and self.original.framework != TRANSFORMERS:
            return self._by_engine(self.original)
        drawn = drawn_ids(self.before.vocabulary or 0, self._window)
        found = self._by_transformers(self.before.path, drawn)
        return _Reference(
            f"Transformers {found.version}", found.windows, _arrays(found), list(found.tokens) or None
        )

    def _answers(self, windows: Sequence[Ids]) -> tuple[list[Logits], list[int] | None]:
        """What was made answers these ids, and how it splits the fixed text."""
        if self.made.framework == TRANSFORMERS:
            found = self._by_transformers(self.made.path, (), windows)
            return _arrays(found), list(found.tokens) or None
        with closing(self._open(self.made)) as engine:
            return [_logits(engine, ids) for ids in windows], _tokens(engine)

    def tensor(self, limits: Limits) -> Sameness:
        inputs = self._inputs()
        with _heard("The original"):
            before, engine = self._source_outputs(inputs)
        with _heard("It"):
            after = self._outputs(self.made, inputs)
        likeness = of_outputs(before, after)
        count = likeness.positions
        kind = "calibration sample" if self.samples else "fixed input"
        work = f"{count} {kind}s" if count > 1 else f"one {kind}"
        return self._sameness(likeness, engine, work, limits)

    def _inputs(self) -> Path:
        if self.samples is None:
            return random_inputs(self._specs, self.scratch).batches[0]
        found = read_samples(self.samples, self._specs, SAMPLES)
        path = self.scratch / "inputs-samples.npz"
        arrays: dict[str, Any] = dict(found.arrays)
        np.savez(path, allow_pickle=False, **arrays)
        return path

    @property
    def _specs(self) -> tuple[TensorSpec, ...]:
        """A Hugging Face folder does not tell what its model takes; the graph made of it does."""
        if self.before.inputs:
            return self.before.inputs
        specs = assess(self.made.path, self.job).profile.inputs
        return no_longer(specs, self.before.context_length or TOKENS)

    def _sameness(
        self,
        likeness: Likeness,
        reference: str,
        work: str,
        limits: Limits,
        same_tokens: bool | None = None,
    ) -> Sameness:
        return Sameness(
            converter=self.converter,
            compared=f"{self.made.framework_title} against {reference} on {work}",
            positions=likeness.positions,
            top1_agreement=likeness.top1_agreement,
            max_abs_difference=likeness.max_abs_difference,
            least_top1_agreement=limits[0],
            most_difference=limits[1],
            same_tokens=same_tokens,
        )

    def _by_transformers(self, folder: Path, drawn: Ids, windows: Sequence[Ids] = ()) -> Reference:
        request = ReferenceRequest(folder, TEXT, self._window, drawn, self.scratch, tuple(windows))
        runtime = environments().runtime(reference_framework())
        return run_job(JobSpec(REFERENCE, request, ""), self.job, runtime)

    def _by_engine(self, original: Artifact) -> _Reference:
        with closing(self._open(original)) as engine:
            tokens = _tokens(engine)
            vocabulary = self.before.vocabulary or engine.logits((0,)).vocabulary
            drawn = drawn_ids(vocabulary, self._window)
            windows = [ids for ids in (tuple(tokens or ())[: self._window], drawn) if ids]
            logits = [_logits(engine, ids) for ids in windows]
        return _Reference(original.framework_title, windows, logits, tokens)

    def _source_outputs(self, inputs: Path) -> tuple[Answers, str]:
        """By name, and whose they are."""
        if self.original is not None and self.original.framework != TRANSFORMERS:
            return self._outputs(self.original, inputs), self.original.framework_title
        request = OutputsRequest(self.before.path, inputs, self.scratch)
        runtime = environments().runtime(reference_framework())
        found = run_job(JobSpec(OUTPUTS, request, ""), self.job, runtime)
        return _read(found.path), f"Transformers {found.version}"

    def _outputs(self, form: Artifact, inputs: Path) -> Answers:
        target = self.scratch / f"outputs-{'made' if form is self.made else 'source'}.npz"
        with closing(self._open(form)) as engine:
            engine.infer(inputs, target)
        return _read(target)

    def _open(self, form: Artifact) -> EngineHandle:
        return opener(self.job)(Configuration(form, LoadOptions(context=WINDOW_TOKENS)))

    @property
    def _window(self) -> int:
        return min(WINDOW_TOKENS, self.before.context_length or WINDOW_TOKENS)


def _tokens(engine: EngineHandle) -> list[int] | None:
    """``None`` where the form has no tokenizer that this engine reads."""
    with suppress(EdgewrightError):
        return engine.tokenize([TEXT])[0]
    return None


@contextmanager
def _heard(who: str) -> Iterator[None]:
    """For a block in which an engine answers."""
    try:
        yield
    except EdgewrightError as error:
        raise Unanswered(f"{who} cannot be run here: {error.message}", error.remedy) from error


def _read(path: Path) -> Answers:
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _arrays(found: Reference) -> list[Logits]:
    return [np.load(ref.path, allow_pickle=False) for ref in found.logits]


def _logits(engine: EngineHandle, ids: Ids) -> Logits:
    return with_logits(engine, ids, np.array)
