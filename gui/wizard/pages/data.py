"""Data of one's own: looked at before it is used, for calibration and for judging quality."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from backends.domain.events import Failed, Result
from backends.domain.model import ModelKind, SourceModel
from backends.domain.preprocessing import Preprocessing
from backends.frameworks.base import JobContext
from gui.jobs.runner import Job, Terminal
from gui.widgets.banner import EmptyState
from gui.widgets.card import Card
from gui.widgets.facts import FactGrid
from gui.widgets.flow import CardGrid
from gui.widgets.text import Role, label
from gui.wizard.page import Page
from gui.wizard.pages import data_words
from gui.wizard.pages.data_samples import SamplesCard
from gui.wizard.pages.data_slots import Slot, SlotCard, with_data
from gui.wizard.pages.preprocessing_form import PreprocessingForm

if TYPE_CHECKING:
    from backends.actions.data import Looked
    from gui.app import Services

translate = QCoreApplication.translate


def look(path: Path, source: SourceModel, wanted: Preprocessing | None, job: JobContext) -> Looked:
    from backends.actions.data import look

    return look(path, job, source, wanted, count_tokens=True)


class DataPage(Page):
    """A file is looked at first and used when the user says so; what cannot be used never gets that far."""

    look = staticmethod(look)

    def __init__(self, services: Services) -> None:
        super().__init__(
            translate("Data", "Data"),
            translate(
                "Data", "What models are calibrated with and judged on. Files are read here; nothing is sent."
            ),
        )
        self._services = services
        self._job: Job | None = None
        self._came: SourceModel | None = None  # the model with the data it came with
        self._chosen = ""  # the slot in sight
        self._path: Path | None = None  # what is looked at in it
        self._found: Looked | None = None
        self.cards: dict[str, SlotCard] = {}
        self._stop = self.make_action(self.tr("Stop"), self.stop, danger=True)
        self._model = self.make_action(self.tr("Model"), lambda: self.navigate.emit("model"))
        self._lay_out()
        services.store.changed.connect(self._follow_store)

    def on_enter(self) -> None:
        self._follow_store()

    def apply(self) -> bool:
        """Use what is shown."""
        source = self._services.store.state.source
        if source is not None and self._found is not None and self._differs():
            self._put(self._chosen, self._path, self._wanted())
        return False

    def choose(self, key: str, path: Path | None = None) -> None:
        """Show a slot with ``path``, or with what is used for it now."""
        source = self._services.store.state.source
        if source is None:
            return
        self.clear_error()
        self._chosen, self._found = key, None
        self._path = path or getattr(source, key)
        self._look(source.preprocessing)

    def reset(self, key: str) -> None:
        if self._came is not None:
            self._put(key, getattr(self._came, key), self._came.preprocessing)

    def stop(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def _put(self, key: str, path: Path | None, preprocessing: Preprocessing | None) -> None:
        state = self._services.store.state
        if state.source is not None:
            changed = with_data(state.source, key, path)
            self._services.store.update(state.with_data(replace(changed, preprocessing=preprocessing)))
            self.choose(key)

    def _look(self, wanted: Preprocessing | None) -> None:
        """The newest question counts; the answer to an earlier one is dropped."""
        source, path = self._services.store.state.source, self._path
        self.stop()
        self._show_cards()
        if source is None or path is None:
            self._show_nothing()
            return
        self._job = self._services.runner.start(lambda job: self.look(path, source, wanted, job), self._take)
        self.set_state(
            status=self.tr("Looking at {0}").format(path.name),
            progress=True,
            fraction=None,
            can_continue=False,
            actions=(self._stop,),
        )

    def _take(self, terminal: Terminal) -> None:
        if self._job is not None and self._job.running:
            return
        self._job = None
        if isinstance(terminal, Failed):
            self.show_error(terminal)
            self._show_nothing()
        elif isinstance(terminal, Result):
            self._show_found(terminal.payload)
        self._show_state()

    def _follow_store(self) -> None:
        source = self._services.store.state.source
        if source is None:
            self._came, self._chosen = None, ""
            self._grid.clear()
            self.cards = {}
            self._show_nothing()
        elif self._came is None or self._came.profile != source.profile:
            self._came = source
            self._make_cards(source)
            self.choose(next(iter(self.cards)))
        self.empty.setVisible(source is None)

    def _make_cards(self, source: SourceModel) -> None:
        self._grid.clear()
        self.cards = {}
        slots = self._slots(source)
        self._grid.set_max_columns(len(slots))
        for slot in slots:
            card = SlotCard(slot)
            card.chosen.connect(lambda key=slot.key: self.choose(key))
            card.picked.connect(lambda path, key=slot.key: self.choose(key, path))
            card.reset.connect(lambda key=slot.key: self.reset(key))
            self.cards[slot.key] = card
            self._grid.addWidget(card)

    def _slots(self, source: SourceModel) -> tuple[Slot, ...]:
        if source.profile.kind is ModelKind.LANGUAGE:
            texts = self.tr("Text file, or JSON Lines with a “text” each.")
            return (
                Slot("tasks", self.tr("Questions"), self.tr("JSON Lines: query, choices, gold.")),
                Slot("evaluation", self.tr("Text to predict"), texts),
                Slot("calibration", self.tr("To calibrate with"), texts),
            )
        images = self.tr("Folder with a subfolder a class, IDX, or .npz with images and labels.")
        return (
            Slot("tasks", self.tr("To judge with"), images, folders=True),
            Slot("calibration", self.tr("To calibrate with"), images, folders=True),
        )

    def _show_cards(self) -> None:
        source = self._services.store.state.source
        for key, card in self.cards.items():
            used = getattr(source, key) if source else None
            path = self._path if key == self._chosen else used
            came = getattr(self._came, key) if self._came else None
            card.show_path(path, came, pending=path != used)
            card.set_selected(key == self._chosen)

    def _show_found(self, found: Looked) -> None:
        self._found = found
        seen = found.preview
        self.facts.set_rows(data_words.facts(seen))
        self.problems.setText("\n".join(seen.problems))
        self.problems.setVisible(bool(seen.problems))
        self.preview.show()
        self.samples.show_preview(seen)
        self.samples.show()
        self.form.setVisible(seen.preprocessing is not None and not seen.ready)
        if seen.preprocessing is not None:
            self.form.show_value(seen.preprocessing)
        self.plan.setVisible(found.plan is not None)
        if found.plan is not None:
            self.decides.setText(data_words.plan_sentence(found.plan))
            self.needs.set_rows(data_words.plan_rows(found.plan))
            self.assumed.setText(data_words.plan_assumed(found.plan))

    def _show_nothing(self) -> None:
        self._found = None
        for card in (self.preview, self.samples, self.form, self.plan):
            card.hide()
        self._show_state()

    def _show_state(self) -> None:
        source = self._services.store.state.source
        differs = self._differs()
        if self._found is None:
            status = ""
        elif differs:
            status = self.tr("Not used yet")
        else:
            status = self.tr("In use for {0}").format(source.name) if source else ""
        self.set_state(
            status=status,
            primary=self.tr("Use it") if source else "",
            can_continue=differs,
            progress=False,
            actions=(self._model,) if source else (),
        )

    def _differs(self) -> bool:
        """Whether what is shown is something else than what is used."""
        source = self._services.store.state.source
        if source is None or self._found is None:
            return False
        set_anew = self._wanted() != source.preprocessing
        return bool(getattr(source, self._chosen) != self._path or set_anew)

    def _wanted(self) -> Preprocessing | None:
        """What the model itself asks for need not be set; it is found again each time."""
        source = self._services.store.state.source
        if self.form.isHidden():
            return source.preprocessing if source else None
        value = self.form.value()
        asked = self._asked_for
        return source.preprocessing if source and source.preprocessing is None and value == asked else value

    @property
    def _asked_for(self) -> Preprocessing | None:
        return self._found.preview.asked_for if self._found else None

    def _edited(self) -> None:
        self.clear_error()
        self._look(self.form.value())

    def _lay_out(self) -> None:
        self.empty = EmptyState(
            self.tr("No model chosen yet"),
            self.tr("Which data is needed depends on the model."),
            self.tr("Model"),
        )
        self.empty.activated.connect(lambda: self.navigate.emit("model"))
        self._grid = CardGrid(min_width=224)
        self.facts = FactGrid()
        self.problems = label("", Role.BAD, wrap=True)
        self.preview = Card(self.tr("What was read")).add(self.facts).add(self.problems).end()
        self.samples = SamplesCard()
        self.form = PreprocessingForm()
        self.form.changed.connect(self._edited)
        self.decides, self.needs = label("", wrap=True), FactGrid()
        self.assumed = label("", Role.NOTE, wrap=True)
        self.plan = Card(self.tr("What it can decide"))
        self.plan.add(self.decides).add(self.needs).add(self.assumed).end()
        below = CardGrid(min_width=400, weights=(420, 566))
        for card in (self.preview, self.samples, self.form, self.plan):
            below.addWidget(card)
        self.add(self.empty)
        self.add(self._grid)
        self.add(below)
        self.end()
        self._show_nothing()
