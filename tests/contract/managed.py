"""How the contract tests run a framework: in the environment it lives in, the base install's or its own."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from numpy.typing import NDArray

from backends.actions.engines import environments
from backends.domain.artifact import Artifact, Configuration, LoadOptions
from backends.domain.model import ModelFormat, ModelKind
from backends.domain.runtime import Runtime
from backends.frameworks import registry
from backends.frameworks.base import Manifest, OptimizeRequest
from backends.frameworks.environments import SYSTEMS
from backends.jobs.context import Context
from backends.jobs.engine import RemoteEngine, open_engine
from backends.jobs.launcher import run_job
from backends.jobs.spec import OPTIMIZE, JobSpec
from tests.conftest import ALL_FRAMEWORKS, ROOT

BUNDLED = ROOT / "resources" / "models" / "edgewright-lm" / "hf"


def runtime_of(manifest: Manifest) -> Runtime:
    """How its workers are started; a framework that is not installed ends the test, see :func:`absent`."""
    if SYSTEMS.get(sys.platform, sys.platform) not in manifest.systems:
        pytest.skip(f"{manifest.title} is not made for this system")
    known = environments()
    missing = known.missing(manifest)
    if missing is not None:
        absent(f"{manifest.title} is {missing.reason}. {missing.remedy}")
    lacking = [name for name in manifest.packages if importlib.util.find_spec(name) is None]
    if lacking and not manifest.environment:
        absent(f"{manifest.title} is not installed beside the tests: {', '.join(lacking)}.")
    return known.runtime(manifest)


def installed(name: str) -> Manifest:
    """The manifest of a framework that can be run here; ends the test like :func:`runtime_of`."""
    manifest = registry.manifest(name)
    runtime_of(manifest)
    return manifest


def absent(why: str) -> NoReturn:
    """A developer's machine may lack a framework: the test is skipped. Where all are called for, it fails."""
    if os.environ.get(ALL_FRAMEWORKS):
        pytest.fail(f"{why} {ALL_FRAMEWORKS} asks for every framework.")
    pytest.skip(why)


class Framework:
    """One framework in its environment, for a test that names the source and the options itself."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.runtime = runtime_of(registry.manifest(name))
        self._folder = folder
        self._made = 0

    def optimize(
        self,
        source: Path,
        kind: ModelKind,
        precision: str,
        calibration: Path | None = None,
        job: Context | None = None,
        **options: Any,
    ) -> Artifact:
        self._made += 1
        output = self._folder / f"{self.name}-{precision}-{self._made}"
        output.mkdir()
        form = ModelFormat.HUGGING_FACE if source.is_dir() else ModelFormat.ONNX
        request = OptimizeRequest(
            source, form, kind, precision, output, source.stem, calibration, options=options
        )
        return run_job(JobSpec(OPTIMIZE, request, self.name), job or quiet(), self.runtime)

    @contextmanager
    def open(self, artifact: Artifact) -> Iterator[RemoteEngine]:
        with open_engine(Configuration(artifact, LoadOptions()), quiet(), self.runtime) as engine:
            yield engine


def quiet() -> Context:
    """A job that nobody listens to."""
    return Context(lambda _: None)


def bundled_language_model() -> Path:
    return BUNDLED


def logits(engine: RemoteEngine, ids: tuple[int, ...]) -> NDArray[np.float32]:
    rows: NDArray[np.float32] = np.load(engine.logits(ids).path)
    return rows


def agreement(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Share of positions at which both hold the same token for the likeliest."""
    return float((one.argmax(-1) == other.argmax(-1)).mean())


def cosine(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Of each row, the smallest."""
    norms = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    return float(((one * other).sum(-1) / norms).min())


def stop_at(words: str) -> Context:
    """A job that is cancelled as soon as its progress says ``words``."""
    job: Context

    def listen(event: Any) -> None:
        if words in getattr(event, "what", ""):
            job.token.cancel()

    job = Context(listen)
    return job
