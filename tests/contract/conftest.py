"""Models and artifacts that the contract tests share. What makes processes is opened by each test itself."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from backends.domain.artifact import Artifact, Configuration, LoadOptions
from backends.domain.model import ModelFormat, ModelKind
from backends.frameworks import registry
from backends.frameworks.base import Manifest, OptimizeRequest
from backends.jobs.context import Context
from backends.jobs.engine import RemoteEngine, open_engine
from backends.jobs.launcher import run_job
from backends.jobs.spec import OPTIMIZE, JobSpec
from tests.contract import onnx_models, tiny_models

CONTEXT_TOKENS = 1024


@dataclass(frozen=True)
class Sources:
    """The unquantized tiny models by format. A framework that takes none of them is skipped, saying so."""

    language: dict[ModelFormat, Path]
    tensor: dict[ModelFormat, Path]
    text: Path
    images: Path
    made: dict[tuple[str, str, str], Artifact] = field(default_factory=dict)

    def of(self, manifest: Manifest, kind: ModelKind) -> tuple[ModelFormat, Path]:
        known = self.language if kind is ModelKind.LANGUAGE else self.tensor
        for form in manifest.takes:
            if form in known:
                return form, known[form]
        pytest.skip(f"{manifest.title} takes none of the tiny {kind.value} models: {', '.join(known)}")


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    folder = tmp_path_factory.mktemp("tiny")
    return Sources(
        {
            ModelFormat.GGUF: tiny_models.language_gguf(folder / "tiny.gguf"),
            ModelFormat.ONNX: onnx_models.language_onnx(folder / "onnx"),
        },
        {ModelFormat.ONNX: tiny_models.vision_onnx(folder / "tiny.onnx")},
        tiny_models.calibration_text(folder / "calibration.txt"),
        tiny_models.images(folder / "images.npz"),
    )


@pytest.fixture(params=[m.name for m in registry.manifests()])
def manifest(request: pytest.FixtureRequest) -> Manifest:
    """Every registered framework that is installed beside the tests."""
    found = registry.manifest(request.param)
    if not (registry.folders()[found.name] / "adapter.py").is_file():
        pytest.skip(f"{found.title} has no adapter yet")
    if found.environment:
        pytest.skip(f"{found.title} lives in the managed environment “{found.environment}”")
    missing = [name for name in found.packages if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{found.title} is not installed here: {', '.join(missing)}")
    return found


@pytest.fixture
def language(manifest: Manifest) -> Manifest:
    if ModelKind.LANGUAGE not in manifest.kinds:
        pytest.skip(f"{manifest.title} takes no language models")
    return manifest


@pytest.fixture
def vision(manifest: Manifest) -> Manifest:
    if ModelKind.VISION not in manifest.kinds:
        pytest.skip(f"{manifest.title} takes no vision models")
    return manifest


def quiet() -> Context:
    """A job that nobody listens to."""
    return Context(lambda _: None)


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
            sources.made[key] = run_job(JobSpec(OPTIMIZE, request, manifest.name), quiet())
        return sources.made[key]

    return made


Engine = Callable[..., AbstractContextManager[RemoteEngine]]


@pytest.fixture
def engine() -> Engine:
    """Opens an artifact in a worker of its own, on one thread so that the machine stays usable."""

    @contextmanager
    def opened(artifact: Artifact, job: Context | None = None, **load: object) -> Iterator[RemoteEngine]:
        options = LoadOptions(**{"threads": 1, "context": CONTEXT_TOKENS, **load})  # type: ignore[arg-type]
        with open_engine(Configuration(artifact, options), job or quiet()) as handle:
            yield handle

    return opened
