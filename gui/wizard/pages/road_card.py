"""What has to be converted before the frameworks can begin: each road with its steps, time and disk space."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtWidgets import QWidget

from backends.actions.convert import PlannedStep
from backends.actions.roads import RoadAhead, roads_ahead
from backends.domain.model import SourceModel
from backends.frameworks import registry
from gui.widgets import units
from gui.widgets.card import Card
from gui.widgets.facts import FactGrid, FactRow
from gui.widgets.text import Role, label

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
        missing = {gone.framework: gone for step in ahead.steps for gone in step.missing}
        absent = self.tr("{0} is {1}")
        lacks = [absent.format(registry.manifest(g.framework).title, g.reason) for g in missing.values()]
        estimate = self.tr("about {0}").format(units.duration(ahead.road.time_s))
        disk = self.tr("{0} on disk").format(units.size(ahead.road.disk_bytes))
        return FactRow(
            registry.manifest(ahead.framework).title if ahead.framework else self.tr("Original"),
            DOT.join((ahead.road.text, estimate, disk)),
            "\n".join(self._step(step) for step in ahead.steps),
            DOT.join(lacks) or self.tr("all installed"),
            term=self.tr("What all others are measured against.") if not ahead.framework else "",
            action=self.tr("Frameworks") if missing else "",
            key="frameworks",
        )

    def _step(self, planned: PlannedStep) -> str:
        step, edge = planned.step, planned.step.converter
        place = (
            self.tr("environment “{0}”").format(planned.environment)
            if planned.environment
            else self.tr("the base install")
        )
        text = self.tr("{0} → {1}: {2}, in {3}, about {4} and {5}")
        span, size = units.duration(step.time_s), units.size(step.disk_bytes)
        words = text.format(edge.takes.label, edge.makes.label, edge.title, place, span, size)
        state = "; ".join(f"{gone.reason}. {gone.remedy}" for gone in planned.missing)
        return f"{words}: {state or self.tr('installed')}"
