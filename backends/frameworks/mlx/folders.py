"""Model folders in MLX: read without running any code of theirs, and written complete."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten, tree_map
from mlx_lm.utils import load_config, load_model, save_config, save_model

from backends.domain.errors import BadInput
from backends.frameworks.files import writing
from backends.frameworks.mlx.configuration import in_older_words

CONFIG = "config.json"
# What makes a folder complete beside weights and configuration. Code (*.py) is never taken along.
COMPANIONS = (
    "tokenizer.model",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "generation_config.json",
)


def load(folder: Path, lazy: bool) -> tuple[Any, dict[str, Any]]:
    """Raises BadInput with the library's reason. Code that comes with a model is never run."""
    if not (folder / CONFIG).is_file():
        raise BadInput(f"“{folder}” is no model folder: it has no {CONFIG}.", "Name the folder itself.")
    try:
        told = in_older_words(load_config(folder))
        model, config = load_model(folder, lazy=lazy, model_config=told, trust_remote_code=False)
    except FileNotFoundError as error:
        raise BadInput(f"“{folder}” has no weights (model*.safetensors).", "Copy it again.") from error
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        # The library checks nothing itself: what is missing in a configuration shows as any of these.
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise BadInput(f"MLX cannot read “{folder}”: {reason}", "Another framework may take it.") from error
    return model, config


def save(model: Any, config: dict[str, Any], source: Path, output: Path) -> None:
    """The model with its configuration and the tokenizer of ``source``. Raises JobFailed on a full disk."""
    with writing(output, weight_bytes(model)):
        save_model(output, model, donate_model=True)
        save_config(config, output / CONFIG)
        for name in COMPANIONS:
            if (source / name).is_file():
                shutil.copyfile(source / name, output / name)


def cast(model: Any, dtype: Any) -> bool:
    """Floating-point arrays to another type, packed weights as they are; whether any had to change."""
    before = model.parameters()
    kinds = {array.dtype for _, array in tree_flatten(before) if mx.issubdtype(array.dtype, mx.floating)}
    model.update(tree_map(lambda a: a.astype(dtype) if mx.issubdtype(a.dtype, mx.floating) else a, before))
    return kinds != {dtype}


def weight_bytes(model: Any) -> int:
    return sum(array.nbytes for _, array in tree_flatten(model.parameters()))


def device() -> str:
    return "Metal" if mx.metal.is_available() else "CPU"
