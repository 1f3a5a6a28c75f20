"""Which files of a repository are downloaded, and which never."""

from __future__ import annotations

import pytest

from backends.domain.errors import BadInput
from backends.sources.selection import select

CHECKPOINT = ("config.json", "tokenizer.json", "README.md")


def test_a_checkpoint_is_its_configuration_tokenizer_and_weights() -> None:
    names = (*CHECKPOINT, "model.safetensors", "model.py", "pytorch_model.bin", "onnx/model.onnx", "a.gguf")
    assert select(names) == (*CHECKPOINT, "model.safetensors")


def test_numbered_parts_belong_together_and_copies_are_left_alone() -> None:
    parts = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    names = (*CHECKPOINT, *parts, "model.safetensors.index.json", "consolidated.safetensors")
    assert set(select(names)) == {*CHECKPOINT, *parts, "model.safetensors.index.json"}


def test_one_gguf_in_parts_is_one_model() -> None:
    parts = ("m-00001-of-00002.gguf", "m-00002-of-00002.gguf")
    assert set(select((*parts, "README.md"))) == {*parts, "README.md"}


def test_of_several_models_one_has_to_be_named() -> None:
    names = ("m-q4.gguf", "m-q8.gguf", "README.md")
    with pytest.raises(BadInput, match="2 models") as caught:
        select(names)
    assert "--file" in caught.value.remedy
    assert select(names, ("*q8*",)) == ("README.md", "m-q8.gguf")
    with pytest.raises(BadInput) as caught:
        select(names, ("*q5*",))
    assert "m-q4.gguf" in caught.value.remedy


def test_an_onnx_model_comes_with_its_data_and_what_lies_beside() -> None:
    names = ("config.json", "onnx/model.onnx", "onnx/model.onnx_data", "onnx/config.json", "onnx/run.py")
    assert set(select(names)) == set(names) - {"onnx/run.py"}


@pytest.mark.parametrize("weights", ["pytorch_model.bin", "model.ckpt", "model.pt"])
def test_pickles_are_refused(weights: str) -> None:
    with pytest.raises(BadInput, match="pickle"):
        select((*CHECKPOINT, weights))
    with pytest.raises(BadInput):
        select((*CHECKPOINT, weights), (weights,))


def test_a_repository_without_a_model_is_no_model() -> None:
    with pytest.raises(BadInput, match="no model"):
        select(("README.md", "data.csv"))
