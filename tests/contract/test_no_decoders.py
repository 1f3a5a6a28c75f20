"""Hugging Face folders that make no text: classifiers, detectors and encoders, through PyTorch's exporter.

The folders are made on the spot by Transformers itself: real classes, a few random weights.
"""

from __future__ import annotations

import json
import subprocess
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backends.actions.convert import convert, original
from backends.actions.engines import environments, opener
from backends.actions.material import prepare_material
from backends.actions.quantize import quantize
from backends.assessment.source import source_model
from backends.benchmarking.protocol import QUICK
from backends.conversion.graph import NoRoad
from backends.domain.artifact import Configuration
from backends.domain.errors import BadInput
from backends.domain.model import ModelFormat, ModelKind
from backends.quality.vision import read_outputs
from tests.contract.managed import installed, quiet

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(600)]

SIDE, CLASSES, VOCABULARY = 32, 10, 100
SMALL = "hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64"
SEEN = f"image_size={SIDE}, patch_size=8, num_labels={CLASSES}"
READ = f"vocab_size={VOCABULARY}, max_position_embeddings=64"  # fewer than inputs usually have
MADE = {
    "vit": f"ViTForImageClassification(ViTConfig({SMALL}, {SEEN}))",
    "resnet": "ResNetForImageClassification(ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], "
    f"depths=[1, 1], layer_type='basic', num_labels={CLASSES}))",
    "detector": f"YolosForObjectDetection(YolosConfig({SMALL}, image_size=[{SIDE}, {SIDE}], patch_size=8, "
    "num_detection_tokens=5, use_mid_position_embeddings=False))",
    "bert": f"BertForSequenceClassification(BertConfig({SMALL}, {READ}))",
    "encoder": f"BertModel(BertConfig({SMALL}, {READ}))",
    "masked": "DistilBertForMaskedLM(DistilBertConfig(dim=32, n_layers=2, n_heads=4, hidden_dim=64, "
    f"{READ}))",
    "sound": "Wav2Vec2ForCTC(Wav2Vec2Config(vocab_size=32, num_conv_pos_embedding_groups=4, "
    f"conv_dim=[8, 8], conv_stride=[5, 2], conv_kernel=[10, 3], {SMALL}))",
}
WRITER = """
import sys, torch
from transformers import *
torch.manual_seed(0)
for name, folder in zip(sys.argv[1::2], sys.argv[2::2]):
    eval(name).save_pretrained(folder)
"""
PROCESSOR = {
    "do_resize": True,
    "size": {"height": SIDE, "width": SIDE},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.5, 0.6, 0.7],
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By name; written once, and never changed."""
    status = environments().status(installed("olive"))
    assert status.interpreter is not None
    root = tmp_path_factory.mktemp("models")
    made = {name: root / name for name in MADE}
    pairs = [text for name, how in MADE.items() for text in (how, str(made[name]))]
    subprocess.run([status.interpreter, "-c", WRITER, *pairs], check=True, capture_output=True)
    for name in ("vit", "resnet"):
        (made[name] / "preprocessor_config.json").write_text(json.dumps(PROCESSOR), encoding="utf-8")
    return made


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, with the environments of whoever runs the tests."""
    root, made = environments().root, tmp_path / "home"
    (made / "data").mkdir(parents=True)
    (made / "data" / "environments").symlink_to(root)
    monkeypatch.setenv("EDGEWRIGHT_HOME", str(made))
    return made


@pytest.mark.parametrize(
    ("name", "kind", "inputs", "outputs"),
    [
        ("vit", ModelKind.VISION, ["pixel_values"], ["logits"]),
        ("resnet", ModelKind.VISION, ["pixel_values"], ["logits"]),
        ("detector", ModelKind.VISION, ["pixel_values"], ["logits", "pred_boxes", "last_hidden_state"]),
        (
            "encoder",
            ModelKind.TENSOR,
            ["input_ids", "attention_mask", "token_type_ids"],
            ["last_hidden_state", "pooler_output"],
        ),
        ("masked", ModelKind.TENSOR, ["input_ids", "attention_mask"], ["logits"]),
    ],
)
def test_it_becomes_onnx_and_stays_the_same_model(
    name: str,
    kind: ModelKind,
    inputs: list[str],
    outputs: list[str],
    folders: dict[str, Path],
    home: Path,
    tmp_path: Path,
) -> None:
    source = source_model(folders[name])
    assert source.profile.kind is kind
    made = convert(source, ModelFormat.ONNX, tmp_path / "out", quiet()).artifact
    (found,) = made.sameness
    assert found.holds and found.max_abs_difference < 1e-4 and "Transformers" in found.compared
    profile = source_model(made.path).profile
    assert [spec.name for spec in profile.inputs] == inputs
    assert [spec.name for spec in profile.outputs] == outputs
    assert all(isinstance(spec.shape[0], str) for spec in profile.inputs), "any number at once"
    assert not made.warnings


@pytest.mark.parametrize(
    ("name", "framework", "precision"),
    [
        ("vit", "openvino", "INT8"),
        ("resnet", "olive", "INT8_STATIC"),
        ("resnet", "qnn", "A16W8"),
        ("bert", "onnxruntime", "INT8_DYNAMIC"),
    ],
)
def test_it_is_quantized_in_every_framework_that_takes_its_graph(
    name: str, framework: str, precision: str, folders: dict[str, Path], home: Path, tmp_path: Path
) -> None:
    installed(framework)
    source = source_model(folders[name])
    if name == "resnet":
        source = replace(source, calibration=pictures(tmp_path / "pictures"))
    made = quantize(source, framework, precision, tmp_path / "made", quiet())
    assert made.framework == framework
    converted, followed = made.sameness
    assert converted.holds and followed.holds
    if name == "resnet":
        assert made.preprocessing is not None and made.preprocessing.mean == (0.5, 0.4, 0.3)


def test_pictures_go_in_as_its_image_processor_says(
    folders: dict[str, Path], home: Path, tmp_path: Path
) -> None:
    """Nobody has to name the figures: they came with the model, and go on with what is made of it."""
    Image.new("RGB", (48, 40), (255, 102, 0)).save(pictures(tmp_path / "pictures") / "class-0" / "0.png")
    source = replace(source_model(folders["vit"]), tasks=tmp_path / "pictures")
    form = original(source, quiet())
    assert source.preprocessing is not None
    assert source_model(form.path).preprocessing == source.preprocessing
    with closing(opener(quiet())(Configuration(form))) as engine:
        found = prepare_material(
            source, form, engine, QUICK, 0, tmp_path, quiet(), preprocessing=source.preprocessing
        )
    assert found.tensor is not None and found.tensor.samples == 40
    with np.load(found.tensor.batches[0]) as batch:
        first = batch["pixel_values"][0]
    assert first.shape == (3, SIDE, SIDE)
    np.testing.assert_allclose(first.mean((1, 2)), [(1 - 0.5) / 0.5, 0.0, -0.3 / 0.7], atol=1e-3)


def pictures(folder: Path) -> Path:
    """Forty, in four classes, larger than the model takes."""
    random = np.random.default_rng(5)
    for number in range(40):
        pixels = random.integers(0, 256, (48, 40, 3), dtype=np.uint8)
        path = folder / f"class-{number % 4}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return folder


def test_sizes_that_are_left_open_are_open(folders: dict[str, Path], home: Path, tmp_path: Path) -> None:
    made = convert(source_model(folders["bert"]), ModelFormat.ONNX, tmp_path / "out", quiet()).artifact
    shapes = []
    with closing(opener(quiet())(Configuration(made))) as engine:
        for batch, length in ((1, 5), (7, 40)):
            ids = np.random.default_rng(1).integers(0, VOCABULARY, (batch, length))
            arrays = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": ids * 0}
            np.savez(tmp_path / "in.npz", **arrays)
            answer = engine.infer(tmp_path / "in.npz", tmp_path / "out.npz")
            shapes.append(dict(read_outputs(answer))["logits"].shape)
    assert shapes == [(1, 2), (7, 2)]


def test_what_lacks_weights_is_refused_instead_of_drawn(
    folders: dict[str, Path], home: Path, tmp_path: Path
) -> None:
    """An encoder that says it is a classifier: Transformers would make up the rest."""
    folder = tmp_path / "half"
    folder.mkdir()
    for path in folders["encoder"].iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    config = json.loads((folder / "config.json").read_text())
    config["architectures"] = ["BertForSequenceClassification"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(BadInput, match=r"lacks weights.*classifier"):
        convert(source_model(folder), ModelFormat.ONNX, tmp_path / "out", quiet())
    assert not (tmp_path / "out").exists()


def test_sound_is_refused_with_what_it_takes(folders: dict[str, Path], home: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="input_values"):
        convert(source_model(folders["sound"]), ModelFormat.ONNX, tmp_path / "out", quiet())


@pytest.mark.parametrize("target", [ModelFormat.GGUF, ModelFormat.MLX])
def test_decoders_alone_go_where_models_are_built_by_architecture(
    target: ModelFormat, folders: dict[str, Path], home: Path, tmp_path: Path
) -> None:
    with pytest.raises(NoRoad, match=target.label):
        convert(source_model(folders["vit"]), target, tmp_path / "out", quiet())
