"""Lines for fine-tuning: what is wrong is said with its line number, before anything starts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from backends.domain.errors import BadInput
from backends.domain.finetuning import FinetuneSettings
from backends.frameworks import training_data
from backends.frameworks.training_data import Layout

TEXT = '{"text": "A sentence."}'
CHAT = '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}'
PAIR = '{"prompt": "a", "completion": "b"}'


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "lines.jsonl"


@pytest.mark.parametrize(
    ("line", "layout"), [(TEXT, Layout.TEXT), (PAIR, Layout.COMPLETION), (CHAT, Layout.CHAT)]
)
def test_the_three_layouts_are_told_apart(data: Path, line: str, layout: Layout) -> None:
    data.write_text(f"\ufeff{line}\n\n{line}\n", encoding="utf-8")
    found = training_data.read_examples(data)
    assert (found.layout, len(found.lines), found.repeated) == (layout, 1, 1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "“lines.jsonl” is empty"),
        (" \n\n", "is empty"),
        (f"{TEXT}\n\n{{oops", "Line 3 of “lines.jsonl” is no JSON"),
        (f"{TEXT}\n[1]", "Line 2 of “lines.jsonl” is no JSON object"),
        ("[" * 100_000, "Line 1 .* is no JSON"),
        ('{"txt": "a", "label": 1}', "Line 1 of “lines.jsonl” has “txt”, “label”"),
        ('{"prompt": "a"}', "needs “text”, or “prompt” and “completion”"),
        (f"{PAIR}\n{TEXT}", "Line 2 of “lines.jsonl” has no “prompt”"),
        (f'{TEXT}\n{{"text": "  "}}', "Line 2 .* no text under “text”"),
        ('{"text": 3}', "no text under “text”"),
        ('{"messages": []}', "no list of messages"),
        ('{"messages": "hello"}', "no list of messages"),
        ('{"messages": [{"role": "user"}]}', "without “role” and “content”"),
    ],
)
def test_what_is_wrong_is_said(data: Path, text: str, says: str) -> None:
    data.write_text(text)
    with pytest.raises(BadInput, match=says):
        training_data.read_examples(data)


def test_a_file_that_is_none_or_no_text_is_said(data: Path) -> None:
    with pytest.raises(BadInput, match="There is no file"):
        training_data.read_examples(data)
    data.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="UTF-8"):
        training_data.read_examples(data)


def test_a_separator_of_unicode_ends_no_line(data: Path) -> None:
    data.write_text('{"text": "one\u2028two"}\n', encoding="utf-8")
    assert training_data.read_examples(data).lines == ({"text": "one\u2028two"},)


def test_no_line_is_on_both_sides_and_the_seed_decides(data: Path) -> None:
    data.write_text("\n".join(json.dumps({"text": f"line {n}"}) for n in range(50)))
    examples = training_data.read_examples(data)
    settings = FinetuneSettings(batch_size=2, held_out=0.2)
    parts = training_data.split(examples, settings)
    assert (len(parts.training), len(parts.held_out)) == (40, 10)
    assert not [line for line in parts.held_out if line in parts.training]
    assert training_data.split(examples, settings) == parts
    assert training_data.split(examples, replace(settings, seed=1)) != parts


@pytest.mark.parametrize(
    ("count", "batch", "says"), [(1, 1, "one example"), (7, 4, "7 different examples; with batches of 4, 8")]
)
def test_too_few_to_judge_by_is_said(data: Path, count: int, batch: int, says: str) -> None:
    data.write_text("\n".join(json.dumps({"text": f"line {n}"}) for n in range(count)))
    examples = training_data.read_examples(data)
    with pytest.raises(BadInput, match=says):
        training_data.split(examples, FinetuneSettings(batch_size=batch))


@pytest.mark.parametrize(
    "wrong",
    [
        {"iterations": 0},
        {"rank": 0},
        {"layers": -1},
        {"batch_size": 0},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"held_out": 1.0},
        {"dropout": 1.0},
        {"sequence_tokens": 1},
        {"mask_prompt": True},
    ],
    ids=str,
)
def test_settings_that_cannot_be_trained_with(wrong: dict[str, float]) -> None:
    training_data.check_settings(FinetuneSettings(), Layout.TEXT)
    with pytest.raises(BadInput):
        training_data.check_settings(replace(FinetuneSettings(), **wrong), Layout.TEXT)  # type: ignore[arg-type]


def test_messages_need_a_chat_template(tmp_path: Path) -> None:
    training_data.check_template(tmp_path, Layout.TEXT)
    with pytest.raises(BadInput, match="no chat template"):
        training_data.check_template(tmp_path, Layout.CHAT)
    config = tmp_path / "tokenizer_config.json"
    config.write_text("{broken")
    assert not training_data.has_template(tmp_path)
    config.write_text('{"chat_template": "{{ messages }}"}')
    training_data.check_template(tmp_path, Layout.CHAT)
    config.unlink()
    (tmp_path / "chat_template.jinja").write_text("{{ messages }}")
    training_data.check_template(tmp_path, Layout.COMPLETION)
