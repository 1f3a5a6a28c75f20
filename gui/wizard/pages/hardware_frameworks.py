"""The table of frameworks on the hardware page: what each can use here, or what is missing."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

from backends.frameworks.base import Availability, Manifest
from backends.frameworks.environments import SYSTEMS, EnvironmentStatus, State
from backends.recommendation.rules import Rule
from gui.models.cells import ChipCell, LinkCell, TextCell
from gui.models.table import Column
from gui.theme.hues import Hue
from gui.theme.tone import Tone
from gui.widgets import units
from gui.widgets.remedies import in_window

translate = QCoreApplication.translate
DOT = " · "
ORDER = (Tone.OK, Tone.WARN, Tone.NEUTRAL, Tone.BAD)


@dataclass(frozen=True)
class FrameworkRow:
    """``link``: the text of a link to the Frameworks page, where something can be done there."""

    title: str
    devices: str
    state: str
    tone: Tone
    note: str = ""
    link: str = ""
    tip: str = ""


def columns() -> list[Column[FrameworkRow]]:
    return [
        Column(translate("Hardware", "Framework"), lambda row: TextCell(row.title, hue=Hue(row.title))),
        Column(translate("Hardware", "Devices here"), lambda row: row.devices),
        Column(translate("Hardware", "State"), lambda row: ChipCell(row.state, row.tone, row.tip)),
        Column("", _note, stretch=True),
    ]


def _note(row: FrameworkRow) -> TextCell | LinkCell:
    if row.link:
        return LinkCell(row.link, "frameworks", f"{row.note}{DOT.rstrip()}" if row.note else "", row.tip)
    return TextCell(row.note, muted=True, tip=row.tip or row.note)


def rows(
    manifests: Iterable[Manifest],
    answers: Mapping[str, Availability],
    statuses: Mapping[str, EnvironmentStatus],
    rule: Rule | None,
) -> list[FrameworkRow]:
    """The most usable first, in their own order; one that has not answered yet says so."""
    made = [_row(each, answers.get(each.name), statuses.get(each.name), rule) for each in manifests]
    return sorted(made, key=lambda row: ORDER.index(row.tone)) if answers else made


def _row(
    manifest: Manifest, answer: Availability | None, status: EnvironmentStatus | None, rule: Rule | None
) -> FrameworkRow:
    title = manifest.title
    if answer is None:
        return FrameworkRow(title, "–", translate("Hardware", "asking…"), Tone.NEUTRAL)
    devices = DOT.join(answer.devices) or "–"
    if answer.available:
        return _usable(manifest, answer, devices, rule)
    tip = in_window(f"{answer.reason} {answer.remedy}".strip())
    if SYSTEMS.get(sys.platform, sys.platform) not in manifest.systems:
        return FrameworkRow(
            title, "–", *_no(translate("Hardware", "not for this system")), answer.remedy, "", tip
        )
    if status is not None and status.state is State.ABSENT:
        size = units.size(status.disk_bytes) if status.disk_bytes else ""
        state, link = translate("Hardware", "not installed"), translate("Hardware", "Install")
        return FrameworkRow(title, "–", state, Tone.NEUTRAL, size, link, tip)
    if status is not None and status.state is State.BROKEN:
        state, link = translate("Hardware", "needs repair"), translate("Hardware", "Repair")
        return FrameworkRow(title, "–", state, Tone.WARN, "", link, tip)
    return FrameworkRow(title, "–", *_no(translate("Hardware", "not usable")), answer.reason, "", tip)


def _usable(manifest: Manifest, answer: Availability, devices: str, rule: Rule | None) -> FrameworkRow:
    version = translate("Hardware", "Version {0}.").format(answer.version) if answer.version else ""
    if manifest.emulated:
        note = translate("Hardware", "checks for its own chip; speed not measurable here")
        return FrameworkRow(
            manifest.title, devices, translate("Hardware", "check only"), Tone.WARN, note, tip=version
        )
    state = translate("Hardware", "ready")
    return FrameworkRow(manifest.title, devices, state, Tone.OK, _rank(manifest.name, rule), tip=version)


def _rank(name: str, rule: Rule | None) -> str:
    if rule is None or name not in (rule.primary, rule.secondary):
        return ""
    if name == rule.primary:
        return translate("Hardware", "first choice by platform: {0}").format(rule.title)
    return translate("Hardware", "second choice by platform: {0}").format(rule.title)


def _no(state: str) -> tuple[str, Tone]:
    return state, Tone.BAD
