"""The conversions that come before anything can be made, told before they run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from backends.actions.artifacts import ORIGINAL_RUNNERS
from backends.actions.convert import CONVERTED_ORIGINALS, PlannedStep, planned, road_to
from backends.conversion.graph import NoRoad, Road
from backends.domain.model import ModelFormat, SourceModel
from backends.frameworks import registry


@dataclass(frozen=True)
class RoadAhead:
    """``framework``: for which the model is converted; empty for the original of all comparisons."""

    framework: str
    road: Road
    steps: tuple[PlannedStep, ...]


def roads_ahead(source: SourceModel, frameworks: Iterable[str]) -> tuple[RoadAhead, ...]:
    """For the original and for each of ``frameworks`` that takes no form of ``source``. Starts nothing.

    Where no road leads there is none to tell; why not is said where it is asked for.
    """
    runs = any(form in source.forms for form in ORIGINAL_RUNNERS)
    wanted: list[tuple[str, tuple[ModelFormat, ...]]] = [] if runs else [("", CONVERTED_ORIGINALS)]
    wanted += [(name, registry.manifest(name).takes) for name in dict.fromkeys(frameworks)]
    found = [(name, _road(source, targets)) for name, targets in wanted]
    return tuple(RoadAhead(name, road, planned(road)) for name, road in found if road and road.steps)


def destinations(source: SourceModel) -> tuple[RoadAhead, ...]:
    """To every format that ``source`` is not there in and that a road leads to."""
    found = [_road(source, (form,)) for form in ModelFormat if form not in source.forms]
    return tuple(RoadAhead("", road, planned(road)) for road in found if road)


def _road(source: SourceModel, targets: tuple[ModelFormat, ...]) -> Road | None:
    try:
        return road_to(source, targets)
    except NoRoad:
        return None
