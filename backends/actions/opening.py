"""Options of opening, as they are given: each for the frameworks that know it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from backends.domain.artifact import Artifact, Configuration, Option
from backends.domain.errors import BadInput
from backends.frameworks import registry


def opened_with(
    configurations: Sequence[Configuration], given: Mapping[str, Option]
) -> tuple[Configuration, ...]:
    """Each with the options that its framework knows. Raises BadInput for one that none of them knows."""
    known = [_load_options(one.artifact) for one in configurations]
    for name in given:
        if not any(name in names for names in known):
            every = ", ".join(sorted(set().union(*known)))
            raise BadInput(f"There is no load option “{name}” here.", f"Choose from: {every}.")
    return tuple(
        replace(one, load=replace(one.load, options=_checked(one.artifact, names, given)))
        for one, names in zip(configurations, known, strict=True)
    )


def _load_options(artifact: Artifact) -> set[str]:
    specs = registry.manifest(artifact.framework).load_options
    return {spec.name for spec in specs if spec.concerns(artifact.kind)}


def _checked(artifact: Artifact, names: set[str], given: Mapping[str, Option]) -> dict[str, Option]:
    own = {name: value for name, value in given.items() if name in names}
    checked = registry.manifest(artifact.framework).load_settings(own, artifact.kind)
    return {name: checked[name] for name in own}
