"""Step 3: frameworks and precisions, ranked for this model on this machine, and the user's choice of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QSlider, QVBoxLayout

from backends.domain.model import ModelKind
from backends.recommendation.ranking import Candidate, Recommendation, Weights
from backends.workflow.wizard import Choice, WizardState
from gui.models.table import TableModel
from gui.widgets.banner import EmptyState
from gui.widgets.card import Card
from gui.widgets.facts import FactGrid
from gui.widgets.flow import GAP, CardGrid
from gui.widgets.table import Table
from gui.widgets.text import Role, label
from gui.wizard.page import Page
from gui.wizard.pages import recommendation_words as words
from gui.wizard.pages.road_card import RoadCard

if TYPE_CHECKING:
    from backends.recommendation.rules import RuleBook
    from gui.app import Services

translate = QCoreApplication.translate


class RecommendationPage(Page):
    def __init__(self, services: Services) -> None:
        super().__init__(
            translate("Recommendation", "Recommendation"),
            translate(
                "Recommendation",
                "Ranked for this model on this machine. Every figure says what it rests on; choose freely.",
            ),
        )
        self._services = services
        self._rules = _rule_book()
        self._own_choice = False  # the user has checked or unchecked something for this model
        self._source: object = None
        self.model = TableModel(words.columns())
        self.model.check_toggled.connect(self._toggle)
        self.sliders: dict[str, QSlider] = {}
        self._lay_out()
        self._read_wishes(services.store.state)
        services.store.changed.connect(self._follow_store)

    def on_enter(self) -> None:
        self._follow_store()
        if self._services.store.state.recommendation is None:
            self.rank()

    def on_leave(self) -> None:
        """What matters to the user is remembered, once it was decided."""
        weights = self._services.store.state.weights
        self._services.settings.change(
            weight_speed=weights.speed, weight_quality=weights.quality, weight_memory=weights.memory
        )

    def rank(self) -> None:
        """Rank again with the wishes as they are; until the user has chosen, the proposal follows."""
        from backends.actions.recommend import recommend_for

        state = self._services.store.state
        if state.source is None or state.hardware is None:
            return
        wished = state.with_wishes(self._weights(), self.target.currentData())
        found = recommend_for(state.source, state.hardware, state.availability, wished.weights, wished.target)
        chosen = wished.chosen if self._own_choice else ()
        ranked = wished.with_chosen(chosen).with_recommendation(found)
        if self._own_choice and not chosen:
            ranked = ranked.with_chosen(())
        self._services.store.update(ranked)

    def _toggle(self, row: int, wanted: bool) -> None:
        self._own_choice = True
        state = self._services.store.state
        choice = self.model.rows[row].choice
        others = [each for each in state.chosen if each != choice]
        order = [Choice.of(each) for each in _found(state).offered]
        chosen = sorted([*others, choice] if wanted else others, key=order.index)
        self._services.store.update(state.with_chosen(tuple(chosen)))

    def _follow_store(self) -> None:
        state = self._services.store.state
        if state.source is not self._source:
            self._source, self._own_choice = state.source, False
        found = state.recommendation
        if found is None or state.source is None:
            self.set_state(can_continue=False, primary="", status="")
            return
        language = state.source.profile.kind == ModelKind.LANGUAGE
        self.table.setColumnHidden(words.DECODE, not language)
        calibrated = state.source.calibration is not None
        every = self.every.isChecked() or not found.candidates
        self.model.set_rows(words.rows(found, state.chosen, every=every, calibrated=calibrated))
        self.every.setVisible(self.every.isChecked() or self.model.rowCount() < len(found.offered))
        self._nothing.setVisible(not found.offered)
        self._ranking.setVisible(bool(found.offered))
        self._ruled_out.set_rows(words.ruled_out(found.ruled_out))
        self._ruled_out.setVisible(bool(found.ruled_out))
        self._none_out.setVisible(not found.ruled_out)
        self._basis.setText(words.basis(found, predicted=language))
        self.roads.show_roads(state.source, [choice.framework for choice in state.chosen])
        self._say_summary(state, found)

    def _say_summary(self, state: WizardState, found: Recommendation) -> None:
        chosen = [one for one in found.offered if Choice.of(one) in state.chosen]
        new = [one for one in chosen if Choice.of(one) in state.to_make]
        self.set_state(
            status=words.summary(chosen), primary=self._primary(chosen, new), can_continue=bool(chosen)
        )

    def _primary(self, chosen: list[Candidate], new: list[Candidate]) -> str:
        if chosen and not new:
            return self.tr("Next: optimize")
        return self.tr("Optimize {0}").format(len(new)) if new else self.tr("Optimize")

    def _weights(self) -> Weights:
        values = {name: slider.value() / 100 for name, slider in self.sliders.items()}
        return replace(self._services.store.state.weights, **values)

    def _read_wishes(self, state: WizardState) -> None:
        for name, slider in self.sliders.items():
            slider.blockSignals(True)
            slider.setValue(round(getattr(state.weights, name) * 100))
            slider.blockSignals(False)
        self.target.setCurrentIndex(max(0, self.target.findData(state.target)))

    def _lay_out(self) -> None:
        left, right = QVBoxLayout(), QVBoxLayout()
        for column in (left, right):
            column.setSpacing(GAP)
        left.addWidget(self._make_ranking())
        left.addWidget(self._make_nothing())
        self.roads = RoadCard()
        self.roads.facts.activated.connect(self.navigate)
        left.addWidget(self.roads)
        left.addWidget(self._make_ruled_out(), 1)
        right.addWidget(self._make_wishes())
        right.addWidget(self._make_target())
        right.addWidget(self._make_basis(), 1)
        grid = CardGrid(min_width=400, weights=(736, 250))
        grid.addItem(left)
        grid.addItem(right)
        self.add(grid)
        self.end()

    def _make_ranking(self) -> Card:
        self.every = QCheckBox(self.tr("All precisions"))
        self.every.setToolTip(
            self.tr("Show every precision, unquantized ones too, not only the best of each kind.")
        )
        self.every.toggled.connect(self._follow_store)
        self.table = Table(self.model)
        self.table.setAccessibleName(self.tr("Ranked configurations"))
        below = QHBoxLayout()
        below.setContentsMargins(8, 4, 8, 4)
        below.addWidget(self.every)
        below.addStretch(1)
        self._ranking = Card().add(self.table).add(below).tight()
        return self._ranking

    def _make_nothing(self) -> EmptyState:
        self._nothing = EmptyState(
            self.tr("Nothing can be made of this model here"),
            self.tr("Below is what stands in the way of each framework. Another model or format may do."),
            self.tr("Choose another model"),
        )
        self._nothing.activated.connect(lambda: self.navigate.emit("model"))
        self._nothing.hide()
        return self._nothing

    def _make_ruled_out(self) -> Card:
        self._ruled_out = FactGrid()
        self._ruled_out.activated.connect(self.navigate)
        self._none_out = label(self.tr("Every framework takes part."), Role.MUTED)
        return Card(self.tr("Ruled out here")).add(self._ruled_out).add(self._none_out).end()

    def _make_wishes(self) -> Card:
        card = Card(self.tr("What matters"))
        named = {"speed": self.tr("Speed"), "quality": self.tr("Quality"), "memory": self.tr("Memory")}
        for name, title in named.items():
            slider = QSlider(Qt.Orientation.Horizontal)
            slider.setRange(0, 100)
            slider.setPageStep(10)
            slider.setAccessibleName(title)
            slider.valueChanged.connect(self.rank)
            self.sliders[name] = slider
            card.add(label(title)).add(slider)
        return card.end()

    def _make_target(self) -> Card:
        self.target = QComboBox()
        self.target.setAccessibleName(self.tr("Target"))
        for target in self._rules.targets:
            self.target.addItem(target.title, target.id)
        self.target.currentIndexChanged.connect(self.rank)
        note = self.tr("Where the model will run. Another target changes the order, not the figures.")
        return Card(self.tr("Target")).add(self.target).add(label(note, Role.NOTE, wrap=True)).end()

    def _make_basis(self) -> Card:
        self._basis = label("", Role.NOTE, wrap=True)
        return Card(self.tr("Basis")).add(self._basis).end()


def _rule_book() -> RuleBook:
    from backends.actions.recommend import rule_book

    return rule_book()


def _found(state: WizardState) -> Recommendation:
    assert state.recommendation is not None
    return state.recommendation
