"""Olive's workflows, really run: what they make runs, what they do not make is a failed job."""

from __future__ import annotations

import json
import select
import socket
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import numpy as np
import onnx
import onnxruntime
import pytest

from backends import cli
from backends.actions import olive as workflows
from backends.actions.artifacts import load_artifact
from backends.assessment.bundled import read_bundle
from backends.assessment.source import source_model
from backends.domain.errors import BadInput, JobCancelled, JobFailed
from backends.domain.metric import TokenMeasurement, TokenWorkload
from backends.domain.model import ModelKind
from backends.domain.trial import ORIGINAL
from backends.storage.paths import resources
from tests.contract import onnx_models, tiny_models
from tests.contract.managed import (
    Framework,
    agreement,
    bundled_language_model,
    cosine,
    logits,
    quiet,
    stop_at,
)
from tests.fault.killing import MARK, living
from tests.unit.cli.test_cli import check

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(900)]

DIGITS = resources() / "models" / "edgewright-digits"
LANGUAGE, VISION = ModelKind.LANGUAGE, ModelKind.VISION
IDS = (1, *range(300, 363))


@pytest.fixture
def olive(tmp_path: Path) -> Framework:
    return Framework("olive", tmp_path)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_models.vision_onnx(tmp_path / "tiny.onnx")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return tiny_models.images(tmp_path / "images.npz")


def test_a_folder_becomes_the_same_language_model(olive: Framework) -> None:
    source = bundled_language_model()
    with olive.open(olive.optimize(source, LANGUAGE, "FP32")) as engine:
        original = logits(engine, IDS)
    for precision, least in (("INT8", 0.95), ("INT4", 0.6)):
        made = olive.optimize(source, LANGUAGE, precision)
        assert made.size_bytes < (source / "model.safetensors").stat().st_size
        with olive.open(made) as engine:
            assert agreement(logits(engine, IDS), original) >= least
            measured = engine.measure(TokenWorkload(IDS, 4))
            assert isinstance(measured, TokenMeasurement)
            assert engine.tokenize(["A small model"])[0]


def test_an_onnx_language_model_is_quantized(olive: Framework, tmp_path: Path) -> None:
    made = olive.optimize(onnx_models.language_onnx(tmp_path / "lm"), LANGUAGE, "INT4")
    assert "MatMulNBits" in {node.op_type for node in onnx.load(made.path).graph.node}


@pytest.mark.parametrize(
    ("precision", "least"), [("INT8_STATIC", 0.98), ("INT8_DYNAMIC", 0.98), ("FP16", 0.999)]
)
def test_an_image_model_stays_itself(
    olive: Framework, model: Path, images: Path, precision: str, least: float, tmp_path: Path
) -> None:
    made = olive.optimize(model, VISION, precision, images)
    with olive.open(made) as engine:
        answers = np.load(engine.infer(images, tmp_path / "out.npz"))["scores"]
    with np.load(images) as archive:
        expected = onnxruntime.InferenceSession(model).run(None, {"images": archive[archive.files[0]]})[0]
    assert cosine(answers, expected) >= least


def test_the_workflow_kept_can_be_edited_and_run_again(
    olive: Framework, model: Path, images: Path, tmp_path: Path
) -> None:
    first = olive.optimize(model, VISION, "INT8_STATIC", images)
    plan = json.loads(first.path.with_name("workflow.json").read_text())
    plan["passes"]["quantize"]["per_channel"] = False
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(plan))
    second = olive.optimize(model, VISION, "INT8_STATIC", images, workflow=str(path))
    assert second.path.read_bytes() != first.path.read_bytes()
    assert str(tmp_path) not in first.path.with_name("workflow.json").read_text()


@pytest.mark.parametrize(
    ("passes", "error", "says"),
    [
        ({"a": {"type": "NoSuchPass"}}, BadInput, "no pass"),
        ({"a": {"type": "QairtEncapsulation"}}, BadInput, "npu"),
        ({"a": {"type": "IncDynamicQuantization"}}, BadInput, "packages"),
        ({"a": {"type": "OnnxStaticQuantization", "user_script": "x.py"}}, BadInput, "code"),
        ({"a": {"type": "ModelBuilder", "precision": "int4"}}, JobFailed, "made no model"),
    ],
    ids=["unknown", "device", "extras", "code", "nothing"],
)
def test_what_a_workflow_cannot_do_is_said(
    olive: Framework, model: Path, tmp_path: Path, passes: object, error: type[Exception], says: str
) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"input_model": {"type": "ONNXModel"}, "passes": passes}))
    with pytest.raises(error, match=says):
        olive.optimize(model, VISION, "INT8_DYNAMIC", workflow=str(path))


def test_a_cancel_ends_olive_too(olive: Framework) -> None:
    mark = uuid4().hex
    olive.runtime = replace(olive.runtime, variables={MARK: mark})
    with pytest.raises(JobCancelled):
        olive.optimize(bundled_language_model(), LANGUAGE, "INT4", job=stop_at("Pass build"))
    assert living(mark) == []


def test_nothing_is_sent_and_no_id_of_the_machine_is_made(
    olive: Framework, model: Path, tmp_path: Path
) -> None:
    """Every request would go through the proxy, which only counts who comes."""
    home = tmp_path / "home"
    home.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), address)
        nowhere = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "NO_PROXY": "", "no_proxy": ""}
        olive.runtime = replace(olive.runtime, variables={**proxies, **nowhere})
        olive.optimize(model, VISION, "INT8_DYNAMIC")
        asked, _, _ = select.select([proxy], [], [], 0)
    assert not asked, "Olive wanted to send something"
    assert not [path for path in home.rglob("*") if "Microsoft" in path.parts]


def test_a_search_measures_every_candidate_and_keeps_the_quickest_that_is_good(
    olive: Framework, tmp_path: Path
) -> None:
    source = read_bundle(DIGITS, bundled=True)
    out = tmp_path / "found"
    done = workflows.run(source, "", out, quiet(), "search", options={"max_drop": 0.02})
    original, *tried = done.trials
    assert (original.name, len(tried)) == (ORIGINAL, 6)
    for trial in (original, *tried):
        assert not trial.failure
        assert set(trial.metrics) == {"accuracy", "latency_ms", "size_bytes"}
        assert trial.metrics["latency_ms"] > 0
    chosen = next(trial for trial in tried if trial.chosen)
    good = [trial for trial in tried if trial.metrics["accuracy"] >= 0.98 * original.metrics["accuracy"]]
    assert chosen.metrics["latency_ms"] == min(trial.metrics["latency_ms"] for trial in good)
    assert done.artifact.precision in ("INT8_DYNAMIC", "INT8_STATIC", "FP16")
    assert load_artifact(out).hashes == done.artifact.hashes
    with olive.open(done.artifact) as engine, np.load(DIGITS / "eval.npz") as images:
        inputs = tmp_path / "in.npz"
        np.savez(inputs, image=images["images"])
        scores = np.load(engine.infer(inputs, tmp_path / "out.npz"))
        right = scores[scores.files[0]].argmax(-1) == images["labels"]
    assert right.mean() >= 0.95


def test_a_search_judges_language_models_by_their_perplexity(olive: Framework, tmp_path: Path) -> None:
    source = source_model(bundled_language_model())
    done = workflows.run(source, "", tmp_path / "found", quiet(), "search", options={"max_drop": 0.05})
    original, *tried = done.trials
    assert len(tried) == 4
    assert all(trial.metrics["perplexity"] >= 0.99 * original.metrics["perplexity"] for trial in tried)
    assert sum(trial.chosen for trial in tried) == 1
    with olive.open(done.artifact) as engine:
        assert logits(engine, IDS).shape[0] == len(IDS)


@pytest.mark.parametrize(
    ("model", "precision"), [("edgewright-digits", "INT8_DYNAMIC"), ("edgewright-lm/hf", "INT4")]
)
def test_olive_chooses_passes_of_its_own(
    olive: Framework, tmp_path: Path, model: str, precision: str
) -> None:
    folder = DIGITS.parent / model
    source = source_model(folder) if model.endswith("hf") else read_bundle(folder, bundled=True)
    planned = workflows.plan(source, precision, quiet(), "auto")
    done = workflows.run(source, precision, tmp_path / "made", quiet(), "auto")
    kept = json.loads((tmp_path / "made" / "workflow.json").read_text())
    assert kept == json.loads(planned.workflow)
    assert planned.notes == done.artifact.warnings[: len(planned.notes)]
    assert done.artifact.size_bytes < source.profile.size_bytes
    assert done.artifact.contents.bits_per_weight < 16


def test_what_a_workflow_can_be_made_of_is_olives_own_list(olive: Framework) -> None:
    known = {one.name: one for one in workflows.passes(quiet())}
    assert len(known) > 50
    assert known["IncQuantization"].lacking == ("neural-compressor",)
    narrow = {one.name for one in workflows.passes(quiet(), "cpu", "int8")}
    assert "OnnxStaticQuantization" in narrow
    assert not narrow & {"NVModelOptQuantization", "QNNPreprocess", "OnnxFloatToFloat16"}


@pytest.mark.parametrize(
    "words",
    [("plan", str(DIGITS), "--mode", "search"), ("passes", "--device", "npu"), ("plan", str(DIGITS))],
    ids=["search", "passes", "recommended"],
)
def test_the_command_keeps_its_schema(
    olive: Framework, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["olive", *words, "--json"]) == 0
    document = check("olive", capsys.readouterr().out)
    assert bool(document["passes"]) != bool(document["workflow"])
