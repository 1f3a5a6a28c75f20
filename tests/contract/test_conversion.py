"""Conversions as they really run: the road, the proof of sameness, the cache, and what is refused.

Those out of a Hugging Face folder run where Olive's environment is installed, and are skipped, saying so,
where it is not. The others need the base install only.
"""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from PIL import Image

from backends.actions import sameness
from backends.actions.artifacts import load_artifact, original_artifact
from backends.actions.conversions import conversions
from backends.actions.convert import convert, form_of
from backends.actions.engines import environments
from backends.actions.quantize import quantize
from backends.actions.roads import road_to
from backends.assessment.facts import CODE_IS_NOT_RUN
from backends.assessment.source import source_model
from backends.domain.artifact import Artifact
from backends.domain.errors import BadInput, FrameworkUnavailable, JobCancelled, JobFailed
from backends.domain.events import Event, Log, Progress
from backends.domain.model import ModelFormat, SourceModel
from backends.domain.preprocessing import Preprocessing
from backends.jobs.context import Context
from backends.storage.paths import HOME_VARIABLE
from tests.contract.hf_models import language_hf
from tests.contract.managed import absent, bundled_language_model, installed, quiet, stop_at
from tests.contract.tiny_models import IMAGE, images, vision_onnx
from tests.unit.assessment.builders import make_tflite

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(900)]

GGUF, ONNX, OPENVINO = ModelFormat.GGUF, ModelFormat.ONNX, ModelFormat.OPENVINO
HUGGING_FACE, QNN_CONTEXT = ModelFormat.HUGGING_FACE, ModelFormat.QNN_CONTEXT


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, with the environments of whoever runs the tests."""
    installed = environments().root
    made = tmp_path / "home"
    (made / "data").mkdir(parents=True)
    if installed.is_dir():
        (made / "data" / "environments").symlink_to(installed)
    monkeypatch.setenv(HOME_VARIABLE, str(made))
    return made


@pytest.fixture
def folder() -> Path:
    """The bundled language model as a Hugging Face folder, where something here converts one."""
    missing = environments().missing(sameness.reference_framework())
    if missing is not None:
        absent(f"{missing.framework} is {missing.reason}. {missing.remedy}")
    return bundled_language_model()


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """The same, to be spoilt."""
    return Path(shutil.copytree(folder, tmp_path / "model"))


@pytest.fixture
def image_model(tmp_path: Path) -> SourceModel:
    return source_model(vision_onnx(tmp_path / "tiny.onnx"))


def entries() -> list[str]:
    root = conversions().root
    return sorted(path.name for path in root.iterdir()) if root.is_dir() else []


@pytest.mark.parametrize("target", [GGUF, ONNX, OPENVINO])
def test_a_hugging_face_folder_stays_the_same_model(
    folder: Path, target: ModelFormat, tmp_path: Path
) -> None:
    source = source_model(folder)
    made = convert(source, target, tmp_path / "out", quiet()).artifact
    assert made.format is target
    assert load_artifact(tmp_path / "out") == replace(made, path=made.path.resolve())
    assert len(made.sameness) == len(road_to(source, (target,)).steps)
    the_same(made)


def the_same(made: Artifact) -> None:
    for found in made.sameness:
        assert found.holds
        assert found.positions == 256
        assert found.max_abs_difference < 0.1
        assert found.same_tokens is True


def test_optimum_makes_a_model_with_its_cache_as_state(folder: Path, tmp_path: Path) -> None:
    installed("optimum")
    made = convert(source_model(folder), OPENVINO, tmp_path / "out", quiet()).artifact
    the_same(made)
    assert [found.converter for found in made.sameness] == ["optimum-intel"]
    graph = made.path.read_text()
    assert "ReadValue" in graph
    assert "beam_idx" in graph
    assert "past_key_values.0.key" not in graph.partition("ReadValue")[0]
    assert "optimum-intel" in made.versions


@pytest.mark.parametrize("target", [HUGGING_FACE, ONNX])
def test_gguf_is_restored_for_everybody_else(folder: Path, target: ModelFormat, tmp_path: Path) -> None:
    installed("optimum")
    source = source_model(folder.parent / "edgewright-lm-f16.gguf")
    made = convert(source, target, tmp_path / "out", quiet()).artifact
    assert made.format is target
    the_same(made)


def test_a_quantized_gguf_is_restored_with_its_rounding(folder: Path, tmp_path: Path) -> None:
    installed("optimum")
    gguf = source_model(folder.parent / "edgewright-lm-f16.gguf")
    small = quantize(gguf, "llamacpp", "Q8_0", tmp_path / "small", quiet())
    made = convert(source_model(small.path), HUGGING_FACE, tmp_path / "out", quiet()).artifact
    (found,) = made.sameness
    assert (found.least_top1_agreement, found.most_difference) == sameness.LIMITS_ROUNDED
    assert found.top1_agreement is not None
    assert found.top1_agreement > 0.97


def test_a_gguf_of_an_unknown_architecture_is_bad_input(folder: Path, tmp_path: Path) -> None:
    installed("optimum")
    whole = (folder.parent / "edgewright-lm-f16.gguf").read_bytes()
    model = tmp_path / "toast.gguf"
    model.write_bytes(whole.replace(b"llama", b"toast"))
    with pytest.raises(BadInput, match="toast"):
        convert(source_model(model), HUGGING_FACE, tmp_path / "out", quiet())
    assert entries() == []


def test_an_mlx_folder_is_restored_for_everybody_else(folder: Path, tmp_path: Path) -> None:
    installed("mlx")
    small = quantize(source_model(folder), "mlx", "8bit", tmp_path / "small", quiet())
    made = convert(source_model(small.path), ONNX, tmp_path / "out", quiet()).artifact
    assert [found.converter for found in made.sameness] == ["mlx-lm", "onnxruntime-genai's model builder"]
    assert all(found.holds and found.top1_agreement == 1.0 for found in made.sameness)


def test_onnx_is_compiled_for_a_chip_and_answers_alike_on_the_emulator(tmp_path: Path) -> None:
    installed("qnn")
    bare = source_model(vision_onnx(tmp_path / "tiny.onnx"))
    source = replace(bare, calibration=images(tmp_path / "images.npz"))
    made = convert(source, QNN_CONTEXT, tmp_path / "out", quiet()).artifact
    (found,) = made.sameness
    assert (made.format, made.options["target"], made.original) == (QNN_CONTEXT, "sm8650", False)
    assert "QNN against ONNX Runtime on 32 calibration samples" in found.compared
    assert found.holds
    assert source_model(made.path).profile.format is QNN_CONTEXT
    other = convert(source, QNN_CONTEXT, tmp_path / "other", quiet(), options={"target": "sm8450"}).artifact
    assert other.options["target"] == "sm8450"
    assert len(entries()) == 2  # one is not taken for the other
    with pytest.raises(BadInput, match="sm9999"):
        convert(source, QNN_CONTEXT, tmp_path / "bad", quiet(), options={"target": "sm9999"})
    with pytest.raises(BadInput, match="calibration data"):
        convert(bare, QNN_CONTEXT, tmp_path / "bare", quiet())


def test_images_in_folders_are_prepared_for_a_chip(tmp_path: Path) -> None:
    """The outcome says how; the same images prepared otherwise make another one."""
    installed("qnn")
    for label in ("cat", "dog"):
        (tmp_path / "own" / label).mkdir(parents=True)
        pixels = np.random.default_rng(len(label)).integers(0, 255, (20, 24, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "own" / label / "one.png")
    bare = source_model(vision_onnx(tmp_path / "tiny.onnx"))
    prepared = Preprocessing(*IMAGE[1:], 3, mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.3))
    source = replace(bare, calibration=tmp_path / "own", preprocessing=prepared)
    made = convert(source, QNN_CONTEXT, tmp_path / "out", quiet()).artifact
    assert made.preprocessing == prepared
    assert "2 calibration samples" in made.sameness[0].compared
    form_of(source, [QNN_CONTEXT], quiet())
    assert len(entries()) == 1  # prepared anew, the data is the same to the last byte
    form_of(replace(source, preprocessing=replace(prepared, mean=(0.1, 0.1, 0.1))), [QNN_CONTEXT], quiet())
    assert len(entries()) == 2


def test_asked_again_it_comes_from_the_cache(folder: Path) -> None:
    first = form_of(source_model(folder), [GGUF], quiet())
    heard: list[Event] = []
    again = form_of(source_model(folder), [GGUF], Context(heard.append))
    assert again == first
    assert [event.text for event in heard if isinstance(event, Log)] == [
        "GGUF was made from this model before."
    ]
    first.path.write_bytes(first.path.read_bytes()[:-1])  # somebody damaged it: it is made anew
    assert form_of(source_model(folder), [GGUF], quiet()).hashes == first.hashes
    assert len(entries()) == 1


@pytest.mark.parametrize(
    ("framework", "precision"), [("llamacpp", "Q8_0"), ("onnxruntime", "INT8"), ("openvino", "INT8")]
)
def test_quantizing_takes_the_road_by_itself(
    folder: Path, framework: str, precision: str, tmp_path: Path
) -> None:
    made = quantize(source_model(folder), framework, precision, tmp_path / "out", quiet())
    assert made.framework == framework
    assert made.contents.bits_per_weight < 16
    *roads, own = made.sameness
    assert [found.holds for found in roads] == [True]
    assert own.holds
    assert own.top1_agreement is not None
    assert own.top1_agreement > 0.95
    assert own.converter == f"{made.framework_title} {precision}"


def spoil(path: Path, **changes: object) -> None:
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, **changes}))


@pytest.mark.parametrize("target", [GGUF, ONNX, OPENVINO])
def test_an_architecture_nobody_knows(copy: Path, target: ModelFormat, tmp_path: Path) -> None:
    spoil(copy / "config.json", architectures=["ToasterForCausalLM"], model_type="toaster")
    with pytest.raises(BadInput, match=r"does not know the architecture.*[Tt]oaster"):
        convert(source_model(copy), target, tmp_path / "out", quiet())
    assert entries() == []
    assert not (tmp_path / "out").exists()


def test_a_tokenizer_that_the_converter_refuses(copy: Path, tmp_path: Path) -> None:
    (copy / "tokenizer.model").unlink()
    vocabulary = {chr(33 + number): number for number in range(90)}
    pieces = {"type": "BPE", "vocab": vocabulary, "merges": []}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    fast = {"version": "1.0", "added_tokens": [], "model": pieces, "pre_tokenizer": byte_level}
    (copy / "tokenizer.json").write_text(json.dumps(fast))
    spoil(copy / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast")
    with pytest.raises(BadInput, match="pre-tokenizer was not recognized"):
        convert(source_model(copy), GGUF, tmp_path / "out", quiet())
    assert entries() == []


def bring_code(folder: Path, ran: Path, model_type: str = "llama") -> None:
    """Python that leaves the file ``ran`` wherever it is imported, asked for by all that can ask."""
    evil = f"open({str(ran)!r}, 'w')\nclass Evil: pass"
    (folder / "modeling_evil.py").write_text(evil)
    kinds = ("AutoConfig", "AutoModel", "AutoModelForCausalLM")
    automatic: dict[str, object] = dict.fromkeys(kinds, "modeling_evil.Evil")
    automatic["AutoTokenizer"] = ["modeling_evil.Evil", "modeling_evil.Evil"]
    for name in ("config.json", "tokenizer_config.json"):
        spoil(folder / name, auto_map=automatic)
    spoil(folder / "config.json", model_type=model_type)


@pytest.mark.parametrize("target", [GGUF, ONNX])
def test_code_beside_a_built_in_model_is_never_run(folder: Path, target: ModelFormat, tmp_path: Path) -> None:
    evil, ran = language_hf(tmp_path / "evil"), tmp_path / "ran"
    bring_code(evil, ran)
    source = source_model(evil)
    assert CODE_IS_NOT_RUN in source.profile.warnings
    made = convert(source, target, tmp_path / "out", quiet()).artifact
    assert not ran.exists()
    assert made.source == evil
    assert all(found.holds for found in made.sameness) and made.sameness
    assert (evil / "modeling_evil.py").is_file()


def test_a_converter_that_trusts_remote_code_gets_none(folder: Path, tmp_path: Path) -> None:
    """llama.cpp's opens the tokenizer of this architecture with trust_remote_code=True."""
    evil, ran = language_hf(tmp_path / "evil"), tmp_path / "ran"
    bring_code(evil, ran, "hunyuan_v1_dense")
    spoil(evil / "config.json", architectures=["HunYuanDenseV1ForCausalLM"])
    with suppress(BadInput, JobFailed):  # the weights are another architecture's
        convert(source_model(evil), GGUF, tmp_path / "out", quiet())
    assert not ran.exists()


def test_code_of_an_unknown_model_is_refused(tmp_path: Path) -> None:
    evil, ran = language_hf(tmp_path / "evil"), tmp_path / "ran"
    bring_code(evil, ran, "toaster")
    with pytest.raises(BadInput, match="remote code"):
        source_model(evil)
    assert not ran.exists()


def test_cancelled_in_the_middle_nothing_is_left(folder: Path, tmp_path: Path) -> None:
    for moment in ("Reading", "Checking"):
        with pytest.raises(JobCancelled):
            convert(source_model(folder), GGUF, tmp_path / "out", stop_at(moment))
        assert entries() == []
        assert not (tmp_path / "out").exists()


def test_named_tensors_keep_their_outputs(image_model: SourceModel, tmp_path: Path) -> None:
    heard: list[Event] = []
    made = convert(image_model, OPENVINO, tmp_path / "out", Context(heard.append)).artifact
    (found,) = made.sameness
    assert (found.top1_agreement, found.same_tokens) == (1.0, None)
    assert found.max_abs_difference < 1e-4
    assert any(isinstance(event, Progress) and "same model" in event.what for event in heard)
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".bin", ".json", ".xml"]


def test_a_tensorflow_lite_model_becomes_openvino(tmp_path: Path) -> None:
    made = convert(
        source_model(make_tflite(tmp_path / "x.tflite")), OPENVINO, tmp_path / "out", quiet()
    ).artifact
    assert made.format is OPENVINO
    assert made.sameness[0].max_abs_difference < 1e-4


def test_what_is_there_already_is_not_converted(image_model: SourceModel, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is there as ONNX already"):
        convert(image_model, ONNX, tmp_path / "out", quiet())


def test_what_is_not_the_same_model_is_a_failed_job(
    image_model: SourceModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A converter that loses a weight: the check runs the model as it should have been beside it."""
    whole = original_artifact(image_model)
    spoilt = replace(whole, path=without_a_weight(whole.path, tmp_path / "spoilt.onnx"))
    with pytest.raises(JobFailed, match="not the same model"):
        sameness.check(image_model.profile, whole, spoilt, "a bad converter", quiet())

    def refuse(*_: object) -> Artifact:
        raise JobFailed("not the same model")

    monkeypatch.setattr("backends.actions.walking.check", refuse)
    with pytest.raises(JobFailed):
        convert(image_model, OPENVINO, tmp_path / "out", quiet())
    assert entries() == []
    assert not (tmp_path / "out").exists()


def without_a_weight(path: Path, target: Path) -> Path:
    model = onnx.load(path)
    largest = max(model.graph.initializer, key=lambda tensor: int(np.prod(tensor.dims)))
    lost = np.zeros_like(numpy_helper.to_array(largest))
    largest.CopyFrom(numpy_helper.from_array(lost, largest.name))
    onnx.save(model, target)
    return target


def test_without_its_environment_a_conversion_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "bare"))
    with pytest.raises(FrameworkUnavailable, match="needs the environment of Olive") as caught:
        convert(source_model(bundled_language_model()), GGUF, tmp_path / "out", quiet())
    assert "frameworks install olive" in caught.value.remedy
