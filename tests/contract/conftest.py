"""Models and artifacts that the contract tests share. What makes processes is opened by each test itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from backends.actions.engines import host
from backends.domain.artifact import Artifact, Configuration, LoadOptions
from backends.domain.events import Event
from backends.domain.model import ModelFormat, ModelKind
from backends.frameworks import registry
from backends.frameworks.base import Manifest, OptimizeRequest
from backends.jobs.context import Context
from backends.jobs.engine import RemoteEngine, open_engine
from backends.jobs.launcher import run_job
from backends.jobs.spec import OPTIMIZE, JobSpec
from tests.contract import hf_models, onnx_models, tiny_models
from tests.contract.managed import installed, quiet, runtime_of

CONTEXT_TOKENS = 1024


@dataclass(frozen=True)
class Sources:
    """The unquantized tiny models by format, and what was made of them. ``heard``: events by artifact."""

    language: dict[ModelFormat, Path]
    tensor: dict[ModelFormat, Path]
    text: Path
    images: Path
    made: dict[tuple[str, str, str], Artifact] = field(default_factory=dict)
    heard: dict[Path, list[Event]] = field(default_factory=dict)

    def of(self, manifest: Manifest, kind: ModelKind) -> tuple[ModelFormat, Path]:
        known = self.language if kind is ModelKind.LANGUAGE else self.tensor
        form = next(form for form in manifest.takes if form in known)
        return form, known[form]


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    folder = tmp_path_factory.mktemp("tiny")
    return Sources(
        {
            ModelFormat.GGUF: tiny_models.language_gguf(folder / "tiny.gguf"),
            ModelFormat.ONNX: onnx_models.language_onnx(folder / "onnx"),
            ModelFormat.HUGGING_FACE: hf_models.language_hf(folder / "hf"),
        },
        {ModelFormat.ONNX: tiny_models.vision_onnx(folder / "tiny.onnx")},
        tiny_models.calibration_text(folder / "calibration.txt"),
        tiny_models.images(folder / "images.npz"),
    )


def running(kind: ModelKind) -> list[str]:
    """The frameworks that run models of this kind; see test_qnn for what QNN says to a language model."""
    needed = "generate" if kind is ModelKind.LANGUAGE else "infer"
    return [m.name for m in registry.manifests() if kind in m.kinds and needed in m.capabilities]


@pytest.fixture(params=[m.name for m in registry.manifests()])
def manifest(request: pytest.FixtureRequest) -> Manifest:
    """Every registered framework, in the base install or in an environment of its own."""
    return installed(request.param)


@pytest.fixture
def kind(manifest: Manifest) -> ModelKind:
    """What a framework is tested with where either would do."""
    return ModelKind.LANGUAGE if manifest.name in running(ModelKind.LANGUAGE) else ModelKind.VISION


@pytest.fixture(params=running(ModelKind.LANGUAGE))
def language(request: pytest.FixtureRequest) -> Manifest:
    return installed(request.param)


@pytest.fixture(params=running(ModelKind.VISION))
def vision(request: pytest.FixtureRequest) -> Manifest:
    return installed(request.param)


def request_for(
    sources: Sources, manifest: Manifest, kind: ModelKind, precision: str, output: Path
) -> OptimizeRequest:
    form, path = sources.of(manifest, kind)
    calibration = sources.text if kind is ModelKind.LANGUAGE else sources.images
    return OptimizeRequest(
        path, form, kind, precision, output, name="tiny", calibration=calibration, threads=1
    )


Make = Callable[..., Artifact]


@pytest.fixture
def make(sources: Sources, tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Quantizes in a child process, each precision once a session; the manifest's default unless named."""

    def made(manifest: Manifest, kind: ModelKind, precision: str = "") -> Artifact:
        precision = precision or manifest.default_precision[kind.value]
        key = (manifest.name, kind.value, precision)
        if key not in sources.made:
            folder = tmp_path_factory.mktemp(manifest.name)
            request = request_for(sources, manifest, kind, precision, folder)
            spec = JobSpec(OPTIMIZE, request, manifest.name)
            events: list[Event] = []
            sources.made[key] = run_job(spec, Context(events.append), runtime_of(manifest))
            sources.heard[sources.made[key].path] = events
        return sources.made[key]

    return made


Engine = Callable[..., AbstractContextManager[RemoteEngine]]


@pytest.fixture
def engine() -> Engine:
    """Opens an artifact in a worker of its own, on one thread so that the machine stays usable."""

    @contextmanager
    def opened(artifact: Artifact, job: Context | None = None, **load: object) -> Iterator[RemoteEngine]:
        options = LoadOptions(**{"threads": 1, "context": CONTEXT_TOKENS, **load})  # type: ignore[arg-type]
        configuration = Configuration(artifact, options)
        with open_engine(configuration, job or quiet(), runtime_of(host(configuration))) as handle:
            yield handle

    return opened
