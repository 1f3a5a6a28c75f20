"""Where a tokenizer is looked for, and where it is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from backends.domain.errors import BadInput
from backends.frameworks.tokenizers import copy_companions, find_tokenizer, load_tokenizer
from tests.contract.onnx_models import tokenizer


def bundle(folder: Path) -> Path:
    for name in ("hf", "onnx", "another"):
        (folder / name).mkdir()
    model = folder / "onnx" / "model.onnx"
    model.write_bytes(b"")
    return model


def test_beside_the_model_first_then_in_the_bundle(tmp_path: Path) -> None:
    model = bundle(tmp_path)
    (tmp_path / "another" / "tokenizer.model").write_bytes(b"another model's")
    assert find_tokenizer([model], {}) is None
    (tmp_path / "hf" / "tokenizer.model").write_bytes(b"")
    assert find_tokenizer([model], {}) == tmp_path / "hf" / "tokenizer.model"
    (tmp_path / "onnx" / "tokenizer.model").write_bytes(b"")
    assert find_tokenizer([model], {}) == tmp_path / "onnx" / "tokenizer.model"
    named = tmp_path / "another" / "tokenizer.model"
    assert find_tokenizer([model], {"tokenizer": str(named)}) == named
    assert find_tokenizer([model], {"tokenizer": str(named.parent)}) == named


def test_ids_have_no_special_tokens_and_bytes_are_known(tmp_path: Path) -> None:
    model = bundle(tmp_path)
    (tmp_path / "hf" / "tokenizer.model").write_bytes(tokenizer())
    copy_companions(model, tmp_path / "another")
    tokenize = load_tokenizer([tmp_path / "another"], {})
    assert tokenize("the cat")
    assert not {0, 1, 2} & set(tokenize("the cat 日本"))


def test_hugging_faces_own_file_is_enough(tmp_path: Path) -> None:
    made = Tokenizer(models.BPE(unk_token=None))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<s>"], initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(["the cat sat on the mat"] * 4, trainer)
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    made.enable_truncation(4)
    made.enable_padding(length=4)
    made.save(str(tmp_path / "tokenizer.json"))
    tokenize = load_tokenizer([tmp_path / "model.onnx"], {})
    text = "the cat sat on the mat, 日本 " * 9
    ids = tokenize(text)
    assert len(ids) > 9 and 0 not in ids
    assert made.decode(ids) == text
    assert tokenize("") == []


def test_a_file_that_is_no_tokenizer_is_said(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text('{"model": {"type": "BPE"}}', encoding="utf-8")
    with pytest.raises(BadInput, match="cannot be read"):
        load_tokenizer([tmp_path], {})


def test_none_is_said_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="has no tokenizer") as caught:
        load_tokenizer([bundle(tmp_path)], {})
    assert "tokenizer.model or tokenizer.json" in caught.value.remedy
    (tmp_path / "onnx" / "tokenizer.model").write_bytes(b"nonsense")
    with pytest.raises(BadInput, match=r"tokenizer\.model"):
        load_tokenizer([tmp_path / "onnx" / "model.onnx"], {})
