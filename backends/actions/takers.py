"""Which frameworks take a model as it is, and why the others do not. Nothing is started for it."""

from __future__ import annotations

from dataclasses import dataclass

from backends.actions.roads import road_to
from backends.conversion.graph import NoRoad
from backends.domain.model import ModelFormat, ModelKind, SourceModel
from backends.frameworks import registry


@dataclass(frozen=True)
class Taker:
    framework: str
    title: str
    takes: bool
    reason: str


def takers(source: SourceModel) -> tuple[Taker, ...]:
    return tuple(
        Taker(
            manifest.name,
            manifest.title,
            *_takes(manifest.kinds, manifest.forms_of(source.profile.kind), source),
        )
        for manifest in registry.manifests()
    )


def _takes(
    kinds: tuple[ModelKind, ...], formats: tuple[ModelFormat, ...], source: SourceModel
) -> tuple[bool, str]:
    kind = source.profile.kind
    if kind not in kinds:
        return False, f"takes no {kind.value} models"
    form = next((form for form in source.forms if form in formats), None)
    if form is not None:
        return True, f"takes it as {form.label}"
    try:
        road = road_to(source, formats)
    except NoRoad:
        return False, f"takes {' or '.join(known.label for known in formats)} only"
    return True, f"takes it once converted: {road.text}"
