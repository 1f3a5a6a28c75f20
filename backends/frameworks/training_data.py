"""A user's lines for fine-tuning: JSONL in one of mlx-lm's own layouts, checked before anything starts."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from backends.domain.errors import BadInput
from backends.domain.finetuning import FinetuneSettings

Line = Mapping[str, Any]
TEMPLATE = "chat_template.jinja"


class Layout(StrEnum):
    """What the lines hold, by the keys they have."""

    TEXT = "text"
    COMPLETION = "prompt and completion"
    CHAT = "messages"


KEYS = {Layout.COMPLETION: ("prompt", "completion"), Layout.CHAT: ("messages",), Layout.TEXT: ("text",)}


@dataclass(frozen=True)
class Examples:
    """``repeated``: how many lines said what an earlier one had said; they are left out."""

    layout: Layout
    lines: tuple[Line, ...]
    repeated: int = 0


@dataclass(frozen=True)
class Split:
    training: tuple[Line, ...]
    held_out: tuple[Line, ...]


def read_examples(path: Path) -> Examples:
    """Raises BadInput with the number of the line that is wrong."""
    # Only a line feed ends a line: JSON may hold the other separators of Unicode as they are.
    lines = [(number, text) for number, text in enumerate(_text(path).split("\n"), 1) if text.strip()]
    if not lines:
        raise BadInput(
            f"“{path.name}” is empty.", 'Write one JSON object a line, such as {"text": "A sentence."}.'
        )
    parsed = [_object(path, number, text) for number, text in lines]
    layout = _layout(path, parsed[0], lines[0][0])
    for (number, _), line in zip(lines, parsed, strict=True):
        _check(path, number, line, layout)
    different = {json.dumps(line, sort_keys=True): line for line in parsed}
    return Examples(layout, tuple(different.values()), len(parsed) - len(different))


def split(examples: Examples, settings: FinetuneSettings, name: str = "The file") -> Split:
    """Shuffled by the seed; a batch at least on either side. Raises BadInput where there are too few."""
    count, batch = len(examples.lines), settings.batch_size
    held_out = max(batch, round(count * settings.held_out))
    if count - held_out < batch:
        have = "one example" if count == 1 else f"{count} different examples"
        raise BadInput(
            f"“{name}” has {have}; with batches of {batch}, {2 * batch} are needed: some are held out to "
            "judge by.",
            "Add lines, or make the batches smaller." if batch > 1 else "Add lines.",
        )
    order = list(examples.lines)
    random.Random(settings.seed).shuffle(order)
    return Split(tuple(order[held_out:]), tuple(order[:held_out]))


def check_settings(settings: FinetuneSettings, layout: Layout) -> None:
    """Raises BadInput for figures that cannot be trained with."""
    least = {"iterations": 1, "rank": 1, "layers": 0, "batch_size": 1, "sequence_tokens": 8, "seed": 0}
    for name, limit in least.items():
        if getattr(settings, name) < limit:
            raise BadInput(f"{_words(name)} cannot be {getattr(settings, name)}.", f"Take {limit} or more.")
    if not 0 < settings.learning_rate <= 1:
        raise BadInput(f"A learning rate of {settings.learning_rate} cannot work.", "Try 1e-4.")
    if not 0 < settings.held_out < 1:
        raise BadInput(f"The share held out cannot be {settings.held_out}.", "Take one between 0 and 1.")
    if not 0 <= settings.dropout < 1:
        raise BadInput(f"The dropout cannot be {settings.dropout}.", "Take one from 0 to below 1.")
    if settings.mask_prompt and layout is Layout.TEXT:
        raise BadInput(
            "Plain text has no prompt that could be masked.", "Leave it on, or write prompt and completion."
        )


def check_template(model: Path, layout: Layout) -> None:
    """Raises BadInput where lines need a chat template and the model has none."""
    if layout is Layout.TEXT or has_template(model):
        return
    raise BadInput(
        f"“{model.name}” has no chat template, so {layout.value} cannot be laid out for it.",
        'Write whole texts instead: {"text": "…"}.',
    )


def has_template(model: Path) -> bool:
    if (model / TEMPLATE).is_file():
        return True
    try:
        config = json.loads((model / "tokenizer_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and bool(config.get("chat_template"))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise BadInput(f"There is no file “{path}”.", "Check the path.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"“{path.name}” is no UTF-8 text.", "Save it as UTF-8.") from error
    except OSError as error:
        raise BadInput(f"“{path}” cannot be read: {error.strerror}.", "Check the file.") from error


def _object(path: Path, number: int, text: str) -> Line:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "too deep"
        raise BadInput(f"Line {number} of “{path.name}” is no JSON: {reason}.", "Mend that line.") from error
    if not isinstance(found, dict):
        raise BadInput(f"Line {number} of “{path.name}” is no JSON object.", "Write {…} on every line.")
    return found


def _layout(path: Path, first: Line, number: int) -> Layout:
    """As mlx-lm tells them apart, in the same order."""
    for layout, keys in KEYS.items():
        if all(key in first for key in keys):
            return layout
    has = ", ".join(f"“{key}”" for key in first) or "nothing"
    raise BadInput(
        f"Line {number} of “{path.name}” has {has}.",
        "It needs “text”, or “prompt” and “completion”, or “messages”.",
    )


def _check(path: Path, number: int, line: Line, layout: Layout) -> None:
    where = f"Line {number} of “{path.name}”"
    missing = [key for key in KEYS[layout] if key not in line]
    if missing:
        raise BadInput(f"{where} has no “{missing[0]}”.", "Every line needs the keys of the first.")
    if layout is Layout.CHAT:
        _check_messages(where, line["messages"])
        return
    for key in KEYS[layout]:
        if not isinstance(line[key], str) or not line[key].strip():
            raise BadInput(f"{where} has no text under “{key}”.", "Fill it in, or take the line out.")


def _check_messages(where: str, messages: Any) -> None:
    remedy = 'Write {"messages": [{"role": "user", "content": "…"}, …]}.'
    if not isinstance(messages, Sequence) or isinstance(messages, str) or not messages:
        raise BadInput(f"{where} has no list of messages.", remedy)
    for message in messages:
        fine = isinstance(message, dict) and all(
            isinstance(message.get(key), str) for key in ("role", "content")
        )
        if not fine:
            raise BadInput(f"{where} has a message without “role” and “content”.", remedy)


def _words(name: str) -> str:
    return "The " + {"batch_size": "batch size", "sequence_tokens": "sequence length"}.get(name, name)
