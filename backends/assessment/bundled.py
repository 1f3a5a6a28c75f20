"""Models that come as a folder with ``model.toml``: the ones we ship, and any that a user lays out so.

::

    name = "Edgewright LM"
    description = "…"
    kind = "language"                      # or "vision", "tensor": checked against what is really there
    chosen = "gguf"                        # the form that is assessed
    licence = "Apache-2.0"                 # optional: where the files themselves do not say

    [forms]                                # format = path inside the folder
    hf = "hf"
    gguf = "edgewright-lm-f16.gguf"
    onnx = "onnx/model.onnx"

    [data]                                 # all optional
    tasks = "tasks.jsonl"
    evaluation = "eval.txt"
    calibration = "calibration.txt"

    [input_scale]                          # optional: input name -> factor applied to raw values
    image = 0.0625
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from backends.assessment.assess import READERS
from backends.assessment.folder import damaged, folders_in, inside, is_folder, printable, read_bytes
from backends.domain.errors import BadInput
from backends.domain.model import ModelFormat, SourceModel

MODEL_FILE = "model.toml"
_LIMIT_BYTES = 65_536


def bundled_models(resources: Path) -> list[SourceModel]:
    """The models under ``resources/models``, by folder name.

    Raises:
        BadInput: a ``model.toml`` is wrong or a file it names is missing: the installation is damaged.
    """
    folders = folders_in(resources / "models")
    return [read_bundle(folder, bundled=True) for folder in folders if (folder / MODEL_FILE).is_file()]


def read_bundle(folder: Path, bundled: bool = False) -> SourceModel:
    """The model that ``folder/model.toml`` describes; its chosen form is assessed. Raises BadInput."""
    path = folder / MODEL_FILE
    table = _read_toml(path)
    forms = _forms(table, path)
    chosen = _text(table, "chosen", path)
    form = next((form for form in forms if form.value == chosen), None)
    if form is None:
        raise damaged(path, f"its chosen form {chosen!r} is none of its forms")
    profile = READERS[form](forms[form])
    if profile.kind.value != _text(table, "kind", path):
        raise damaged(
            path, f"it says {_text(table, 'kind', path)!r}, but its model is {profile.kind.value!r}"
        )
    if "licence" in table and not profile.licence:
        profile = replace(profile, licence=_text(table, "licence", path))
    return SourceModel(
        name=_text(table, "name", path),
        profile=profile,
        forms=forms,
        bundled=bundled,
        tasks=_data(table, "tasks", path),
        evaluation=_data(table, "evaluation", path),
        calibration=_data(table, "calibration", path),
        description=_text(table, "description", path),
        input_scale=_scales(table, path),
    )


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_bytes(path, _LIMIT_BYTES).decode())
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"it is not valid TOML ({printable(str(error))})") from error


def _table(table: Mapping[str, Any], key: str, path: Path) -> Mapping[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise damaged(path, f"its {key} is no table")
    return value


def _text(table: Mapping[str, Any], key: str, path: Path) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value:
        raise damaged(path, f"it has no {key}")
    return value


def _forms(table: Mapping[str, Any], path: Path) -> dict[ModelFormat, Path]:
    forms: dict[ModelFormat, Path] = {}
    for name, place in _table(table, "forms", path).items():
        if name not in (form.value for form in ModelFormat) or not isinstance(place, str):
            raise damaged(path, f"it has the unknown form {printable(name)!r}")
        forms[ModelFormat(name)] = _inside(path, place)
    return forms


def _inside(path: Path, place: str) -> Path:
    """A file, or a folder with a model, inside the folder of ``path``."""
    target = path.parent / place
    if target.is_dir() and target.resolve().is_relative_to(path.parent.resolve()) and is_folder(target):
        return target
    return inside(path.parent, place, path)


def _data(table: Mapping[str, Any], key: str, path: Path) -> Path | None:
    place = _table(table, "data", path).get(key)
    if place is None:
        return None
    if not isinstance(place, str):
        raise BadInput(f"The {key} of {path} is no path.", "Write it as a text.")
    return inside(path.parent, place, path)


def _scales(table: Mapping[str, Any], path: Path) -> dict[str, float]:
    scales = _table(table, "input_scale", path)
    if not all(isinstance(value, int | float) for value in scales.values()):
        raise damaged(path, "an input_scale is no number")
    return {name: float(value) for name, value in scales.items()}
