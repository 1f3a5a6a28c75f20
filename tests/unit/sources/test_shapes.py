"""Shape-only models: the catalogue's facts, the files made of them, and the mark they carry."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backends.actions.shapes import catalogue
from backends.assessment.source import source_model
from backends.domain.errors import BadInput
from backends.domain.model import SHAPE_ONLY_KEY, SHAPE_ONLY_WORDS, ModelFormat
from backends.sources import weights
from backends.sources.architectures import decoder_shape, known_architectures
from backends.sources.shapes import Shape, write_folder
from backends.sources.tokens import BEGIN, END, LEAST_PIECES, made_tokenizer

TINY: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 512,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-5,
    "hidden_act": "silu",
    "tie_word_embeddings": False,
}
PUBLISHED = {  # parameters as their publishers count them
    "SmolLM2-135M": 134_515_008,
    "SmolLM2-360M": 361_821_120,
    "Qwen2.5-0.5B": 494_032_768,
    "Qwen3-0.6B": 596_049_920,
    "Gemma-3-1B": 999_885_952,
    "TinyLlama-1.1B": 1_100_048_384,
    "Llama-3.2-1B": 1_235_814_400,
    "Qwen2.5-1.5B": 1_543_714_304,
    "SmolLM2-1.7B": 1_711_376_384,
    "Qwen2.5-3B": 3_085_938_688,
    "Llama-3.2-3B": 3_212_749_824,
    "Phi-3-mini-4k": 3_821_079_552,
    "Qwen3-4B": 4_022_468_096,
    "Mistral-7B-v0.3": 7_248_023_552,
    "Qwen2.5-7B": 7_615_616_512,
    "Llama-3.1-8B": 8_030_261_248,
}


def made(folder: Path, dtype: str = "F16", **changes: Any) -> Path:
    folder.mkdir()
    write_folder(folder, Shape("tiny", {**TINY, **changes}), dtype, lambda count: None)
    return folder


def test_the_catalogue_has_the_published_parameter_counts() -> None:
    assert {shape.name: shape.decoder.parameters for shape in catalogue()} == PUBLISHED


def test_the_catalogue_is_ordered_and_says_where_its_facts_come_from() -> None:
    counts = [shape.decoder.parameters for shape in catalogue()]
    assert counts == sorted(counts) and counts[0] > 0.1e9 and counts[-1] < 8.1e9
    assert all(shape.source.startswith("https://huggingface.co/") for shape in catalogue())


@pytest.mark.parametrize("dtype", ["F16", "BF16"])
def test_what_is_made_reads_as_a_model_of_that_shape(dtype: str, tmp_path: Path) -> None:
    folder = made(tmp_path / "tiny", dtype)
    profile = source_model(folder).profile
    assert profile.format is ModelFormat.HUGGING_FACE
    assert (profile.precision, profile.layers, profile.vocabulary) == (dtype, 2, 512)
    assert profile.contents.parameters == decoder_shape(TINY).parameters
    assert profile.shape_only and profile.warnings == (SHAPE_ONLY_WORDS,)
    assert profile.tokenizer == "sentencepiece"


def test_the_mark_survives_the_loss_of_either_file_that_carries_it(tmp_path: Path) -> None:
    folder = made(tmp_path / "tiny")
    config = json.loads((folder / "config.json").read_text())
    assert config.pop(SHAPE_ONLY_KEY)
    (folder / "config.json").write_text(json.dumps(config))
    assert source_model(folder).profile.shape_only
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(
        content.replace(SHAPE_ONLY_KEY.encode(), b"x" * len(SHAPE_ONLY_KEY))
    )
    assert not source_model(folder).profile.shape_only
    (folder / "config.json").write_text(json.dumps({**config, SHAPE_ONLY_KEY: "yes"}))
    assert source_model(folder).profile.shape_only


def test_weights_are_the_same_every_time_and_of_the_asked_spread(tmp_path: Path) -> None:
    first, second = made(tmp_path / "a"), made(tmp_path / "b")
    assert (first / "model.safetensors").read_bytes() == (second / "model.safetensors").read_bytes()
    values = data(first, np.float16)
    embedding = values[: 512 * 64].astype(np.float32)
    assert abs(float(embedding.std()) - 0.02) < 0.001
    assert np.isfinite(values).all()


def test_a_configurations_own_spread_counts(tmp_path: Path) -> None:
    values = data(made(tmp_path / "a", initializer_range=0.05), np.float16)
    assert abs(float(values[: 512 * 64].astype(np.float32).std()) - 0.05) < 0.002


def test_bf16_is_the_same_numbers_rounded(tmp_path: Path) -> None:
    exact = data(made(tmp_path / "a"), np.float16).astype(np.float32)
    bits = data(made(tmp_path / "b", "BF16"), np.uint16).astype(np.uint32) << 16
    assert np.allclose(exact, bits.view(np.float32), rtol=2**-7, atol=1e-6)


def data(folder: Path, kind: Any) -> Any:
    content = (folder / "model.safetensors").read_bytes()
    return np.frombuffer(content[8 + int.from_bytes(content[:8], "little") :], kind)


def test_memory_does_not_grow_with_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "PIECE_ELEMENTS", 1000)
    written: list[int] = []
    folder = tmp_path / "a"
    folder.mkdir()
    write_folder(folder, Shape("tiny", TINY), "F16", written.append)
    assert max(written) == 2000
    assert sum(written) == decoder_shape(TINY).parameters * weights.ELEMENT_BYTES


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"architectures": ["MambaForCausalLM"]}, "MambaForCausalLM"),
        ({"architectures": None}, "does not name its architecture"),
        ({"quantization_config": {"bits": 4}}, "quantized already"),
        ({"hidden_size": None}, "hidden_size"),
        ({"vocab_size": -1}, "vocab_size"),
        ({"num_hidden_layers": True}, "num_hidden_layers"),
        ({"vocab_size": 10**12}, "vocab_size"),
        ({"num_key_value_heads": 3}, "key-value heads"),
    ],
    ids=str,
)
def test_a_configuration_that_cannot_be_made_says_why(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput, match=re.escape(sentence)) as caught:
        decoder_shape({**TINY, **changes})
    assert caught.value.remedy


def test_the_made_tokenizer_has_the_size_and_splits_text() -> None:
    from sentencepiece import SentencePieceProcessor

    processor = SentencePieceProcessor(model_proto=made_tokenizer(32_000))
    assert processor.vocab_size() == 32_000
    assert (processor.bos_id(), processor.eos_id()) == (BEGIN, END)
    text = "Once upon a time, Größe 12 €\n"
    ids = processor.encode(text)
    assert processor.decode(ids) == text
    assert len(ids) < len(text)
    with pytest.raises(BadInput):
        made_tokenizer(LEAST_PIECES - 1)


@pytest.mark.parametrize("architecture", known_architectures())
def test_the_tensors_are_those_that_transformers_makes(architecture: str) -> None:
    """Against Transformers itself, without a single weight in memory."""
    torch = pytest.importorskip("torch", reason="PyTorch is no part of the base install")
    transformers = pytest.importorskip("transformers", reason="Transformers is no part of the base install")
    shape = next(shape for shape in catalogue() if shape.config["architectures"] == [architecture])
    small = {**shape.config, "num_hidden_layers": 2}
    config = transformers.AutoConfig.for_model(**small)
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    decoder = decoder_shape(small)
    if decoder.tied:
        expected.pop("lm_head.weight", None)
    assert {tensor.name: tensor.shape for tensor in decoder.tensors()} == expected
