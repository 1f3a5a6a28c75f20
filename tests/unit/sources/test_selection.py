"""Which files of a repository are downloaded, and which never."""

from __future__ import annotations

import pytest

from backends.domain.errors import BadInput
from backends.sources.selection import choices, select

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


@pytest.mark.parametrize("data", ["model.onnx_data", "model.onnx.data", "model.data", "model.weights"])
def test_a_named_onnx_file_brings_its_data_along(data: str) -> None:
    mine = ("onnx/model.onnx", f"onnx/{data}", f"onnx/{data.replace('_data', '_data_1')}", "onnx/config.json")
    others = ("onnx/model_q4.onnx", "onnx/model_q4.onnx_data", "model.onnx", f"{data}", "onnx/model.bin")
    assert set(select((*mine, *others), ("onnx/model.onnx",))) == set(mine)
    assert set(select((*mine, *others), ("onnx/model_q4.onnx",))) == {*mine[3:], *others[:2]}


def test_one_named_part_brings_the_others() -> None:
    parts = ("q8-00001-of-00002.gguf", "q8-00002-of-00002.gguf")
    assert select(("q4.gguf", *parts), parts[:1]) == parts


def test_what_there_is_to_choose_from_is_told_by_first_files() -> None:
    names = ("q4.gguf", "q8-00001-of-00002.gguf", "q8-00002-of-00002.gguf", "README.md")
    assert choices(names) == {"q4.gguf": ["q4.gguf"], "q8-00001-of-00002.gguf": list(names[1:3])}
    assert choices((*names, *CHECKPOINT, "model.safetensors")) == {}
    assert choices(("onnx/model.onnx", "onnx/model.onnx_data")) == {}


def test_a_name_with_signs_of_a_pattern_is_still_a_name() -> None:
    assert select(("m[1].gguf", "m1.gguf"), ("m[1].gguf",))[0] == "m[1].gguf"


@pytest.mark.parametrize("weights", ["pytorch_model.bin", "model.ckpt", "model.pt"])
def test_pickles_are_refused(weights: str) -> None:
    with pytest.raises(BadInput, match="pickle"):
        select((*CHECKPOINT, weights))
    with pytest.raises(BadInput):
        select((*CHECKPOINT, weights), (weights,))


def test_a_repository_without_a_model_is_no_model() -> None:
    with pytest.raises(BadInput, match="no model"):
        select(("README.md", "data.csv"))
