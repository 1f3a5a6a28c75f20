"""What every adapter promises, asked of every registered framework in the environment it lives in.

All of it goes through real child processes, the way the window and the command line do it.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest

from backends.actions.assess import assess
from backends.domain.artifact import Artifact
from backends.domain.errors import BadInput, EdgewrightError, FrameworkUnavailable, JobCancelled
from backends.domain.events import Progress
from backends.domain.metric import ChoiceItem, TensorWorkload, TokenWorkload
from backends.domain.model import ModelKind
from backends.domain.runtime import Runtime
from backends.frameworks.base import Availability, Manifest, OptimizeRequest
from backends.jobs import launcher
from backends.jobs.context import Context
from backends.jobs.launcher import run_job
from backends.jobs.spec import OPTIMIZE, PROBE, JobSpec, ProbeRequest
from tests.conftest import ROOT
from tests.contract.conftest import Engine, Make, Sources, request_for, running
from tests.contract.managed import installed, quiet, runtime_of
from tests.contract.tiny_models import BOS_ID, CLASSES, IMAGE

pytestmark = [pytest.mark.real, pytest.mark.slow]

LANGUAGE, VISION = ModelKind.LANGUAGE, ModelKind.VISION
PROMPT = (BOS_ID, *range(260, 291))
CONTEXT = 1024  # as sessions are opened here
SPINNING_PERCENT = 50  # of one core, which a spinning thread takes even beside another program


def probe(manifest: Manifest, runtime: Runtime) -> Availability:
    return run_job(JobSpec(PROBE, ProbeRequest(), manifest.name), quiet(), runtime)


def optimize(manifest: Manifest, request: OptimizeRequest, job: Context | None = None) -> Artifact:
    return run_job(JobSpec(OPTIMIZE, request, manifest.name), job or quiet(), runtime_of(manifest))


@contextmanager
def cancelled_after(job: Context, seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, job.token.cancel)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def test_probe_tells_version_and_devices(manifest: Manifest) -> None:
    answer = probe(manifest, runtime_of(manifest))
    assert answer.available, answer.reason
    assert answer.version
    assert set(answer.devices) & set(manifest.devices)


def test_a_missing_package_has_a_reason_and_a_remedy(manifest: Manifest, tmp_path: Path) -> None:
    package = next(iter(manifest.packages))
    with pytest.raises(FrameworkUnavailable) as caught:
        answer = probe(manifest, without(package, runtime_of(manifest), tmp_path))
        assert not answer.available
        raise FrameworkUnavailable(answer.reason, answer.remedy)
    assert caught.value.message
    assert caught.value.remedy


def without(package: str, runtime: Runtime, folder: Path) -> Runtime:
    """A worker in which importing ``package`` fails as if it were not installed."""
    (folder / "sitecustomize.py").write_text(f"import sys\nsys.modules[{package!r}] = None\n")
    return replace(runtime, variables={"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"})


@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for kind in (LANGUAGE, VISION) for name in running(kind)]
)
def test_optimizing_makes_a_file_in_the_folder_given(name: str, kind: ModelKind, make: Make) -> None:
    manifest = installed(name)
    made = make(manifest, kind)
    assert made.framework == name
    assert made.format == manifest.makes
    assert made.kind == kind
    assert made.precision == manifest.default_precision[kind.value]
    assert made.path.exists()
    assert made.size_bytes > 0
    assert made.versions
    assert not made.original


@pytest.mark.parametrize("damage", ["missing", "empty", "nonsense", "truncated"])
def test_a_damaged_file_is_bad_input(
    damage: str, manifest: Manifest, kind: ModelKind, sources: Sources, tmp_path: Path
) -> None:
    request = request_for(
        sources, manifest, kind, manifest.default_precision[kind.value], tmp_path / "output"
    )
    request.output.mkdir()
    request = replace(request, source=damaged(request.source, damage, tmp_path))
    with pytest.raises(BadInput) as caught:
        optimize(manifest, request)
    assert request.source.name in caught.value.message
    assert caught.value.remedy
    assert not list(request.output.iterdir())


def damaged(model: Path, damage: str, folder: Path) -> Path:
    """A copy with that damage; in a Hugging Face folder it is done to the weights."""
    copy = folder / f"damaged{model.suffix}"
    if model.is_dir():
        shutil.copytree(model, copy)
    else:
        shutil.copyfile(model, copy)
    weights = copy / "model.safetensors" if copy.is_dir() else copy
    content = weights.read_bytes()
    contents = {"empty": b"", "nonsense": b"nonsense " * 1000, "truncated": content[: len(content) // 2]}
    if damage == "missing":
        weights.unlink()
    else:
        weights.write_bytes(contents[damage])
    return copy


def test_an_unknown_precision_is_bad_input(
    manifest: Manifest, kind: ModelKind, sources: Sources, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="Q99_Z"):
        optimize(manifest, request_for(sources, manifest, kind, "Q99_Z", tmp_path))


def test_a_cancelled_optimization_ends(
    manifest: Manifest, kind: ModelKind, sources: Sources, tmp_path: Path
) -> None:
    """Cancelled at the first sign of life; nothing that came too late is taken for a result."""
    request = request_for(sources, manifest, kind, manifest.default_precision[kind.value], tmp_path)
    job = Context(lambda _: job.token.cancel())
    with pytest.raises(JobCancelled):
        optimize(manifest, request, job)


def test_progress_rises_to_the_end(manifest: Manifest, kind: ModelKind, sources: Sources, make: Make) -> None:
    heard = sources.heard[make(manifest, kind).path]
    seen = [e.fraction for e in heard if isinstance(e, Progress) and e.fraction is not None]
    assert seen
    assert seen == sorted(seen)
    assert all(0 <= fraction <= 1 for fraction in seen)


def test_every_token_has_its_time(language: Manifest, make: Make, engine: Engine) -> None:
    with engine(make(language, LANGUAGE)) as handle:
        first = handle.measure(TokenWorkload(PROMPT, 24))
        again = handle.measure(TokenWorkload(PROMPT, 24))
    assert first.prompt_tokens == len(PROMPT)
    assert len(first.token_ids) == len(first.token_times_s) == 24
    assert first.token_times_s[0] > 0
    assert all(later > earlier for earlier, later in pairwise(first.token_times_s))
    assert first.token_ids == again.token_ids  # greedy, from an empty context each time


def test_same_ids_in_same_logits_out(language: Manifest, make: Make, engine: Engine) -> None:
    with engine(make(language, LANGUAGE)) as handle:
        logits = np.load(handle.logits(PROMPT).path)
        handle.logits(PROMPT[:7])
        again = np.load(handle.logits(PROMPT).path)
        begun = np.load(handle.logits(PROMPT[:7]).path)
        token = handle.measure(TokenWorkload(PROMPT, 1)).token_ids[0]
    assert logits.dtype == np.float32
    assert logits.shape[0] == len(PROMPT)
    assert np.isfinite(logits).all()
    np.testing.assert_allclose(again, logits, rtol=0, atol=1e-3)
    np.testing.assert_allclose(begun, logits[:7], rtol=0, atol=1e-3)  # what comes later changes nothing
    assert logits[-1].max() - logits[-1][token] < 1e-3


def test_more_than_the_context_is_refused(language: Manifest, make: Make, engine: Engine) -> None:
    with engine(make(language, LANGUAGE), context=256) as handle:
        with pytest.raises(BadInput, match="context"):
            handle.logits(PROMPT * 40)
        with pytest.raises(BadInput, match="context"):
            handle.measure(TokenWorkload(PROMPT, 2000))
        assert handle.logits(PROMPT).positions == len(PROMPT)  # and the session goes on


def test_text_becomes_ids_without_special_tokens(language: Manifest, make: Make, engine: Engine) -> None:
    with engine(make(language, LANGUAGE)) as handle:
        short, long, foreign = handle.tokenize(
            ["the cat", "the cat sat on the dog", "Grüße, 日本 \U0001f600"]
        )
        positions = handle.logits(tuple(long)).positions
    assert short
    assert foreign
    assert long[: len(short)] == short
    assert positions == len(long)
    assert BOS_ID not in short


def test_choices_are_scored_by_their_logits(language: Manifest, make: Make, engine: Engine) -> None:
    """The score of a one-token choice is the log-softmax of the query's last logits."""
    choices = ((265,), (270,), (271, 272))
    with engine(make(language, LANGUAGE)) as handle:
        (scores,) = handle.choose([ChoiceItem(PROMPT, choices, 0)])
        last = np.load(handle.logits(PROMPT).path)[-1].astype(np.float64)
    expected = last - np.log(np.exp(last - last.max()).sum()) - last.max()
    assert scores.tokens == (1, 1, 2)
    assert scores.log_probabilities[0] == pytest.approx(expected[265], abs=1e-3)
    assert scores.log_probabilities[1] == pytest.approx(expected[270], abs=1e-3)
    assert all(value < 0 for value in scores.log_probabilities)


def test_a_cancelled_generation_ends_and_the_worker_lives(
    language: Manifest, make: Make, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "ASK_S", 60.0)  # on a busy machine it may take its time, but it answers
    job = quiet()
    with engine(make(language, LANGUAGE), job, context=4096) as handle:
        with cancelled_after(job, 0.3), pytest.raises(JobCancelled):
            for _ in range(1000):
                handle.measure(TokenWorkload(PROMPT, 4000))
        assert psutil.Process(handle.pid).is_running()


def test_an_idle_worker_sleeps(
    manifest: Manifest, kind: ModelKind, make: Make, engine: Engine, sources: Sources
) -> None:
    """Two threads, so that there is one to spin; a few looks, as what was begun may still come to its end."""
    with engine(make(manifest, kind), threads=2) as handle:
        handle.measure(TokenWorkload(PROMPT, 8) if kind is LANGUAGE else _tensors(sources))
        worker = psutil.Process(handle.pid)
        looks = [worker.cpu_percent(interval=0.5) for _ in range(3)]
    assert min(looks) < SPINNING_PERCENT / 2, looks


def test_memory_is_plausible(language: Manifest, make: Make, engine: Engine) -> None:
    made = make(language, LANGUAGE)
    with engine(made) as handle:
        reading = handle.memory(TokenWorkload((PROMPT * CONTEXT)[: CONTEXT - 8], 8))
    assert reading.weights_bytes == made.size_bytes
    assert reading.total_peak_bytes > reading.baseline_bytes > 0
    assert reading.context == CONTEXT
    profile = assess(made.path, quiet()).profile
    if reading.kv_cache_bytes is not None:
        one_byte = profile.kv_cache_bytes(CONTEXT, 1.0)
        assert one_byte is None or reading.kv_cache_bytes in (2 * one_byte, 4 * one_byte)
        assert 0 < reading.kv_cache_bytes < reading.total_peak_bytes


def test_what_runs_is_told(manifest: Manifest, kind: ModelKind, make: Make, engine: Engine) -> None:
    with engine(make(manifest, kind)) as handle:
        told = handle.engine
    assert told.framework == manifest.name
    assert told.version
    assert any(device.upper() in told.device.upper() for device in manifest.devices)
    assert told.threads == 1
    assert told.cold_load_s > 0
    assert told.details


def test_a_file_that_cannot_be_opened_is_bad_input(
    manifest: Manifest, kind: ModelKind, make: Make, engine: Engine, tmp_path: Path
) -> None:
    made = make(manifest, kind)
    broken = damaged(made.path, "nonsense", tmp_path)
    with pytest.raises(EdgewrightError) as caught, engine(replace(made, path=broken)):
        pass
    assert isinstance(caught.value, BadInput), caught.value
    assert broken.name in caught.value.message


def test_tensors_go_in_and_come_out(
    vision: Manifest, make: Make, engine: Engine, sources: Sources, tmp_path: Path
) -> None:
    with engine(make(vision, VISION)) as handle:
        measured = handle.measure(_tensors(sources))
        outputs = np.load(handle.infer(sources.images, tmp_path / "outputs.npz"))
        again = np.load(handle.infer(sources.images, tmp_path / "again.npz"))
    (name,) = outputs.files
    assert outputs[name].shape == (64, CLASSES)
    assert np.isfinite(outputs[name]).all()
    np.testing.assert_array_equal(outputs[name], again[name])
    assert measured.batch == 64
    assert len(measured.latencies_s) >= 4
    assert all(latency > 0 for latency in measured.latencies_s)


def test_inputs_of_the_wrong_shape_are_bad_input(
    vision: Manifest, make: Make, engine: Engine, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.npz"
    np.savez(wrong, images=np.zeros((2, IMAGE[0], 5), np.float32))
    with engine(make(vision, VISION)) as handle, pytest.raises(BadInput):
        handle.infer(wrong, tmp_path / "outputs.npz")


def _tensors(sources: Sources) -> TensorWorkload:
    return TensorWorkload(sources.images, min_duration_s=0.05, min_repeats=4)
