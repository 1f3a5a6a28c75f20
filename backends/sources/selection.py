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
_OPENED = (".safetensors", ".gguf", ".onnx")
_DATA = re.compile(r"\.(?:onnx[._]data(?:[._-]?\d+)?|data|weights?)$")  # of ONNX models, by their exporters
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
_SHARD = re.compile(r"-\d{5}-of-\d{5}(?=\.)")
_ALLOWED_SUFFIXES = (*_OPENED, ".json", ".model", ".txt", ".jinja", ".md")
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
    return name in _COMPANIONS or name.endswith(_ALLOWED_SUFFIXES) or _is_weights(name)


def _companions(chosen: Sequence[str]) -> set[str]:
    """Configuration and tokenizer: beside the chosen files, and at the top."""
    folders = {str(PurePosixPath(name).parent) for name in chosen} | {"."}
    return {
        name if folder == "." else f"{folder}/{name}" for folder in sorted(folders) for name in _COMPANIONS
    }


def _named(usable: Sequence[str], names: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """What the patterns name, and the other files of the same models."""
    chosen = [name for name in usable if any(name == one or fnmatchcase(name, one) for one in wanted)]
    models = {_model(name) for name in chosen if _is_weights(name)}
    found = [name for name in usable if name in chosen or (_is_weights(name) and _model(name) in models)]
    if not any(name.endswith(_OPENED) for name in found):
        raise BadInput(
            f"No weights that can be used are called {', '.join(wanted)}.",
            f"There are: {_listed(list(filter(_is_weights, usable)))}.",
        )
    return found


def _one_model(usable: Sequence[str], names: Sequence[str]) -> list[str]:
    """Safetensors with their configuration before GGUF before ONNX."""
    found = {CONFIG: _checkpoint(usable)} if _checkpoint(usable) else _models(usable)
    if len(found) > 1:
        raise several(tuple(found))
    if found:
        return next(iter(found.values()))
    if any(name.endswith(_PICKLES) for name in names):
        raise BadInput(
            "This model has its weights as pickle files only, which can run code when read: refused.",
            "Choose a version of the model with safetensors, GGUF or ONNX files.",
        )
    raise BadInput("This repository holds no model that can be used.", "Check the name.")


def choices(names: Sequence[str]) -> dict[str, list[str]]:
    """Of a repository with several models each by its first file, with all of its files; else empty."""
    usable = [name for name in names if _usable(name)]
    found = {} if _checkpoint(usable) else _models(usable)
    return found if len(found) > 1 else {}


def several(names: Sequence[str]) -> BadInput:
    """The refusal to guess which of the models, each named by its first file, is meant."""
    return BadInput(
        f"This repository holds {len(names)} models: {_listed(names)}.",
        "Name the one you want (--file).",
    )


def _models(usable: Sequence[str]) -> dict[str, list[str]]:
    """All GGUF, or else all ONNX models, each by its first file."""
    for suffix in (".gguf", ".onnx"):
        first: dict[str, str] = {}
        for name in usable:
            if name.endswith(suffix):
                first.setdefault(_model(name), name)
        if first:
            weights = list(filter(_is_weights, usable))
            return {name: [one for one in weights if _model(one) == model] for model, name in first.items()}
    return {}


def _checkpoint(usable: Sequence[str]) -> list[str]:
    """model.safetensors or its numbered parts at the top; copies under other names are left alone."""
    if CONFIG not in usable:
        return []
    top = [name for name in usable if name.endswith(".safetensors") and "/" not in name]
    if "model.safetensors" in top:
        return ["model.safetensors"]
    return [name for name in top if name.startswith("model-")] or top


def _is_weights(name: str) -> bool:
    return name.endswith(_OPENED) or _DATA.search(name) is not None


def _model(name: str) -> str:
    """The same for all numbered parts of a model, and for an ONNX file and the data it keeps outside.

    Where the data lies is written in the file alone, which is not here yet: what begins alike is taken.
    """
    return _DATA.sub("", _SHARD.sub("", name)).removesuffix(".onnx")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    return (", ".join(names[:_MOST_SHOWN]) or "none") + more
