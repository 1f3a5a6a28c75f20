"""Is the converted model still the same one? Both answer the same fixed ids or inputs, each where it runs."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backends.actions.engines import environments, opener
from backends.actions.material import random_inputs
from backends.conversion.fixed import TEXT, WINDOW_TOKENS, drawn_ids
from backends.domain.artifact import Artifact, Configuration, LoadOptions, Sameness
from backends.domain.errors import EdgewrightError, JobFailed
from backends.domain.events import Progress
from backends.domain.model import ModelKind, ModelProfile
from backends.frameworks import registry
from backends.frameworks.base import EngineHandle, JobContext
from backends.frameworks.converters.base import ReferenceRequest
from backends.jobs.launcher import run_job
from backends.jobs.spec import REFERENCE, JobSpec
from backends.quality.logits import with_logits
from backends.quality.sameness import Likeness, of_logits, of_outputs, together
from backends.quality.scoring import Logits

TRANSFORMERS = "olive"  # the framework whose environment has PyTorch and transformers

# (least top-1 agreement, most difference). What rounding explains stays well inside, a weight in the wrong
# place lies far outside; the figures behind them are in docs/MEASUREMENT.md.
LIMITS = {"BF16": (0.95, 1.0), "F16": (0.98, 0.3)}
LIMITS_EXACT = (0.99, 0.1)
LIMITS_TENSOR = (0.99, 0.01)

Ids = tuple[int, ...]


def check(
    before: ModelProfile, original: Artifact | None, made: Artifact, converter: str, job: JobContext
) -> Sameness:
    """Hold ``made`` against what ``converter`` made it from.

    ``original``: the source as something an engine opens; ``None`` for a Hugging Face folder, which
    transformers runs. Raises JobFailed where it is not the same model.
    """
    job.emit(Progress(None, "Checking that it is still the same model"))
    with tempfile.TemporaryDirectory(prefix="edgewright-") as scratch:
        checked = _Check(before, original, made, converter, job, Path(scratch))
        found = checked.language() if made.kind is ModelKind.LANGUAGE else checked.tensor()
    if not found.holds:
        raise JobFailed(
            f"The conversion by {converter} failed: what it made is not the same model. {figures(found)}",
            "Another road may lead to the framework.",
        )
    return found


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

    def language(self) -> Sameness:
        reference = self._by_engine(self.original) if self.original else self._by_transformers()
        with closing(self._open(self.made)) as engine:
            parts = [
                of_logits(logits, _logits(engine, ids))
                for ids, logits in zip(reference.windows, reference.logits, strict=True)
            ]
            tokens = _tokens(engine)
        likeness = together(parts)
        stored = self.made.contents.tensor_types
        limits = next((LIMITS[name] for name in LIMITS if name in stored), LIMITS_EXACT)
        same = None if tokens is None or reference.tokens is None else tokens == reference.tokens
        return self._sameness(likeness, reference.engine, f"{likeness.positions} fixed ids", limits, same)

    def tensor(self) -> Sameness:
        assert self.original is not None  # an engine runs every model of named tensors
        inputs = random_inputs(self.before.inputs, self.scratch).batches[0]
        likeness = of_outputs(self._outputs(self.original, inputs), self._outputs(self.made, inputs))
        count = likeness.positions
        samples = f"{count} fixed inputs" if count > 1 else "one fixed input"
        return self._sameness(likeness, self.original.framework_title, samples, LIMITS_TENSOR)

    def _sameness(
        self,
        likeness: Likeness,
        reference: str,
        work: str,
        limits: tuple[float, float],
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

    def _by_transformers(self) -> _Reference:
        drawn = drawn_ids(self.before.vocabulary or 0, self._window)
        request = ReferenceRequest(self.before.path, TEXT, self._window, drawn, self.scratch)
        runtime = environments().runtime(registry.manifest(TRANSFORMERS))
        found = run_job(JobSpec(REFERENCE, request, ""), self.job, runtime)
        logits = [np.load(ref.path, allow_pickle=False) for ref in found.logits]
        tokens = list(found.tokens) or None
        return _Reference(f"Transformers {found.version}", found.windows, logits, tokens)

    def _by_engine(self, original: Artifact) -> _Reference:
        with closing(self._open(original)) as engine:
            tokens = _tokens(engine)
            vocabulary = self.before.vocabulary or engine.logits((0,)).vocabulary
            drawn = drawn_ids(vocabulary, self._window)
            windows = [ids for ids in (tuple(tokens or ())[: self._window], drawn) if ids]
            logits = [_logits(engine, ids) for ids in windows]
        return _Reference(original.framework_title, windows, logits, tokens)

    def _outputs(self, form: Artifact, inputs: Path) -> dict[str, NDArray[np.generic]]:
        target = self.scratch / f"outputs-{form.framework}.npz"
        with closing(self._open(form)) as engine:
            engine.infer(inputs, target)
        with np.load(target, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}

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


def _logits(engine: EngineHandle, ids: Ids) -> Logits:
    return with_logits(engine, ids, np.array)
