"""Which road leads a model to another format, and what stands in its way. Nothing here starts anything."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from backends.actions.artifacts import ORIGINAL_RUNNERS
from backends.actions.converters import closed_roads, converters, missing, waiting_s
from backends.conversion.graph import NoRoad, Road, Size, Step, plan
from backends.domain.artifact import Option
from backends.domain.errors import BadInput, FrameworkUnavailable
from backends.domain.model import ModelFormat, ModelKind, SourceModel
from backends.frameworks import registry
from backends.frameworks.base import Availability

CONVERTED_ORIGINALS = (ModelFormat.GGUF, ModelFormat.ONNX)  # what keeps the weights as they are


@dataclass(frozen=True)
class PlannedStep:
    """One step as it is shown before it runs. ``missing``: frameworks whose environments are needed first."""

    step: Step
    environment: str
    missing: tuple[Availability, ...]


@dataclass(frozen=True)
class RoadAhead:
    """``framework``: for which the model is converted; empty for the original of all comparisons."""

    framework: str
    road: Road
    steps: tuple[PlannedStep, ...]


def road_to(source: SourceModel, targets: Collection[ModelFormat], without: Collection[str] = ()) -> Road:
    """From any form of ``source`` to any of ``targets``. Raises NoRoad, a BadInput.

    ``without``: names of converters that are not to be used.
    """
    profile = source.profile
    size = Size(profile.contents.parameters, profile.contents.weight_bytes)
    edges = [edge for edge in converters() if edge.name not in without]
    return plan(source.forms, targets, profile.kind, edges, size, waiting_s(), closed_roads())


def another_road(
    source: SourceModel,
    targets: Collection[ModelFormat],
    without: Collection[str],
    options: Mapping[str, Option],
) -> Road | None:
    """The next best, after those of ``without`` refused. ``None``: no other leads there without waiting for
    an installation, or it would not take the options, which nobody may ignore."""
    try:
        road = road_to(source, targets, without)
        check_options(road, options, source.profile.kind)
    except BadInput:  # NoRoad among them
        return None
    return None if any(missing(step.converter) for step in road.steps) else road


def planned(road: Road) -> tuple[PlannedStep, ...]:
    """The road with what stands in its way here."""
    return tuple(
        PlannedStep(step, registry.manifest(step.converter.framework).environment, missing(step.converter))
        for step in road.steps
    )


def roads_ahead(source: SourceModel, frameworks: Iterable[str]) -> tuple[RoadAhead, ...]:
    """For the original and for each of ``frameworks`` that takes no form of ``source``.

    Where no road leads there is none to tell; why not is said where it is asked for.
    """
    runs = any(form in source.forms for form in ORIGINAL_RUNNERS)
    wanted: list[tuple[str, tuple[ModelFormat, ...]]] = [] if runs else [("", CONVERTED_ORIGINALS)]
    wanted += [
        (name, registry.manifest(name).forms_of(source.profile.kind)) for name in dict.fromkeys(frameworks)
    ]
    found = [(name, _road(source, targets)) for name, targets in wanted]
    return tuple(RoadAhead(name, road, planned(road)) for name, road in found if road and road.steps)


def destinations(source: SourceModel) -> tuple[RoadAhead, ...]:
    """To every format that ``source`` is not there in and that a road leads to."""
    found = [_road(source, (form,)) for form in ModelFormat if form not in source.forms]
    return tuple(RoadAhead("", road, planned(road)) for road in found if road)


def check_options(road: Road, options: Mapping[str, Option], kind: ModelKind) -> None:
    """Raises BadInput for options that no converter on the road takes; only adapters take any."""
    adapters = [step.converter for step in road.steps if step.converter.precision]
    if options and not adapters:
        names = ", ".join(f"“{name}”" for name in options)
        raise BadInput(
            f"Nothing on the road {road.text} takes options: {titles(road)} would never see {names}.",
            "Leave it out.",
        )
    for converter in adapters:
        registry.manifest(converter.framework).settings(
            {**converter.options, **options}, kind, converter.precision
        )


def refuse_missing(road: Road) -> None:
    """Raises FrameworkUnavailable where an environment has to be installed first."""
    for step in road.steps:
        for gone in missing(step.converter):
            title = registry.manifest(gone.framework).title
            here, there = step.converter.takes.label, step.converter.makes.label
            raise FrameworkUnavailable(
                f"Converting {here} to {there} needs the environment of {title}, which is {gone.reason}.",
                gone.remedy,
            )


def titles(road: Road) -> str:
    """Of its converters: "optimum-intel", "the model builder and OpenVINO"."""
    return " and ".join(step.converter.title for step in road.steps)


def _road(source: SourceModel, targets: tuple[ModelFormat, ...]) -> Road | None:
    try:
        return road_to(source, targets)
    except NoRoad:
        return None
