"""ONNX Runtime and OpenVINO on the same ONNX models: the same figures, honest warnings, and odd graphs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from backends.domain.artifact import Artifact
from backends.domain.errors import BadInput, JobCancelled
from backends.domain.events import Progress
from backends.domain.metric import TokenWorkload
from backends.domain.model import ModelFormat, ModelKind, TensorContents
from backends.frameworks.base import OptimizeRequest
from backends.jobs.context import Context
from backends.jobs.launcher import run_job
from backends.jobs.spec import OPTIMIZE, JobSpec
from tests.conftest import ROOT
from tests.contract import onnx_models, tiny_models
from tests.contract.conftest import Engine, quiet

pytestmark = [pytest.mark.real, pytest.mark.slow]

BOTH = ("onnxruntime", "openvino")
IDS = (1, *range(260, 291))
LANGUAGE, VISION = ModelKind.LANGUAGE, ModelKind.VISION

Optimize = Callable[..., Artifact]


@pytest.fixture
def optimize(tmp_path: Path) -> Optimize:
    def made(
        framework: str,
        source: Path,
        kind: ModelKind,
        precision: str,
        job: Context | None = None,
        calibration: Path | None = None,
        **options: Any,
    ) -> Artifact:
        output = tmp_path / f"{framework}-{precision}-{len(list(tmp_path.iterdir()))}"
        output.mkdir()
        form = ModelFormat.OPENVINO if source.suffix == ".xml" else ModelFormat.ONNX
        request = OptimizeRequest(
            source, form, kind, precision, output, calibration=calibration, threads=1, options=options
        )
        return run_job(JobSpec(OPTIMIZE, request, framework), job or quiet())

    return made


def original(framework: str, path: Path, kind: ModelKind) -> Artifact:
    nothing = TensorContents({}, 0, 0, 0.0)
    size = path.stat().st_size
    return Artifact("original", framework, "FP32", ModelFormat.ONNX, kind, path, size, nothing, path, True)


def logits(engine: Engine, artifact: Artifact, **load: Any) -> np.ndarray:
    with engine(artifact, **load) as handle:
        return np.load(handle.logits(IDS).path)


def outputs(engine: Engine, artifact: Artifact, images: Path, folder: Path) -> np.ndarray:
    with engine(artifact) as handle, np.load(handle.infer(images, folder / "outputs.npz")) as archive:
        return archive[archive.files[0]]


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    return float((one.argmax(-1) == other.argmax(-1)).mean())


@pytest.mark.parametrize("attention", ["grouped", "plain"])
def test_both_engines_compute_the_same(attention: str, engine: Engine, tmp_path: Path) -> None:
    path = onnx_models.language_onnx(tmp_path, attention=attention)
    first, second = (logits(engine, original(name, path, LANGUAGE)) for name in BOTH)
    np.testing.assert_allclose(first, second, rtol=0, atol=1e-3)


@pytest.mark.parametrize("framework", BOTH)
@pytest.mark.parametrize("attention", ["grouped", "plain"])
def test_decoding_follows_the_logits(framework: str, attention: str, engine: Engine, tmp_path: Path) -> None:
    """Token by token through the cache is the same as all at once."""
    path = onnx_models.language_onnx(tmp_path, attention=attention)
    with engine(original(framework, path, LANGUAGE)) as handle:
        new = handle.measure(TokenWorkload(IDS, 12)).token_ids
        teacher = np.load(handle.logits((*IDS, *new)).path)
    assert tuple(teacher[len(IDS) - 1 : -1].argmax(-1)) == new


def test_only_a_growing_cache_is_copied(engine: Engine, tmp_path: Path) -> None:
    for attention, words in (("grouped", "one shared buffer"), ("plain", "copied at every step")):
        path = onnx_models.language_onnx(tmp_path / attention, attention=attention)
        with engine(original("onnxruntime", path, LANGUAGE)) as handle:
            assert any(words in detail for detail in handle.engine.details)


def test_small_heads_are_made_fit_for_onnx_runtime(
    optimize: Optimize, engine: Engine, tmp_path: Path
) -> None:
    """Heads of 8 as in stories260k: refused as they are, rewritten by any optimization."""
    path = onnx_models.language_onnx(tmp_path / "small", heads=8)
    with pytest.raises(BadInput, match="multiple of 16"):
        logits(engine, original("onnxruntime", path, LANGUAGE))
    mended = optimize("onnxruntime", path, LANGUAGE, "FP32")
    expected = logits(engine, original("openvino", path, LANGUAGE))
    np.testing.assert_allclose(logits(engine, mended), expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("framework", "precision", "options", "at_least"),
    [
        ("onnxruntime", "INT4", {}, 0.5),
        ("onnxruntime", "INT4", {"symmetric": False, "block_size": 64}, 0.5),
        ("onnxruntime", "INT4", {"method": "hqq"}, 0.5),
        ("onnxruntime", "INT4_K", {}, 0.6),
        ("onnxruntime", "INT8", {}, 0.9),
        ("onnxruntime", "INT8_DYNAMIC", {}, 0.8),
        ("onnxruntime", "FP16", {}, 0.9),
        ("openvino", "INT4_SYM", {"group_size": 32}, 0.5),
        ("openvino", "INT4_ASYM", {"group_size": 32}, 0.5),
        ("openvino", "INT8", {}, 0.9),
        ("openvino", "FP16", {}, 0.9),
        ("openvino", "FP32", {}, 1.0),
    ],
)
def test_language_precisions(
    framework: str,
    precision: str,
    options: dict[str, Any],
    at_least: float,
    optimize: Optimize,
    engine: Engine,
    tmp_path: Path,
) -> None:
    path = onnx_models.language_onnx(tmp_path / "source")
    made = optimize(framework, path, LANGUAGE, precision, **options)
    assert (made.path.parent / "tokenizer.model").is_file()
    if precision.startswith("INT"):
        assert made.size_bytes < 0.75 * path.stat().st_size  # the cosines and sines stay
        assert int(made.options["quantized_operators"]) > 8
    reference = logits(engine, original("openvino", path, LANGUAGE))
    assert agreement(logits(engine, made), reference) >= at_least


@pytest.mark.parametrize("correction", ["awq", "scale_estimation", "gptq"])
def test_int4_from_calibration_text(
    correction: str, optimize: Optimize, engine: Engine, tmp_path: Path
) -> None:
    """The weights lie as ONNX has them; left so, NNCF makes rubbish of scales, or refuses."""
    path = onnx_models.language_onnx(tmp_path / "source")
    text = tiny_models.calibration_text(tmp_path / "text.txt")
    options = {"group_size": 32, correction: True}
    made = optimize("openvino", path, LANGUAGE, "INT4_SYM", calibration=text, **options)
    assert made.options[correction] is True
    assert not made.options.get("tensors_i16")
    reference = logits(engine, original("openvino", path, LANGUAGE))
    assert agreement(logits(engine, made), reference) >= 0.5
    with pytest.raises(BadInput, match="calibration data"):
        optimize("openvino", path, LANGUAGE, "INT4_SYM", **options)


@pytest.mark.parametrize(
    ("framework", "precision", "options", "words"),
    [
        ("onnxruntime", "INT4", {"colour": "red"}, "no option “colour”"),
        ("onnxruntime", "INT8_DYNAMIC", {"block_size": 32}, "no option “block_size”"),
        ("onnxruntime", "INT4", {"block_size": 48}, "“block_size” cannot be “48”"),
        ("onnxruntime", "INT8", {"method": "hqq"}, "HQQ goes with 4 bits only"),
        ("onnxruntime", "INT4", {"method": "best"}, "“method” cannot be “best”"),
        ("openvino", "INT8", {"group_size": 32}, "no option “group_size”"),
        ("openvino", "INT4_SYM", {"ratio": 1.5}, "“ratio” cannot be “1.5”"),
        ("openvino", "INT4_SYM", {"awq": "yes"}, "“awq” cannot be “yes”"),
    ],
)
def test_options_that_make_no_sense(
    framework: str, precision: str, options: dict[str, Any], words: str, optimize: Optimize, tmp_path: Path
) -> None:
    path = onnx_models.language_onnx(tmp_path / "source")
    with pytest.raises(BadInput, match=words):
        optimize(framework, path, LANGUAGE, precision, **options)


@pytest.mark.parametrize(
    ("framework", "options", "words"),
    [
        ("onnxruntime", {"flash_attn": True}, "no option “flash_attn”"),
        ("onnxruntime", {"optimization": "most"}, "“optimization” cannot be “most”"),
        ("openvino", {"hint": "fast"}, "“hint” cannot be “fast”"),
        ("openvino", {"kv_cache_precision": "u2"}, "“kv_cache_precision” cannot be “u2”"),
    ],
)
def test_load_options_that_make_no_sense(
    framework: str, options: dict[str, Any], words: str, engine: Engine, tmp_path: Path
) -> None:
    model = original(framework, onnx_models.language_onnx(tmp_path), LANGUAGE)
    with pytest.raises(BadInput, match=words), engine(model, options=options):
        pass


def test_the_cache_of_kernels_changes_no_answer(engine: Engine, tmp_path: Path) -> None:
    """The plug-in takes its capacity and tells it nobody."""
    made = original("openvino", onnx_models.language_onnx(tmp_path), LANGUAGE)
    for capacity in (0, 100):
        with engine(made, options={"runtime_cache": capacity}) as handle:
            tokens = handle.measure(TokenWorkload(IDS, 8)).token_ids
        with engine(made) as handle:
            assert handle.measure(TokenWorkload(IDS, 8)).token_ids == tokens
    with pytest.raises(BadInput, match="runtime_cache"), engine(made, options={"runtime_cache": -1}):
        pass


def test_a_device_that_is_not_there(engine: Engine, tmp_path: Path) -> None:
    path = onnx_models.language_onnx(tmp_path)
    for framework in BOTH:
        with (
            pytest.raises(BadInput, match="no device “Abacus”"),
            engine(original(framework, path, LANGUAGE), device="Abacus"),
        ):
            pass


def test_every_operator_is_told_by_its_provider(engine: Engine, tmp_path: Path) -> None:
    path = tiny_models.vision_onnx(tmp_path / "tiny.onnx")
    with engine(original("onnxruntime", path, VISION), options={"optimization": "off"}) as handle:
        assert f"Operators: CPU {len(onnx.load(path).graph.node)}" in handle.engine.details
        assert handle.engine.warnings == ()


def test_the_generator_agrees_with_the_session(optimize: Optimize, engine: Engine) -> None:
    """The bundled model, as it is and at 4 bits, through onnxruntime-genai and without it."""
    path = ROOT / "resources" / "models" / "edgewright-lm" / "onnx" / "model.onnx"
    for made in (original("onnxruntime", path, LANGUAGE), optimize("onnxruntime", path, LANGUAGE, "INT4")):
        with engine(made) as handle:
            plain = handle.measure(TokenWorkload(IDS, 12)).token_ids
        with engine(made, options={"generator": "genai"}) as handle:
            assert "onnxruntime-genai" in handle.engine.details[0]
            assert handle.measure(TokenWorkload(IDS, 12)).token_ids == plain
            found = np.load(handle.logits(IDS).path)
        np.testing.assert_allclose(found, logits(engine, made), rtol=0, atol=1e-4)


def test_the_bundled_models_own_shapes_do_not_hinder(optimize: Optimize, engine: Engine) -> None:
    """The builder's graph carries shapes that contradict what is inferred."""
    path = ROOT / "resources" / "models" / "edgewright-lm" / "onnx" / "model.onnx"
    made = optimize("onnxruntime", path, LANGUAGE, "INT8_DYNAMIC")
    assert int(made.options["quantized_operators"]) > 8
    expected = logits(engine, original("onnxruntime", path, LANGUAGE))
    assert agreement(logits(engine, made), expected) > 0.8


def test_the_generator_needs_its_configuration(engine: Engine, tmp_path: Path) -> None:
    model = original("onnxruntime", onnx_models.language_onnx(tmp_path), LANGUAGE)
    with (
        pytest.raises(BadInput, match=r"genai_config\.json"),
        engine(model, options={"generator": "genai"}),
    ):
        pass


def test_openvinos_cache_of_keys_and_values_is_kept_as_asked(engine: Engine, tmp_path: Path) -> None:
    """Its size shrinks with its precision; what is decoded from it is near, not the same."""
    model = original("openvino", onnx_models.language_onnx(tmp_path), LANGUAGE)
    sizes = {}
    for precision in ("f32", "f16", "u8"):
        with engine(model, options={"kv_cache_precision": precision}) as handle:
            assert f"Key/value cache: {precision}" in handle.engine.details
            sizes[precision] = handle.memory(TokenWorkload(IDS, 4)).kv_cache_bytes
    assert sizes["f32"] == 2 * sizes["f16"] == 4 * sizes["u8"] > 0


def test_a_compiled_model_comes_from_openvinos_cache(engine: Engine, tmp_path: Path) -> None:
    path = tiny_models.vision_onnx(tmp_path / "tiny.onnx")
    told = []
    for _ in range(2):
        options = {"cache_folder": str(tmp_path / "cache"), "hint": "throughput", "streams": 2}
        with engine(original("openvino", path, VISION), threads=2, options=options) as handle:
            told.append("Taken from the cache of compiled models: True" in handle.engine.details)
            assert "Streams: 2" in handle.engine.details
    assert told == [False, True]


def test_a_saved_stateful_model_is_a_source_again(optimize: Optimize, engine: Engine, tmp_path: Path) -> None:
    path = onnx_models.language_onnx(tmp_path / "source")
    saved = optimize("openvino", path, LANGUAGE, "FP32")
    again = optimize("openvino", saved.path, LANGUAGE, "INT8")
    assert agreement(logits(engine, again), logits(engine, saved)) > 0.9


@pytest.mark.parametrize(
    ("framework", "precision", "options"),
    [
        ("onnxruntime", "INT8_DYNAMIC", {}),
        *(
            ("onnxruntime", "INT8_STATIC", {"calibration_method": m})
            for m in ("minmax", "entropy", "percentile")
        ),
        ("onnxruntime", "FP16", {}),
        ("openvino", "INT8_PTQ", {}),
        ("openvino", "INT8", {}),
        ("openvino", "FP16", {}),
    ],
)
def test_vision_precisions(
    framework: str,
    precision: str,
    options: dict[str, Any],
    optimize: Optimize,
    engine: Engine,
    tmp_path: Path,
) -> None:
    path = tiny_models.vision_onnx(tmp_path / "tiny.onnx")
    images = tiny_models.images(tmp_path / "images.npz")
    made = optimize(framework, path, VISION, precision, calibration=images, **options)
    expected = outputs(engine, original(framework, path, VISION), images, tmp_path)
    got = outputs(engine, made, images, tmp_path)
    assert np.corrcoef(expected.ravel(), got.ravel())[0, 1] > 0.97


@pytest.mark.parametrize(
    ("framework", "precision"), [("onnxruntime", "INT8_STATIC"), ("openvino", "INT8_PTQ")]
)
def test_an_old_opset_is_quantized(
    framework: str, precision: str, optimize: Optimize, engine: Engine, tmp_path: Path
) -> None:
    path = onnx_models.old_classifier(tmp_path / "old.onnx")
    samples = np.random.default_rng(0).random((8, 1, 8, 8), dtype=np.float32)
    data, one = tmp_path / "image.npz", tmp_path / "one.npz"
    np.savez(data, image=samples)
    np.savez(one, image=samples[:1])
    made = optimize(framework, path, VISION, precision, calibration=data)
    assert int(made.options["quantized_operators"]) >= 2
    assert int(made.options["calibration_samples"]) == 8
    expected = outputs(engine, original(framework, path, VISION), one, tmp_path)
    np.testing.assert_allclose(outputs(engine, made, one, tmp_path), expected, rtol=0, atol=0.3)


def test_a_quantization_that_does_nothing_says_so(optimize: Optimize, tmp_path: Path) -> None:
    path = onnx_models.branching(tmp_path / "branching.onnx")
    made = optimize("onnxruntime", path, ModelKind.TENSOR, "INT8_DYNAMIC")
    assert any("Nothing was quantized" in warning and "If" in warning for warning in made.warnings)


def test_accuracy_control_needs_labels(optimize: Optimize, tmp_path: Path) -> None:
    path = tiny_models.vision_onnx(tmp_path / "tiny.onnx")
    images = tiny_models.images(tmp_path / "images.npz")
    with pytest.raises(BadInput, match="labels"):
        optimize("openvino", path, VISION, "INT8_PTQ", calibration=images, max_drop=0.01)
    labelled = tmp_path / "labelled.npz"
    with np.load(images) as archive:
        np.savez(labelled, images=archive["images"], labels=np.zeros(64, np.int64))
    made = optimize(
        "openvino", path, VISION, "INT8_PTQ", calibration=labelled, max_drop=0.5, transformer=True
    )
    assert made.options["method"] == "quantize_with_accuracy_control"
    assert (made.options["calibration_samples"], made.options["validation_samples"]) == (32, 32)


@pytest.mark.parametrize(
    ("framework", "precision"), [("onnxruntime", "INT8_STATIC"), ("openvino", "INT8_PTQ")]
)
def test_calibration_data_that_does_not_fit(
    framework: str, precision: str, optimize: Optimize, tmp_path: Path
) -> None:
    path = tiny_models.vision_onnx(tmp_path / "tiny.onnx")
    wrong = tmp_path / "wrong.npz"
    np.savez(wrong, images=np.zeros((4, 3, 5, 5), np.float32))
    with pytest.raises(BadInput, match=r"wrong\.npz"):
        optimize(framework, path, VISION, precision, calibration=wrong)
    with pytest.raises(BadInput, match="calibration"):
        optimize(framework, path, VISION, precision)


@pytest.mark.parametrize(
    ("framework", "precision"), [("onnxruntime", "INT8_STATIC"), ("openvino", "INT8_PTQ")]
)
def test_calibration_can_be_cancelled(
    framework: str, precision: str, optimize: Optimize, tmp_path: Path
) -> None:
    path = tiny_models.vision_onnx(tmp_path / "tiny.onnx")
    images = tiny_models.images(tmp_path / "images.npz")
    seen: list[str] = []

    def stop(event: object) -> None:
        if isinstance(event, Progress) and event.what.startswith("Calibrating"):
            seen.append(event.what)
            job.token.cancel()

    job = Context(stop)
    with pytest.raises(JobCancelled):
        optimize(framework, path, VISION, precision, job, calibration=images)
    assert seen


def test_external_weights_outside_the_folder_are_refused(optimize: Optimize, tmp_path: Path) -> None:
    path = onnx_models.language_onnx(tmp_path / "inside")
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="model.onnx.data", size_threshold=0)
    escaped = onnx.load(path, load_external_data=False)
    for tensor in escaped.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = "../model.onnx.data"
    (tmp_path / "inside" / "model.onnx.data").rename(tmp_path / "model.onnx.data")
    path.write_bytes(escaped.SerializeToString())
    for framework in BOTH:
        with pytest.raises(BadInput, match=r"model\.onnx"):
            optimize(framework, path, LANGUAGE, "INT8")


def test_openvino_tells_the_precision_it_runs_in(engine: Engine, tmp_path: Path) -> None:
    path = onnx_models.language_onnx(tmp_path)
    with engine(original("openvino", path, LANGUAGE)) as handle:
        assert "Inference precision: f32" in handle.engine.details
        assert any("ScaledDotProductAttention f32 × 2" in detail for detail in handle.engine.details)


def test_nothing_is_written_into_the_home_folder(
    optimize: Optimize, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NNCF's telemetry leaves an identifier there as soon as it is imported."""
    home = tmp_path / "home"
    home.mkdir()
    path = tiny_models.vision_onnx(tmp_path / "tiny.onnx")
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(home))
    optimize("openvino", path, VISION, "INT8")
    assert not list(home.iterdir())
