"""What lies beside the graph of a language model: its configuration and its tokenizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backends.assessment.facts import CONFIG, Facts, architecture, facts, genai_facts, is_multimodal
from backends.assessment.folder import inside, printable, read_json
from backends.assessment.signature import PAST_KEY
from backends.assessment.tokenizer import check_vocabulary, tokenizer_files, tokenizer_in
from backends.domain.model import ModelKind, TensorSpec

GENAI_CONFIG = "genai_config.json"


@dataclass(frozen=True)
class Beside:
    """Empty for models of other kinds: their folder may be anything."""

    architecture: str = ""
    facts: Facts = field(default_factory=Facts)
    multimodal: bool = False
    tokenizer: str = ""
    files: tuple[Path, ...] = ()


def beside(
    path: Path, kind: ModelKind, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]
) -> Beside:
    """What the folder of the graph ``path`` tells, completed by the shapes of its cache and logits.

    Raises BadInput where a file beside it is damaged or the tokenizer is another model's.
    """
    if kind is not ModelKind.LANGUAGE:
        return Beside()
    folder = path.parent
    found = _from_genai(folder) or _from_config(folder) or Beside()
    tokenizer = tokenizer_in(folder)
    shape = _completed(found.facts, inputs, outputs)
    check_vocabulary(tokenizer, shape.get("vocabulary"))
    files = (*found.files, *tokenizer_files(folder))
    return Beside(found.architecture, shape, found.multimodal, tokenizer.kind, files)


def _from_genai(folder: Path) -> Beside | None:
    if (config := _read(folder, GENAI_CONFIG)) is None:
        return None
    path = folder / GENAI_CONFIG
    model = config.get("model")
    model = model if isinstance(model, dict) else {}
    named = model.get("type")
    sees = "vision" in model or "speech" in model
    return Beside(
        printable(named) if isinstance(named, str) else "", genai_facts(model, path), sees, files=(path,)
    )


def _from_config(folder: Path) -> Beside | None:
    if (config := _read(folder, CONFIG)) is None:
        return None
    path = folder / CONFIG
    return Beside(architecture(config), facts(config, path), is_multimodal(config), files=(path,))


def _read(folder: Path, name: str) -> Mapping[str, Any] | None:
    path = folder / name
    return read_json(inside(folder, name, path)) if path.is_file() else None


def _completed(found: Facts, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> Facts:
    """``found``, with what the graph itself shows going before what a file claims."""
    found = Facts(**found)
    caches = [spec for spec in inputs if PAST_KEY.search(spec.name)]
    if caches:
        found["layers"] = len(caches)
    if caches and len(caches[0].shape) == 4:  # (batch, kv_heads, past, head_dim)
        found["kv_heads"] = _known(caches[0].shape[1]) or found.get("kv_heads")
        found["head_dim"] = _known(caches[0].shape[3]) or found.get("head_dim")
    logits = next((spec for spec in outputs if spec.name == "logits" and spec.shape), None)
    if logits is not None:
        found["vocabulary"] = _known(logits.shape[-1]) or found.get("vocabulary")
    return found


def _known(dimension: int | str) -> int | None:
    return dimension if isinstance(dimension, int) else None
