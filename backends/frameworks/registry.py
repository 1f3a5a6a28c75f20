"""Finds the frameworks: one folder each, with ``manifest.toml`` and ``adapter.py``.

Folders named in EDGEWRIGHT_FRAMEWORKS (separated like PATH) are searched as well, so that a framework can be
added without touching the program. Tools are found here too: converters with an environment of their own,
installed like a framework, that run no model and so have no adapter.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, cast

from backends.domain.errors import BadInput, FrameworkUnavailable
from backends.domain.model import ModelFormat, ModelKind
from backends.frameworks.base import Adapter, Knob, Manifest, PrecisionSpec
from backends.frameworks.options import KINDS, OptionSpec

EXTRA_FOLDERS = "EDGEWRIGHT_FRAMEWORKS"
_HERE = Path(__file__).resolve().parent
_TOOLS = _HERE / "converters"


def folders() -> dict[str, Path]:
    """Every framework's folder by name; the built-in ones first, in alphabetical order."""
    roots = [_HERE, *(Path(part) for part in os.environ.get(EXTRA_FOLDERS, "").split(os.pathsep) if part)]
    found: dict[str, Path] = {}
    for root in roots:
        for manifest in sorted(root.glob("*/manifest.toml")):
            found.setdefault(manifest.parent.name, manifest.parent)
    return found


def manifests() -> list[Manifest]:
    """The frameworks, without the tools."""
    return [read_manifest(folder) for folder in folders().values()]


def tools() -> list[Manifest]:
    return [read_manifest(path.parent) for path in sorted(_TOOLS.glob("*/manifest.toml"))]


def is_tool(manifest: Manifest) -> bool:
    return manifest.name not in folders()


def manifest(name: str) -> Manifest:
    """A framework or tool by folder name or title, letter case ignored. Raises BadInput for unknown ones."""
    known = manifests()
    for candidate in [*known, *tools()]:
        if name.lower() in (candidate.name.lower(), candidate.title.lower()):
            return candidate
    names = ", ".join(candidate.name for candidate in known)
    raise BadInput(f"There is no framework named “{name}”.", f"Choose one of: {names}.")


@cache
def read_manifest(folder: Path) -> Manifest:
    with (folder / "manifest.toml").open("rb") as file:
        data = tomllib.load(file)
    return Manifest(
        name=folder.name,
        title=data["title"],
        summary=data["summary"],
        kinds=tuple(ModelKind(kind) for kind in data["kinds"]),
        takes=tuple(ModelFormat(name) for name in data["takes"]),
        makes=ModelFormat(data["makes"]),
        devices=tuple(data["devices"]),
        precisions=tuple(_precision(entry) for entry in data["precisions"]),
        default_precision=data["default_precision"],
        systems=tuple(data["systems"]),
        packages=data["packages"],
        environment=data.get("environment", ""),
        capabilities=tuple(data.get("capabilities", ())),
        emulated=platform.machine() in data.get("emulated_on", ()),
        isolation_reason=data.get("isolation_reason", ""),
        acceleration=tuple(_knob(entry) for entry in data.get("acceleration", ())),
        options=tuple(_option(entry) for entry in data.get("options", ())),
        load_options=tuple(_option(entry) for entry in data.get("load_options", ())),
        guests=data.get("guests", {}),
    )


def _precision(entry: dict[str, Any]) -> PrecisionSpec:
    low, high = entry.get("quality", (0.0, 1.0))
    return PrecisionSpec(
        name=entry["name"],
        bits=entry["bits"],
        family=entry["family"],
        kinds=tuple(ModelKind(kind) for kind in entry["kinds"]),
        needs_calibration=entry.get("needs_calibration", False),
        quality_prior=(low, high),
        note=entry.get("note", ""),
    )


def _knob(entry: dict[str, Any]) -> Knob:
    return Knob(
        name=entry["name"],
        kinds=tuple(ModelKind(kind) for kind in entry["kinds"]),
        choices=tuple(entry.get("choices", ())),
        threads=entry.get("threads", False),
    )


def _option(entry: dict[str, Any]) -> OptionSpec:
    if entry["kind"] not in KINDS:
        raise ValueError(f"{entry['name']} is of the unknown kind {entry['kind']}")
    return OptionSpec(
        name=entry["name"],
        kind=entry["kind"],
        note=entry["note"],
        default=entry.get("default"),
        choices=tuple(entry.get("choices", ())),
        least=entry.get("least"),
        most=entry.get("most"),
        kinds=tuple(ModelKind(kind) for kind in entry.get("kinds", ModelKind)),
        precisions=tuple(entry.get("precisions", ())),
        calibrates=entry.get("calibrates", False),
    )


def load_adapter(name: str) -> Adapter:
    """Import a framework's adapter, and with it the heavy library. For worker processes only."""
    folder = folders().get(name)
    if folder is None:
        raise BadInput(f"There is no framework named “{name}”.")
    try:
        module = _import(name, folder)
    except ImportError as error:
        raise FrameworkUnavailable(
            f"{read_manifest(folder).title} cannot be loaded: {error}.",
            f"Run “edgewright frameworks install {name}”.",
        ) from error
    return cast(Adapter, module.ADAPTER)


def _import(name: str, folder: Path) -> Any:
    if folder.parent == _HERE:
        return importlib.import_module(f"backends.frameworks.{name}.adapter")
    qualified = f"edgewright_framework_{name}"
    if qualified in sys.modules:
        return sys.modules[qualified]
    spec = importlib.util.spec_from_file_location(qualified, folder / "adapter.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"{folder / 'adapter.py'} is not there")
    module = importlib.util.module_from_spec(spec)
    sys.modules[qualified] = module
    spec.loader.exec_module(module)
    return module
