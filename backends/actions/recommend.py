"""Recommendation with everything it rests on fetched: manifests and the rule book."""

from __future__ import annotations

from collections.abc import Mapping

from backends.actions.converters import converters
from backends.actions.engines import environments
from backends.domain.hardware import HardwareProfile
from backends.domain.model import SourceModel
from backends.frameworks import registry
from backends.frameworks.base import Availability
from backends.recommendation.ranking import Recommendation, Weights, recommend
from backends.recommendation.rules import THIS_MACHINE, RuleBook, read_rules
from backends.storage.paths import resources


def rule_book() -> RuleBook:
    return read_rules(resources() / "rules" / "platforms.toml")


def recommend_for(
    source: SourceModel,
    hardware: HardwareProfile,
    availability: Mapping[str, Availability],
    weights: Weights | None = None,
    target: str = THIS_MACHINE,
) -> Recommendation:
    known = {**_tools(), **availability}
    return recommend(
        source, hardware, registry.manifests(), known, rule_book(), weights, target, converters()
    )


def _tools() -> dict[str, Availability]:
    """Judged by what is installed: a tool is asked nothing."""
    known = environments()
    return {tool.name: known.missing(tool) or Availability(tool.name, True) for tool in registry.tools()}
