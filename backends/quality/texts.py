"""A user's text: a plain file, or JSON Lines with a text each."""

from __future__ import annotations

import json
from pathlib import Path

from backends.domain.errors import BadInput

LINES = ".jsonl"
_REMEDY = 'Each line is an object such as {"text": "A sentence."}.'


def read_texts(path: Path) -> tuple[str, ...]:
    """The texts of a file: its lines' where it is JSON Lines, else one. Raises BadInput for none at all."""
    content = _read(path)
    if path.suffix.lower() != LINES:
        found: tuple[str, ...] = (content,) if content.strip() else ()
    else:
        lines = [(number, line) for number, line in enumerate(content.split("\n"), start=1) if line.strip()]
        found = tuple(_text(line, f"{path}, line {number}") for number, line in lines)
    if not any(text.strip() for text in found):
        raise BadInput(f"The text {path} is empty.", "Choose a file with some pages of text.")
    return found


def read_text(path: Path) -> str:
    """All of it as one text."""
    return "\n".join(read_texts(path))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = error.strerror or error
        raise BadInput(f"The text {path} cannot be read: {reason}.", "Choose another file.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"The file {path} is no UTF-8 text.", "Save it as UTF-8.") from error


def _text(line: str, where: str) -> str:
    try:
        item = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where}: this is no JSON ({error}).", _REMEDY) from error
    text = item.get("text") if isinstance(item, dict) else None
    if not isinstance(text, str):
        raise BadInput(f'{where}: there is no "text".', _REMEDY)
    return text
