"""A run as it may be passed on: files by their names, nothing of the user's folders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from backends.codec import from_plain, to_plain
from backends.domain.artifact import Artifact
from backends.domain.result import ConfigurationResult, RunRecord


def discreet(record: RunRecord, home: Path | None = None) -> RunRecord:
    """Paths become names, and the home folder becomes "~" wherever a sentence mentions it."""
    named = replace(
        record,
        results=tuple(_named(one) for one in record.results),
        stages=tuple(replace(one, result=_named(one.result)) if one.result else one for one in record.stages),
    )
    folder = str(home or Path.home())
    if len(folder) < 2:  # "/" is nobody's home, and in every path
        return named
    return from_plain(_without(to_plain(named), folder), RunRecord)


def short_name(artifact: Artifact) -> str:
    """What a user names an artifact by: its folder, or the file where it is a model as it came."""
    path = artifact.path
    return path.name if artifact.original or not path.suffix else path.parent.name or path.name


def _named(result: ConfigurationResult) -> ConfigurationResult:
    artifact = result.configuration.artifact
    folder, name = short_name(artifact), artifact.path.name
    path = Path(name) if folder == name else Path(folder) / name
    named = replace(artifact, path=path, source=Path(artifact.source.name))
    return replace(result, configuration=replace(result.configuration, artifact=named))


def _without(value: Any, folder: str) -> Any:
    if isinstance(value, str):
        return value.replace(folder, "~")
    if isinstance(value, dict):
        return {key: _without(inside, folder) for key, inside in value.items()}
    if isinstance(value, list | tuple):
        return [_without(inside, folder) for inside in value]
    return value
