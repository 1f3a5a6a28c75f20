"""Where a tokenizer is looked for, and where it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

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


def test_none_is_said_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="has no tokenizer") as caught:
        load_tokenizer([bundle(tmp_path)], {})
    assert "tokenizer.model" in caught.value.remedy
    (tmp_path / "onnx" / "tokenizer.model").write_bytes(b"nonsense")
    with pytest.raises(BadInput, match=r"tokenizer\.model"):
        load_tokenizer([tmp_path / "onnx" / "model.onnx"], {})
