"""Which files of a Hub repository make a model. Weights that can run code are never among them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath, PureWindowsPath

from backends.domain.errors import BadInput

CONFIG = "config.json"
_COMPANIONS = (
    *(CONFIG, "generation_config.json", "genai_config.json", "model.safetensors.index.json"),
    *("tokenizer.model", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"),
    *("added_tokens.json", "vocab.json", "merges.txt", "vocab.txt", "chat_template.jinja", "README.md"),
    *("preprocessor_config.json", "LICENSE", "LICENSE.txt", "LICENSE.md", "NOTICE", "USE_POLICY.md"),
)
_WEIGHTS = (".safetensors", ".gguf", ".onnx", ".onnx_data", ".onnx.data")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
_SHARD = re.compile(r"-\d{5}-of-\d{5}(?=\.)")
_ALLOWED_SUFFIXES = (*_WEIGHTS, ".json", ".model", ".txt", ".jinja", ".md")
_MOST_SHOWN = 12


def checked_name(name: object) -> str:
    """A file name from the server, for use as a path. Raises BadInput for one that leads elsewhere."""
    if isinstance(name, str) and _is_plain(name):
        return name
    raise BadInput(
        f"The server names a file {str(name)[:80]!r}, which leads out of the model's folder: refused.",
        "Do not use this model, or another server for it.",
    )


def _is_plain(name: str) -> bool:
    path = PurePosixPath(name)
    if not name.isprintable() or "\\" in name or PureWindowsPath(name).anchor or ":" in name:
        return False
    return not path.is_absolute() and bool(path.parts) and not any(p in ("..", ".") for p in name.split("/"))


def select(names: Sequence[str], wanted: Sequence[str] = ()) -> tuple[str, ...]:
    """The files of ``names`` to download: those that ``wanted`` patterns name, else what one model needs.

    Raises BadInput where there are no usable weights, or several models to choose from.
    """
    usable = [name for name in names if _usable(name)]
    chosen = _named(usable, names, wanted) if wanted else _one_model(usable, names)
    companions = [name for name in usable if name in _companions(chosen)]
    return tuple(dict.fromkeys((*companions, *chosen)))


def _usable(name: str) -> bool:
    """Never Python, never pickles: only formats that hold data and nothing else."""
    return name in _COMPANIONS or name.endswith(_ALLOWED_SUFFIXES)


def _companions(chosen: Sequence[str]) -> set[str]:
    """Configuration and tokenizer: beside the chosen files, and at the top."""
    folders = {str(PurePosixPath(name).parent) for name in chosen} | {"."}
    return {
        name if folder == "." else f"{folder}/{name}" for folder in sorted(folders) for name in _COMPANIONS
    }


def _named(usable: Sequence[str], names: Sequence[str], wanted: Sequence[str]) -> list[str]:
    chosen = [name for name in usable if any(fnmatchcase(name, pattern) for pattern in wanted)]
    if not any(name.endswith(_WEIGHTS) for name in chosen):
        raise BadInput(
            f"No weights that can be used are called {', '.join(wanted)}.",
            f"There are: {_listed(_weights(usable))}.",
        )
    return chosen


def _one_model(usable: Sequence[str], names: Sequence[str]) -> list[str]:
    """Safetensors with their configuration before GGUF before ONNX."""
    checkpoint = _checkpoint(usable)
    if checkpoint:
        return checkpoint
    for suffixes in ((".gguf",), (".onnx", ".onnx_data", ".onnx.data")):
        found = [name for name in usable if name.endswith(suffixes)]
        if found:
            return _single(found)
    if any(name.endswith(_PICKLES) for name in names):
        raise BadInput(
            "This model has its weights as pickle files only, which can run code when read: refused.",
            "Choose a version of the model with safetensors, GGUF or ONNX files.",
        )
    raise BadInput("This repository holds no model that can be used.", "Check the name.")


def _checkpoint(usable: Sequence[str]) -> list[str]:
    """model.safetensors or its numbered parts at the top; copies under other names are left alone."""
    if CONFIG not in usable:
        return []
    top = [name for name in usable if name.endswith(".safetensors") and "/" not in name]
    if "model.safetensors" in top:
        return ["model.safetensors"]
    return [name for name in top if name.startswith("model-")] or top


def _single(found: list[str]) -> list[str]:
    models = {_SHARD.sub("", name).split(".onnx")[0] for name in found}
    if len(models) > 1:
        raise BadInput(
            f"This repository holds {len(models)} models: {_listed(_weights(found))}.",
            "Name the one you want with --file.",
        )
    return found


def _weights(names: Sequence[str]) -> list[str]:
    return [name for name in names if name.endswith(_WEIGHTS)]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    return (", ".join(names[:_MOST_SHOWN]) or "none") + more
