"""Step 2: choose a model that came with the program, a file of one's own, one from the Hub, or only a shape.

Whatever it is, it is read, and the page shows what it really is.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication, QTimer

from backends.domain.events import Event, Failed, Progress, Result
from backends.domain.hub import HubPlan
from backends.domain.model import ModelProfile, SourceModel
from backends.frameworks.base import JobContext
from gui.jobs.runner import Job, Terminal
from gui.models.cells import ChipCell, TextCell
from gui.models.table import Column, TableModel
from gui.theme.hues import Hue
from gui.theme.tone import Tone
from gui.widgets import units
from gui.widgets.banner import EmptyState
from gui.widgets.card import Card, ChoiceCard
from gui.widgets.chip import Chip
from gui.widgets.drop_zone import DropZone
from gui.widgets.facts import FactGrid
from gui.widgets.figure import Figure
from gui.widgets.flow import CardGrid
from gui.widgets.table import Table
from gui.widgets.terms import explain
from gui.widgets.text import Role, label
from gui.wizard.page import Page
from gui.wizard.pages import model_words
from gui.wizard.pages.convert_dialog import ConvertDialog
from gui.wizard.pages.model_reading import download, look_up, make_shape, read_bundled, read_model
from gui.wizard.pages.model_ways import WaysIn

if TYPE_CHECKING:
    from backends.actions.assess import BundledModel
    from backends.actions.takers import Taker
    from gui.app import Services

translate = QCoreApplication.translate


class BundledCard(ChoiceCard):
    """A model that came with the program; one that cannot be read says why and cannot be chosen."""

    def __init__(self, model: BundledModel) -> None:
        source = model.source
        super().__init__(source.name if source else model.folder.name)
        self.source = source
        if source is None:
            self.add_corner(Chip(self.tr("not usable"), Tone.WARN, model.remedy))
            self.add(label(f"{model.problem} {model.remedy}".strip(), Role.NOTE, wrap=True)).end()
            self.setEnabled(False)
            return
        profile = source.profile
        self.add(label(source.description, Role.NOTE, wrap=True))
        self.body.addStretch(1)
        count = units.NBSP.join(model_words.headline(profile))
        parts = (model_words.kind(profile.kind), count, profile.precision, units.size(profile.size_bytes))
        self.add(label(model_words.DOT.join(parts), wrap=True))


class ModelPage(Page):
    read_bundled = staticmethod(read_bundled)
    read_model = staticmethod(read_model)
    look_up = staticmethod(look_up)
    download = staticmethod(download)
    make_shape = staticmethod(make_shape)

    def __init__(self, services: Services) -> None:
        super().__init__(
            translate("Model", "Model"),
            translate(
                "Model",
                "What to make smaller and faster. Files are read, never executed; nothing of yours is sent.",
            ),
        )
        self._services = services
        self._job: Job | None = None
        self._listing: Job | None = None
        self.cards: list[BundledCard] = []
        self._stop = self.make_action(self.tr("Stop"), self.stop, danger=True)
        self._data = self.make_action(self.tr("Data…"), lambda: self.navigate.emit("data"))
        self._convert = self.make_action(self.tr("Convert…"), self.open_convert)
        self._lay_out()
        services.store.changed.connect(self._follow_store)
        self.set_state(primary=self.tr("Next: recommendation"))
        self._follow_store()

    def on_enter(self) -> None:
        if not self.cards and self._listing is None:
            QTimer.singleShot(0, self, self._list_bundled)

    def choose(self, path: Path) -> None:
        """Read what the user named; until it is known, the choice before stands."""
        self._begin(self.tr("Reading {0}").format(path.name), lambda job: self.read_model(path, job))

    def open_convert(self) -> None:
        """Bring the model into another format, into a folder of the user's."""
        source = self._services.store.state.source
        if source is not None:
            dialog = ConvertDialog(self._services, source, self)
            dialog.navigate.connect(self.navigate)
            dialog.open()

    def stop(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def _begin(self, status: str, action: Callable[[JobContext], Any]) -> None:
        self.stop()
        self.clear_error()
        self.set_state(status=status, busy=True, progress=True, fraction=None, actions=(self._stop,))
        self._job = self._services.runner.start(action, self._assessed, self._hear)

    def _look_up(self, name: str, file: str, token: str) -> None:
        status = self.tr("Asking for {0}").format(name)
        self._begin(status, lambda job: self.look_up(name, file, token, job))

    def _download(self, plan: HubPlan, token: str) -> None:
        status = self.tr("Downloading {0}").format(plan.model.name)
        self._begin(status, lambda job: self.download(plan, token, job))

    def _make_shape(self, named: str) -> None:
        status = self.tr("Making {0}").format(Path(named).name)
        self._begin(status, lambda job: self.make_shape(named, job))

    def _list_shapes(self) -> None:
        hardware = self._services.store.state.hardware
        if hardware is not None:
            from backends.actions.shapes import offers

            self.ways.shapes.set_offers(offers(hardware))

    def _hear(self, events: list[Event]) -> None:
        told = [event for event in events if isinstance(event, Progress) and event.fraction is not None]
        if told and self.state.busy:
            last = told[-1]
            status = model_words.DOT.join(filter(None, (last.what, units.time_left(last.remaining_s))))
            self.set_state(status=status, fraction=last.fraction)

    def _assessed(self, terminal: Terminal) -> None:
        if self._job is not None and self._job.running:
            return  # the answer to an earlier question: another model is being read already
        self._job = None
        self.set_state(busy=False, progress=False, status="", actions=())
        if isinstance(terminal, Result) and isinstance(terminal.payload, SourceModel):
            self._take(terminal.payload)
            return
        if isinstance(terminal, Result):
            self.ways.hub.show_plan(terminal.payload)
        if isinstance(terminal, Failed):
            self.show_error(terminal)
        self._show_source(self._services.store.state.source)

    def _take(self, source: SourceModel) -> None:
        self.clear_error()
        self.ways.close_all()
        state = self._services.store.state
        if not _is_same(source, state.source):
            self._services.store.update(state.with_source(source))

    def _list_bundled(self) -> None:
        self._listing = self._services.runner.start(lambda job: self.read_bundled(job), self._listed)

    def _listed(self, terminal: Terminal) -> None:
        self._listing = None
        self._waiting.hide()
        if isinstance(terminal, Failed):
            self.show_error(terminal)
        if not isinstance(terminal, Result):
            return
        for number, model in enumerate(terminal.payload):
            card = BundledCard(model)
            card.chosen.connect(lambda card=card: self._choose_card(card))
            self.cards.append(card)
            self._choices.insertWidget(number, card)
        self._follow_store()

    def _choose_card(self, card: BundledCard) -> None:
        if card.source is not None:
            self.stop()
            self._take(card.source)

    def _follow_store(self) -> None:
        source = self._services.store.state.source
        for card in self.cards:
            card.set_selected(source is not None and _is_same(card.source, source))
        self._show_source(source)

    def _show_source(self, source: SourceModel | None) -> None:
        self._empty.setVisible(source is None)
        self._assessment.setVisible(source is not None)
        self._takers.setVisible(source is not None)
        if source is None:
            self.set_state(can_continue=False)
            return
        from backends.actions.takers import takers

        profile = source.profile
        self._assessment.set_title(source.name)
        self._show_kind(profile)
        self._figure.set(*model_words.headline(profile), tip=explain("parameters"))
        self._facts.set_rows(model_words.facts(source))
        self._warnings.setText("\n".join(profile.warnings))
        self._warnings.setVisible(bool(profile.warnings))
        answers = sorted(takers(source), key=lambda taker: not taker.takes)
        self._table_model.set_rows(answers)
        self._say_summary(source, answers)

    def _show_kind(self, profile: ModelProfile) -> None:
        if profile.shape_only:
            tip = self.tr("Random weights: speed and memory can be measured; quality is never scored.")
            self._kind.set_state(self.tr("shape only"), Tone.WARN, tip)
        else:
            self._kind.set_state(model_words.kind(profile.kind), Tone.NEUTRAL)

    def _say_summary(self, source: SourceModel, answers: list[Taker]) -> None:
        takes = sum(taker.takes for taker in answers)
        text = self.tr("{0} · {1} · {2} of {3} frameworks take it")
        size = units.size(source.profile.size_bytes)
        status = text.format(source.name, size, takes, len(answers))
        self.set_state(status=status, can_continue=True, actions=(self._convert, self._data))

    def _lay_out(self) -> None:
        self._choices = CardGrid(min_width=224)
        self._waiting = Card(self.tr("Bundled models"), Chip(self.tr("reading…"), Tone.SOFT))
        text = self.tr("The models that came with Edgewright are being read.")
        self._waiting.add(label(text, Role.NOTE, wrap=True)).end()
        self._choices.addWidget(self._waiting)
        self.drop = DropZone(
            self.tr("Drop a model here"),
            self.tr("GGUF, ONNX, OpenVINO or TensorFlow Lite file; Hugging Face or MLX folder"),
        )
        self.drop.dropped.connect(self.choose)
        self._choices.addWidget(self.drop)
        self.add(self._choices)
        self.ways = WaysIn()
        self.ways.hub.asked.connect(self._look_up)
        self.ways.hub.wanted.connect(self._download)
        self.ways.shapes.wanted.connect(self._make_shape)
        self.ways.shapes_opened.connect(self._list_shapes)
        self.add(self.ways)
        self._empty = EmptyState(
            self.tr("No model chosen yet"),
            self.tr("Choose one above: what it is, and which frameworks take it, is shown here."),
        )
        self.add(self._empty)
        below = CardGrid(min_width=400, weights=(500, 486))
        below.addWidget(self._make_assessment())
        below.addWidget(self._make_takers())
        self.add(below)
        self.end()

    def _make_assessment(self) -> Card:
        self._kind = Chip()
        self._assessment = Card("", self._kind)
        self._figure, self._facts = Figure(), FactGrid()
        self._warnings = label("", Role.BAD, wrap=True)
        self._assessment.add(self._figure).add(self._facts).add(self._warnings).end()
        return self._assessment

    def _make_takers(self) -> Card:
        self._table_model: TableModel[Taker] = TableModel(
            [
                Column(self.tr("Framework"), lambda t: TextCell(t.title, hue=Hue(t.title))),
                Column("", self._verdict),
                Column("", lambda t: TextCell(t.reason, muted=True, tip=t.reason), stretch=True),
            ]
        )
        table = Table(self._table_model)
        table.setAccessibleName(self.tr("Which frameworks take it"))
        self._takers = Card(self.tr("Which frameworks take it")).add(table).end()
        return self._takers

    def _verdict(self, taker: Taker) -> ChipCell:
        if taker.takes:
            return ChipCell(self.tr("takes it"), Tone.OK)
        return ChipCell(self.tr("does not"), Tone.NEUTRAL)


def _is_same(one: SourceModel | None, other: SourceModel | None) -> bool:
    """The same files, whatever data is used with them."""
    return one is not None and other is not None and (one.profile, one.forms) == (other.profile, other.forms)
