"""How alike an artifact and what it was made from answer: the same rows wherever an artifact is shown."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from backends.domain.artifact import Artifact, Sameness
from backends.domain.model import ModelKind
from gui.widgets import units
from gui.widgets.facts import FactRow
from gui.widgets.terms import explain

translate = QCoreApplication.translate
DOT = " · "


def rows(artifact: Artifact) -> list[FactRow]:
    """One for every conversion on the way and for the quantization, or one that says that nobody looked."""
    title, term = translate("Sameness", "Follows its source"), explain("sameness")
    if not artifact.sameness and not artifact.original:
        why = translate("Sameness", "How closely it follows its source was not looked at when it was made.")
        return [FactRow(title, translate("Sameness", "not compared"), why, term=term)]
    return [
        FactRow(title, _value(found, artifact.kind), _source(found), note=found.converter, term=term)
        for found in artifact.sameness
    ]


def _value(found: Sameness, kind: ModelKind) -> str:
    parts = []
    if found.top1_agreement is not None:
        parts.append(translate("Sameness", "{0} agree").format(units.percent(found.top1_agreement, 1)))
    unit = (
        translate("Sameness", "largest difference {0} nats")
        if kind is ModelKind.LANGUAGE
        else translate("Sameness", "largest difference {0} of the largest output")
    )
    parts.append(unit.format(f"{found.max_abs_difference:.2g}"))
    if found.same_tokens is not None:
        same, other = translate("Sameness", "same tokens"), translate("Sameness", "other tokens")
        parts.append(same if found.same_tokens else other)
    return DOT.join(parts)


def _source(found: Sameness) -> str:
    limits = translate("Sameness", "{0}; at least {1} and at most {2} are asked for.")
    least, most = units.percent(found.least_top1_agreement), f"{found.most_difference:g}"
    return limits.format(found.compared, least, most)
