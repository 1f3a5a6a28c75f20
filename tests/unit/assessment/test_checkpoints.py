"""Hugging Face and MLX folders, shards, safetensors headers, tokenizers."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from backends.assessment.assess import assess
from backends.assessment.facts import CODE_IS_NOT_RUN
from backends.domain.errors import BadInput
from backends.domain.model import ModelFormat, ModelKind
from tests.unit.assessment.builders import (
    LLAMA,
    SHARED,
    llama_tensors,
    make_gguf,
    make_hf,
    make_safetensors,
    make_sentencepiece,
    write_safetensors,
)

STORIES = SHARED / "stories260k" / "hf"


def test_profile_of_a_folder(tmp_path: Path) -> None:
    profile = assess(make_hf(tmp_path / "tiny"))
    assert (profile.format, profile.kind) == (ModelFormat.HUGGING_FACE, ModelKind.LANGUAGE)
    assert (profile.name, profile.architecture, profile.precision) == ("tiny", "LlamaForCausalLM", "BF16")
    assert profile.contents.parameters == 32 * 64 + 2 * (128 * 64 + 64)
    assert profile.contents.bits_per_weight == 16.0
    assert profile.contents.tensor_types == {"BF16": 5}
    assert (profile.layers, profile.heads, profile.kv_heads, profile.head_dim) == (2, 4, 2, 16)
    assert (profile.context_length, profile.vocabulary, profile.tokenizer) == (512, 32, "sentencepiece")
    assert profile.size_bytes == sum(file.stat().st_size for file in (tmp_path / "tiny").iterdir())


@pytest.mark.skipif(not STORIES.exists(), reason="shared/data is not on this machine")
def test_a_real_folder() -> None:
    profile = assess(STORIES)
    assert profile.contents.tensor_types == {"F32": 47}
    assert profile.contents.parameters == 260_032
    assert (profile.name, profile.tokenizer, profile.context_length) == ("stories260k", "sentencepiece", 2048)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_file_of_a_folder_stands_for_it(tmp_path: Path, name: str) -> None:
    folder = make_hf(tmp_path / "tiny")
    assert assess(folder / name) == assess(folder)


def test_a_lone_safetensors_file_lacks_its_architecture(tmp_path: Path) -> None:
    path = make_safetensors(tmp_path / "w.safetensors", {"w": ("F32", (2,))})
    with pytest.raises(BadInput, match=r"config\.json"):
        assess(path)


def test_a_checkpoint_goes_before_single_files(tmp_path: Path) -> None:
    folder = make_hf(tmp_path / "tiny")
    make_gguf(folder / "also.gguf")
    profile = assess(folder)
    assert profile.format is ModelFormat.HUGGING_FACE
    assert any("also.gguf" in warning for warning in profile.warnings)


def test_experts_and_images(tmp_path: Path) -> None:
    config = {
        "architectures": ["Gemma3ForConditionalGeneration"],
        "model_type": "gemma3",
        "vision_config": {"hidden_size": 8},
        "text_config": {**LLAMA, "num_local_experts": 4},
    }
    profile = assess(make_hf(tmp_path, config))
    assert profile.multimodal
    assert (profile.experts, profile.layers, profile.kind) == (4, 2, ModelKind.LANGUAGE)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"architectures": ["T5ForConditionalGeneration"], "is_encoder_decoder": True}, "encoder-decoder"),
        ({"architectures": ["BartForConditionalGeneration"], "model_type": "bart"}, "encoder-decoder"),
        ({"architectures": ["WhisperForConditionalGeneration"], "model_type": "whisper"}, "encoder-decoder"),
        ({"architectures": ["Blip2ForConditionalGeneration"], "model_type": "blip-2"}, "takes images"),
    ],
    ids=["T5", "BART", "Whisper", "BLIP-2"],
)
def test_what_makes_text_but_is_no_decoder_is_refused(
    tmp_path: Path, config: dict[str, Any], says: str
) -> None:
    parts = {} if "is_encoder_decoder" in config or "images" in says else {"encoder_layers": 2}
    with pytest.raises(BadInput, match=says) as refused:
        assess(make_hf(tmp_path / "tiny", {**LLAMA, **config, **parts}))
    assert "tiny" in refused.value.message
    assert refused.value.remedy


def test_the_decoder_of_an_encoder_decoder_is_taken_alone(tmp_path: Path) -> None:
    config = {**LLAMA, "architectures": ["BartForCausalLM"], "model_type": "bart", "encoder_layers": 2}
    assert assess(make_hf(tmp_path, config)).kind is ModelKind.LANGUAGE


def test_a_classifier_is_a_vision_model(tmp_path: Path) -> None:
    profile = assess(make_hf(tmp_path, {"architectures": ["ViTForImageClassification"]}))
    assert profile.kind is ModelKind.VISION


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_remote_code_is_refused(tmp_path: Path, name: str) -> None:
    folder = make_hf(tmp_path)
    path = folder / name
    ask_for_code(path)
    config = folder / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "model_type": "own"}))
    with pytest.raises(BadInput, match="remote code"):
        assess(folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_code_that_is_not_needed_is_a_warning(tmp_path: Path, name: str) -> None:
    folder = make_hf(tmp_path)
    assert CODE_IS_NOT_RUN not in assess(folder).warnings
    ask_for_code(folder / name)
    assert assess(folder).warnings.count(CODE_IS_NOT_RUN) == 1


@pytest.mark.parametrize("kind", [None, ["llama"], {}])
def test_a_model_type_that_is_no_name_is_not_built_in(tmp_path: Path, kind: object) -> None:
    folder = make_hf(tmp_path, {**LLAMA, "model_type": kind})
    ask_for_code(folder / "config.json")
    with pytest.raises(BadInput, match="remote code"):
        assess(folder)


def test_a_tokenizer_that_is_code_alone_is_refused(tmp_path: Path) -> None:
    folder = make_hf(tmp_path)
    (folder / "tokenizer.model").unlink()
    ask_for_code(folder / "tokenizer_config.json")
    with pytest.raises(BadInput, match=r"tokenizer_config\.json .*remote code"):
        assess(folder)


def ask_for_code(path: Path) -> None:
    config = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**config, "auto_map": {"AutoModel": "modeling.X"}}))


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (b"", "not valid JSON"),
        (b"[]", "no JSON object"),
        (b"{" * 50_000, "not valid JSON"),
        (b"[" * 200_000, "not valid JSON"),
        (b'{"hidden_size": ' + b"9" * 5000 + b"}", "not valid JSON"),
        (json.dumps({**LLAMA, "num_hidden_layers": 9}).encode(), "claims 9 layers"),
        (json.dumps({**LLAMA, "num_hidden_layers": -1}).encode(), "num_hidden_layers"),
        (json.dumps({**LLAMA, "hidden_size": "64"}).encode(), "hidden_size"),
        (json.dumps({**LLAMA, "vocab_size": 64}).encode(), "claims 64 tokens"),
        (json.dumps({**LLAMA, "vocab_size": 16}).encode(), "do not belong together"),
        (json.dumps({**LLAMA, "hidden_size": 32}).encode(), "claims rows of 32"),
    ],
)
def test_a_wrong_configuration(tmp_path: Path, config: bytes, says: str) -> None:
    folder = make_hf(tmp_path)
    (folder / "config.json").write_bytes(config)
    with pytest.raises(BadInput, match=says):
        assess(folder)


# --- tokenizers and licences ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ({"type": "BPE", "vocab": {"a": 0, "b": 31}, "merges": []}, "bpe"),
        ({"vocab": {"a": 0}, "merges": []}, "bpe"),
        ({"type": "Unigram", "vocab": [["a", 0.0]]}, "unigram"),
        ({"type": "WordPiece", "vocab": {}}, "wordpiece"),
    ],
)
def test_kinds_of_tokenizers(tmp_path: Path, model: dict[str, Any], kind: str) -> None:
    folder = make_hf(tmp_path)
    (folder / "tokenizer.model").unlink()
    (folder / "tokenizer.json").write_text(json.dumps({"model": model}))
    assert assess(folder).tokenizer == kind


def test_a_tokenizer_of_another_model(tmp_path: Path) -> None:
    folder = make_hf(tmp_path)
    make_sentencepiece(folder / "tokenizer.model", 33)
    with pytest.raises(BadInput, match=r"tokenizer\.model has 33 tokens"):
        assess(folder)


@pytest.mark.parametrize("data", [b"", b"\x0a\x7f", b"\x08\x01", b"\x0a" + b"\xff" * 12, b"garbage"])
def test_a_damaged_tokenizer(tmp_path: Path, data: bytes) -> None:
    folder = make_hf(tmp_path)
    (folder / "tokenizer.model").write_bytes(data)
    with pytest.raises(BadInput, match=r"tokenizer\.model"):
        assess(folder)


def test_a_missing_tokenizer_is_a_warning(tmp_path: Path) -> None:
    folder = make_hf(tmp_path)
    (folder / "tokenizer.model").unlink()
    assert assess(folder).warnings == ("It has no tokenizer.",)


@pytest.mark.parametrize(
    ("name", "text", "licence"),
    [
        ("README.md", "---\nlanguage: en\nlicense: apache-2.0\n---\n# Model", "apache-2.0"),
        ("README.md", "# Model\nlicense: mit", ""),
        ("LICENSE", "Apache License\nVersion 2.0", "Apache-2.0"),
        ("LICENSE.txt", "Permission is hereby granted, free of charge, …", "MIT"),
        ("LICENSE", "All mine.", "see the licence file beside it"),
    ],
)
def test_licences(tmp_path: Path, name: str, text: str, licence: str) -> None:
    folder = make_hf(tmp_path)
    (folder / name).write_text(text)
    assert assess(folder).licence == licence


# --- shards and places ------------------------------------------------------------------------------------


def _sharded(folder: Path, places: dict[str, str] | None = None) -> Path:
    make_hf(folder)
    (folder / "model.safetensors").unlink()
    tensors = llama_tensors()
    split = {"a.safetensors": list(tensors)[:2], "b.safetensors": list(tensors)[2:]}
    for name, members in split.items():
        make_safetensors(folder / name, {member: tensors[member] for member in members})
    places = places or {member: name for name, members in split.items() for member in members}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    return folder


def test_shards_count_together(tmp_path: Path) -> None:
    whole, parts = assess(make_hf(tmp_path / "whole")), assess(_sharded(tmp_path / "parts"))
    assert parts.contents == whole.contents
    assert len(parts.files) == len(whole.files) + 2


def test_a_missing_shard(tmp_path: Path) -> None:
    folder = _sharded(tmp_path)
    (folder / "b.safetensors").unlink()
    with pytest.raises(BadInput, match=r"b\.safetensors.*is missing"):
        assess(folder)


def test_a_missing_numbered_shard_without_an_index(tmp_path: Path) -> None:
    folder = make_hf(tmp_path)
    (folder / "model.safetensors").rename(folder / "model-00001-of-00003.safetensors")
    with pytest.raises(BadInput, match="1 of 3"):
        assess(folder)


def test_a_tensor_in_no_shard(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="ghost"):
        assess(_sharded(tmp_path, {"ghost": "a.safetensors"}))


def test_a_tensor_in_two_shards(tmp_path: Path) -> None:
    folder = make_hf(tmp_path)
    for number in (1, 2):
        make_safetensors(folder / f"model-0000{number}-of-00002.safetensors", llama_tensors())
    (folder / "model.safetensors").unlink()
    with pytest.raises(BadInput, match="also in another file"):
        assess(folder)


OUTSIDE = [
    "../secret.safetensors",
    "/etc/passwd",
    "C:\\secret.safetensors",
    "..\\secret.safetensors",
    "a/../../secret.safetensors",
    "",
    "a\0b",
]


@pytest.mark.parametrize("place", OUTSIDE)
def test_shards_outside_the_folder_are_refused(tmp_path: Path, place: str) -> None:
    make_safetensors(tmp_path / "secret.safetensors", {"w": ("F32", (2,))})
    with pytest.raises(BadInput, match=r"index\.json points outside"):
        assess(_sharded(tmp_path / "model", {"w": place}))


def test_a_link_that_leads_outside_is_refused(tmp_path: Path) -> None:
    folder = make_hf(tmp_path / "model")
    (folder / "model.safetensors").rename(tmp_path / "secret.safetensors")
    (folder / "model.safetensors").symlink_to(tmp_path / "secret.safetensors")
    with pytest.raises(BadInput, match="points outside"):
        assess(folder)


def test_links_of_the_hugging_face_cache_are_followed(tmp_path: Path) -> None:
    repository = tmp_path / "models--acme--tiny"
    folder = make_hf(repository / "snapshots" / "abc")
    (repository / "blobs").mkdir()
    for file in list(folder.iterdir()):
        blob = file.rename(repository / "blobs" / f"sha-{file.name}")
        file.symlink_to(os.path.relpath(blob, folder))
    profile = assess(folder)
    assert profile.name == "acme/tiny"
    assert profile.contents.parameters > 0


def test_links_in_a_circle(tmp_path: Path) -> None:
    folder = make_hf(tmp_path / "model")
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to("b.safetensors")
    (folder / "b.safetensors").symlink_to("model.safetensors")
    with pytest.raises(BadInput):
        assess(folder)
    with pytest.raises(BadInput, match="cannot be read"):
        assess(folder / "b.safetensors")


def test_an_adapter_is_no_model(tmp_path: Path) -> None:
    folder = make_hf(tmp_path)
    (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")
    with pytest.raises(BadInput, match="LoRA"):
        assess(folder)


# --- safetensors headers ----------------------------------------------------------------------------------

GOOD = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}
LIES: dict[str, tuple[Any, int]] = {
    "no JSON": (b"{garbage", 16),
    "no object": (b"{}"[:1] + b" ", 16),
    "entry is a number": ({"w": 5}, 16),
    "no shape": ({"w": {"dtype": "F32", "data_offsets": [0, 16]}}, 16),
    "unknown type": ({"w": {**GOOD, "dtype": "X9"}}, 16),
    "type is a list": ({"w": {**GOOD, "dtype": ["F32"]}}, 16),
    "negative shape": ({"w": {**GOOD, "shape": [-2, -2]}}, 16),
    "boolean shape": ({"w": {**GOOD, "shape": [True, 4]}}, 16),
    "endless shape": ({"w": {**GOOD, "shape": [2**62] * 70}}, 16),
    "offsets the wrong way": ({"w": {**GOOD, "data_offsets": [16, 0]}}, 16),
    "size not of the shape": ({"w": {**GOOD, "data_offsets": [0, 12]}}, 12),
    "data beyond the end": ({"w": GOOD}, 8),
    "bytes of no tensor": ({"w": GOOD}, 32),
    "gap": ({"w": {**GOOD, "data_offsets": [4, 20]}}, 20),
    "overlap": ({"w": GOOD, "v": {**GOOD, "data_offsets": [8, 24]}}, 24),
    "no tensors": ({}, 0),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lying_header_is_bad_input(tmp_path: Path, lie: str) -> None:
    folder = make_hf(tmp_path)
    write_safetensors(folder / "model.safetensors", *LIES[lie])
    with pytest.raises(BadInput):
        assess(folder)


@pytest.mark.parametrize("length", [0, 1, 2**31, 2**63, 2**64 - 1])
def test_an_absurd_header_length(tmp_path: Path, length: int) -> None:
    folder = make_hf(tmp_path)
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(length.to_bytes(8, "little") + data[8:])
    with pytest.raises(BadInput, match=r"model\.safetensors"):
        assess(folder)


# --- weights packed by others -----------------------------------------------------------------------------


def _mlx(folder: Path, quantization: dict[str, Any], words: int = 8) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "quantization": quantization}))
    tensors: dict[str, tuple[str, tuple[int, ...]]] = {
        "layers.0.up.weight": ("U32", (16, words)),
        "layers.0.up.scales": ("F16", (16, 1)),
        "layers.0.up.biases": ("F16", (16, 1)),
        "norm.weight": ("F16", (64,)),
    }
    make_safetensors(folder / "model.safetensors", tensors)
    return folder


def test_mlx_counts_what_the_words_hold(tmp_path: Path) -> None:
    profile = assess(_mlx(tmp_path, {"group_size": 64, "bits": 4}))
    assert (profile.format, profile.kind) == (ModelFormat.MLX, ModelKind.LANGUAGE)
    assert profile.contents.tensor_types == {"INT4 group 64": 1, "F16": 1}
    assert profile.contents.parameters == 16 * 64 + 64
    assert profile.contents.weight_bytes == 16 * 32 + 2 * 16 * 2 + 128


def test_mlx_bits_come_from_the_shapes(tmp_path: Path) -> None:
    mixed = {"group_size": 64, "bits": 4, "layers.0.up": {"group_size": 32, "bits": 8}}
    assert "INT8 group 32" in assess(_mlx(tmp_path, mixed)).contents.tensor_types


@pytest.mark.parametrize("quantization", [{"group_size": 0}, {"group_size": "x"}, {"group_size": 48}])
def test_mlx_shapes_must_fit(tmp_path: Path, quantization: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="does not fit"):
        assess(_mlx(tmp_path, quantization))


@pytest.mark.parametrize(
    ("quantization", "tensors", "types", "parameters"),
    [
        (
            {"quant_method": "gptq", "bits": 4, "group_size": 128},
            {"w.qweight": ("I32", (16, 4)), "w.qzeros": ("I32", (1, 4)), "w.scales": ("F16", (1, 8))},
            {"INT4 group 128": 1},
            512,
        ),
        (
            {"quant_method": "bitsandbytes"},
            {"w.weight": ("U8", (256, 1)), "w.weight.absmax": ("F32", (8,))},
            {"INT4": 1},
            512,
        ),
        (
            {"quant_method": "compressed-tensors", "config_groups": {"g": {"weights": {"num_bits": 8}}}},
            {"w.weight_packed": ("I32", (4, 4)), "w.weight_scale": ("BF16", (4, 1))},
            {"INT8": 1},
            64,
        ),
    ],
)
def test_weights_packed_by_other_quantizers(
    tmp_path: Path, quantization: dict[str, Any], tensors: Any, types: dict[str, int], parameters: int
) -> None:
    folder = make_hf(tmp_path, {"architectures": ["XForCausalLM"], "quantization_config": quantization})
    make_safetensors(folder / "model.safetensors", tensors)
    profile = assess(folder)
    assert profile.contents.tensor_types == types
    assert profile.contents.parameters == parameters
    assert "already quantized" in profile.warnings[0]


def test_packed_weights_of_impossible_bits(tmp_path: Path) -> None:
    folder = make_hf(tmp_path, {**LLAMA, "quantization_config": {"bits": 0}})
    with pytest.raises(BadInput, match="0 bits"):
        assess(folder)
