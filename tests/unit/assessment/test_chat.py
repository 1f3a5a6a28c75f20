"""Where a model's chat template is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backends.assessment.chat import chat_template
from backends.domain.errors import BadInput
from tests.unit.assessment.builders import make_gguf

TEMPLATE = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}"


def test_in_a_gguf_file(tmp_path: Path) -> None:
    path = make_gguf(tmp_path / "chat.gguf", extra={"tokenizer.chat_template": TEMPLATE * 20})
    assert chat_template(path) == TEMPLATE * 20
    assert chat_template(make_gguf(tmp_path / "base.gguf")) == ""


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (TEMPLATE, TEMPLATE),
        ([{"name": "tool_use", "template": "x"}, {"name": "default", "template": TEMPLATE}], TEMPLATE),
        ([{"name": "tool_use", "template": "x"}], ""),
        ([7], ""),
        (None, ""),
    ],
)
def test_in_the_configuration_of_a_tokenizer(tmp_path: Path, said: Any, found: str) -> None:
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": said}))
    assert chat_template(tmp_path) == chat_template(tmp_path / "model.onnx") == found


def test_a_file_of_its_own_comes_first(tmp_path: Path) -> None:
    assert chat_template(tmp_path) == ""
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": "older"}))
    (tmp_path / "chat_template.jinja").write_text(TEMPLATE)
    assert chat_template(tmp_path) == TEMPLATE


def test_never_from_outside_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    model = tmp_path / "model"
    model.mkdir()
    (model / "chat_template.jinja").symlink_to(tmp_path / "secret")
    with pytest.raises(BadInput):
        chat_template(model)
