"""What every adapter promises, asked of every framework that is registered and installed.

All of it goes through real child processes, the way the window and the command line do it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest

from backends.domain.errors import BadInput, EdgewrightError, FrameworkUnavailable, JobCancelled
from backends.domain.events import Progress
from backends.domain.metric import ChoiceItem, TensorWorkload, TokenWorkload
from backends.domain.model import ModelKind
from backends.domain.runtime import Runtime
from backends.frameworks.base import Availability, Manifest, OptimizeRequest
from backends.jobs.context import Context
from backends.jobs.launcher import run_job
from backends.jobs.spec import OPTIMIZE, PROBE, JobSpec, ProbeRequest
from tests.contract.conftest import Engine, Make, Sources, quiet, request_for
from tests.contract.tiny_models import BOS_ID, CLASSES, IMAGE

pytestmark = [pytest.mark.real, pytest.mark.slow]

PROMPT = (BOS_ID, *range(260, 291))


def probe(manifest: Manifest, runtime: Runtime | None = None) -> Availability:
    return run_job(JobSpec(PROBE, ProbeRequest(), manifest.name), quiet(), runtime)


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
    answer = probe(manifest)
    assert answer.available, answer.reason
    assert answer.version
    assert "CPU" in answer.devices


def test_a_missing_package_has_a_reason_and_a_remedy(manifest: Manifest, tmp_path: Path) -> None:
    package = next(iter(manifest.packages))
    with pytest.raises(FrameworkUnavailable) as caught:
        answer = probe(manifest, without(package, tmp_path))
        assert not answer.available
        raise FrameworkUnavailable(answer.reason, answer.remedy)
    assert caught.value.message
    assert caught.value.remedy


def without(package: str, folder: Path) -> Runtime:
    """A worker in which importing ``package`` fails as if it were not installed."""
    (folder / "sitecustomize.py").write_text(f"import sys\nsys.modules[{package!r}] = None\n")
    root = Path(__file__).resolve().parents[2]
    return Runtime(variables={"PYTHONPATH": f"{folder}:{root}"})


@pytest.mark.parametrize("kind", [ModelKind.LANGUAGE, ModelKind.VISION])
def test_optimizing_makes_a_file_in_the_folder_given(kind: ModelKind, manifest: Manifest, make: Make) -> None:
    if kind not in manifest.kinds:
        pytest.skip(f"{manifest.title} takes no {kind.value} models")
    made = make(manifest, kind)
    assert made.framework == manifest.name
    assert made.format == manifest.makes
    assert made.kind == kind
    assert made.precision == manifest.default_precision[kind.value]
    assert made.path.exists()
    assert made.size_bytes > 0
    assert made.versions
    assert not made.original


@pytest.mark.parametrize("damage", ["missing", "empty", "nonsense", "truncated"])
def test_a_damaged_file_is_bad_input(
    damage: str, manifest: Manifest, sources: Sources, tmp_path: Path
) -> None:
    request = damaged(damage, manifest, sources, tmp_path)
    with pytest.raises(BadInput) as caught:
        run_job(JobSpec(OPTIMIZE, request, manifest.name), quiet())
    assert request.source.name in caught.value.message
    assert caught.value.remedy
    assert not list(request.output.iterdir())


def damaged(damage: str, manifest: Manifest, sources: Sources, folder: Path) -> OptimizeRequest:
    kind = manifest.kinds[0] if manifest.kinds[0] is ModelKind.LANGUAGE else ModelKind.VISION
    form, good = sources.of(manifest, kind)
    if good.is_dir():
        pytest.skip(f"the tiny {form.value} model is a folder")
    content = good.read_bytes()
    path = folder / f"damaged{good.suffix}"
    contents = {"empty": b"", "nonsense": b"nonsense " * 1000, "truncated": content[: len(content) // 2]}
    if damage in contents:
        path.write_bytes(contents[damage])
    output = folder / "output"
    output.mkdir()
    return OptimizeRequest(path, form, kind, manifest.default_precision[kind.value], output)


def test_an_unknown_precision_is_bad_input(manifest: Manifest, sources: Sources, tmp_path: Path) -> None:
    kind = ModelKind.LANGUAGE if ModelKind.LANGUAGE in manifest.kinds else ModelKind.VISION
    request = request_for(sources, manifest, kind, "Q99_Z", tmp_path)
    with pytest.raises(BadInput, match="Q99_Z"):
        run_job(JobSpec(OPTIMIZE, request, manifest.name), quiet())


def test_a_cancelled_optimization_ends(manifest: Manifest, sources: Sources, tmp_path: Path) -> None:
    """Cancelled at the first sign of life; nothing that came too late is taken for a result."""
    kind = ModelKind.LANGUAGE if ModelKind.LANGUAGE in manifest.kinds else ModelKind.VISION
    request = request_for(sources, manifest, kind, manifest.default_precision[kind.value], tmp_path)
    job = Context(lambda _: job.token.cancel())
    with pytest.raises(JobCancelled):
        run_job(JobSpec(OPTIMIZE, request, manifest.name), job)


def test_progress_rises_to_the_end(manifest: Manifest, sources: Sources, tmp_path: Path) -> None:
    kind = ModelKind.LANGUAGE if ModelKind.LANGUAGE in manifest.kinds else ModelKind.VISION
    request = request_for(sources, manifest, kind, manifest.default_precision[kind.value], tmp_path)
    seen: list[float] = []

    def note(event: object) -> None:
        if isinstance(event, Progress) and event.fraction is not None:
            seen.append(event.fraction)

    run_job(JobSpec(OPTIMIZE, request, manifest.name), Context(note))
    assert seen == sorted(seen)
    assert all(0 <= fraction <= 1 for fraction in seen)


def test_every_token_has_its_time(language: Manifest, make: Make, engine: Engine) -> None:
    with engine(make(language, ModelKind.LANGUAGE)) as handle:
        first = handle.measure(TokenWorkload(PROMPT, 24))
        again = handle.measure(TokenWorkload(PROMPT, 24))
    assert first.prompt_tokens == len(PROMPT)
    assert len(first.token_ids) == len(first.token_times_s) == 24
    assert first.token_times_s[0] > 0
    assert all(later > earlier for earlier, later in pairwise(first.token_times_s))
    assert first.token_ids == again.token_ids  # greedy, from an empty context each time


def test_same_ids_in_same_logits_out(language: Manifest, make: Make, engine: Engine) -> None:
    with engine(make(language, ModelKind.LANGUAGE)) as handle:
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
    with engine(make(language, ModelKind.LANGUAGE), context=256) as handle:
        with pytest.raises(BadInput, match="context"):
            handle.logits(PROMPT * 40)
        with pytest.raises(BadInput, match="context"):
            handle.measure(TokenWorkload(PROMPT, 2000))
        assert handle.logits(PROMPT).positions == len(PROMPT)  # and the session goes on


def test_text_becomes_ids_without_special_tokens(language: Manifest, make: Make, engine: Engine) -> None:
    with engine(make(language, ModelKind.LANGUAGE)) as handle:
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
    with engine(make(language, ModelKind.LANGUAGE)) as handle:
        (scores,) = handle.choose([ChoiceItem(PROMPT, choices, 0)])
        last = np.load(handle.logits(PROMPT).path)[-1].astype(np.float64)
    expected = last - np.log(np.exp(last - last.max()).sum()) - last.max()
    assert scores.tokens == (1, 1, 2)
    assert scores.log_probabilities[0] == pytest.approx(expected[265], abs=1e-3)
    assert scores.log_probabilities[1] == pytest.approx(expected[270], abs=1e-3)
    assert all(value < 0 for value in scores.log_probabilities)


def test_a_cancelled_generation_ends_and_the_worker_lives(
    language: Manifest, make: Make, engine: Engine
) -> None:
    job = quiet()
    with engine(make(language, ModelKind.LANGUAGE), job, context=4096) as handle:
        with cancelled_after(job, 0.3), pytest.raises(JobCancelled):
            for _ in range(1000):
                handle.measure(TokenWorkload(PROMPT, 4000))
        assert psutil.Process(handle.pid).is_running()


def test_an_idle_worker_sleeps(manifest: Manifest, make: Make, engine: Engine, sources: Sources) -> None:
    """Two threads, so that there is one to spin."""
    kind = ModelKind.LANGUAGE if ModelKind.LANGUAGE in manifest.kinds else ModelKind.VISION
    with engine(make(manifest, kind), threads=2) as handle:
        handle.measure(TokenWorkload(PROMPT, 8) if kind is ModelKind.LANGUAGE else _tensors(sources))
        busy_percent = psutil.Process(handle.pid).cpu_percent(interval=1.0)
    assert busy_percent < 5


def test_memory_is_plausible(language: Manifest, make: Make, engine: Engine) -> None:
    made = make(language, ModelKind.LANGUAGE)
    with engine(made) as handle:
        reading = handle.memory(TokenWorkload(PROMPT, 8))
    assert reading.weights_bytes == made.size_bytes
    assert reading.total_peak_bytes > reading.baseline_bytes > 0
    if reading.kv_cache_bytes is not None:
        assert 0 < reading.kv_cache_bytes < reading.total_peak_bytes


def test_what_runs_is_told(manifest: Manifest, make: Make, engine: Engine) -> None:
    kind = ModelKind.LANGUAGE if ModelKind.LANGUAGE in manifest.kinds else ModelKind.VISION
    with engine(make(manifest, kind)) as handle:
        told = handle.engine
    assert told.framework == manifest.name
    assert told.version
    assert "CPU" in told.device.upper()
    assert told.threads == 1
    assert told.cold_load_s > 0
    assert told.details


def test_a_file_that_cannot_be_opened_is_bad_input(
    manifest: Manifest, make: Make, engine: Engine, tmp_path: Path
) -> None:
    kind = ModelKind.LANGUAGE if ModelKind.LANGUAGE in manifest.kinds else ModelKind.VISION
    made = make(manifest, kind)
    broken = tmp_path / f"broken{made.path.suffix}"
    broken.write_bytes(b"nonsense " * 100)
    with pytest.raises(EdgewrightError) as caught, engine(replace(made, path=broken)):
        pass
    assert isinstance(caught.value, BadInput), caught.value
    assert broken.name in caught.value.message


def test_tensors_go_in_and_come_out(
    vision: Manifest, make: Make, engine: Engine, sources: Sources, tmp_path: Path
) -> None:
    with engine(make(vision, ModelKind.VISION)) as handle:
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
    with engine(make(vision, ModelKind.VISION)) as handle, pytest.raises(BadInput):
        handle.infer(wrong, tmp_path / "outputs.npz")


def _tensors(sources: Sources) -> TensorWorkload:
    return TensorWorkload(sources.images, min_duration_s=0.05, min_repeats=4)
