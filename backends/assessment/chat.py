"""The chat template that comes with a language model: Jinja text, read here and laid out in workers only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from backends.assessment import gguf
from backends.assessment.folder import inside, read_bytes, read_json

_FILE, _CONFIG = "chat_template.jinja", "tokenizer_config.json"
_KEY = "tokenizer.chat_template"
_USUAL = "default"
_LIMIT_BYTES = 2**20  # the longest of public models have 20 kB
_CONFIG_LIMIT_BYTES = 16 * 2**20


def chat_template(model: Path) -> str:
    """Of a GGUF file, or of what lies beside a model's weights; "" where it has none. Raises BadInput."""
    if model.suffix.lower() == ".gguf":
        found = gguf.read_header(model).metadata.get(_KEY)
        return found if isinstance(found, str) else ""
    folder = model if model.is_dir() else model.parent
    if (folder / _FILE).is_file():
        path = inside(folder, _FILE, folder / _FILE)
        return read_bytes(path, _LIMIT_BYTES).decode("utf-8", "replace")
    if (folder / _CONFIG).is_file():
        path = inside(folder, _CONFIG, folder / _CONFIG)
        return _usual(read_json(path, _CONFIG_LIMIT_BYTES).get("chat_template"))
    return ""


def _usual(said: Any) -> str:
    """One text, or several with names, of which the usual one counts."""
    if isinstance(said, str):
        return said
    if not isinstance(said, list):
        return ""
    named = {one.get("name"): one.get("template") for one in said if isinstance(one, dict)}
    found = named.get(_USUAL)
    return found if isinstance(found, str) else ""
