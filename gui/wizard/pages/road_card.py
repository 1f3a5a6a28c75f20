"""What has to be converted before the frameworks can begin: each road with its steps, time and disk space."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QWidget

from backends.actions.roads import PlannedStep, RoadAhead, roads_ahead
from backends.domain.model import SourceModel
from backends.frameworks import registry
from gui.widgets import units
from gui.widgets.card import Card
from gui.widgets.facts import FactGrid, FactRow
from gui.widgets.remedies import in_window
from gui.widgets.text import Role, label

translate = QCoreApplication.translate
DOT = " · "


class RoadCard(Card):
    """Hidden where every framework takes the model as it is. ``facts.activated`` leads to another page."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.set_title(self.tr("Converted first"))
        self.facts = FactGrid()
        note = self.tr(
            "Rough estimates. Each step is checked to be the same model; what was converted before is not"
            " converted again."
        )
        self.add(self.facts).add(label(note, Role.NOTE, wrap=True)).end()
        self.hide()

    def show_roads(self, source: SourceModel, frameworks: Iterable[str]) -> None:
        roads = roads_ahead(source, frameworks)
        self.facts.set_rows([self._row(ahead) for ahead in roads])
        self.setVisible(bool(roads))

    def _row(self, ahead: RoadAhead) -> FactRow:
        if ahead.framework:
            return road_row(ahead, registry.manifest(ahead.framework).title)
        return road_row(ahead, self.tr("Original"), self.tr("What all others are measured against."))


def road_row(ahead: RoadAhead, title: str, term: str = "") -> FactRow:
    """The road with its estimates, what is missing, and a link to where that is installed."""
    missing = {gone.framework: gone for step in ahead.steps for gone in step.missing}
    absent = translate("RoadCard", "{0} is {1}")
    lacks = [absent.format(registry.manifest(g.framework).title, g.reason) for g in missing.values()]
    estimate = translate("RoadCard", "about {0}").format(units.duration(ahead.road.time_s))
    disk = translate("RoadCard", "{0} on disk").format(units.size(ahead.road.disk_bytes))
    return FactRow(
        title,
        DOT.join((ahead.road.text, estimate, disk)),
        "\n".join(_step(step) for step in ahead.steps),
        DOT.join(lacks) or translate("RoadCard", "all installed"),
        term=term,
        action=translate("RoadCard", "Frameworks") if missing else "",
        key="frameworks",
    )


def _step(planned: PlannedStep) -> str:
    step, edge = planned.step, planned.step.converter
    base, managed = translate("RoadCard", "the base install"), translate("RoadCard", "environment “{0}”")
    place = managed.format(planned.environment) if planned.environment else base
    text = translate("RoadCard", "{0} → {1}: {2}, in {3}, about {4} and {5}")
    span, size = units.duration(step.time_s), units.size(step.disk_bytes)
    words = text.format(edge.takes.label, edge.makes.label, edge.title, place, span, size)
    state = "; ".join(f"{gone.reason}. {in_window(gone.remedy)}" for gone in planned.missing)
    return f"{words}: {state or translate('RoadCard', 'installed')}"
