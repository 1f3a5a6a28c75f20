"""Step 5: measure what was made against the original, before one's eyes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication, Qt, Signal, Slot

from backends.domain.events import Cancelled, Event, Failed
from backends.domain.result import ConfigurationResult, RunRecord
from backends.frameworks.base import JobContext
from backends.storage.history import History
from gui.jobs.runner import Job, Terminal
from gui.widgets.banner import NoticeBanner
from gui.widgets.text import Role, label
from gui.widgets.topics import Topics
from gui.wizard.page import Page
from gui.wizard.pages.benchmark_phase import Phase, status_of
from gui.wizard.pages.busy_words import busy_remedy, busy_sentence, disturbed_words
from gui.wizard.pages.entries import entries_of
from gui.wizard.pages.live import LiveRun
from gui.wizard.pages.live_charts import MACHINE, LiveCharts
from gui.wizard.pages.measured_words import rate_words, say
from gui.wizard.pages.measuring import PLANS, Ears, Work, carry_on, measure, work_of
from gui.wizard.pages.opening import OpeningBar
from gui.wizard.pages.pausing import Pausing
from gui.wizard.pages.saving import ChartCard
from gui.wizard.pages.so_far import SoFarCard
from gui.wizard.pages.summary_card import SummaryCard
from gui.wizard.pages.turn import Turn

if TYPE_CHECKING:
    from gui.app import Services

Measure = Callable[[Work, JobContext, History, Ears], RunRecord]
CarryOn = Callable[[str, JobContext, History, Ears], RunRecord]
_ALTERNATING: object = QT_TRANSLATE_NOOP("Measured", "in alternating pairs, one at a time.")
_STOPS: object = QT_TRANSLATE_NOOP("Measured", "Stops by itself when the answer is clear.")


class BenchmarkPage(Page):
    """Starts when entered with something that was not measured yet; goes on while others are visited."""

    max_width = 2000  # charts are the better for it

    run_started = Signal(str)  # run id; from the worker's thread
    result_arrived = Signal(object)  # ConfigurationResult; from the worker's thread

    def __init__(self, services: Services, run: Measure = measure, carry_on: CarryOn = carry_on) -> None:
        super().__init__(QCoreApplication.translate("Benchmark", "Benchmark"))
        self._services, self._run, self._carry_on = services, run, carry_on
        self._cut_off = ""  # the run that was stopped, and can be carried on
        self._phase = Phase.WAITING
        self.pausing = Pausing(self)
        self.pausing.changed.connect(self._show_phase)
        self._job: Job | None = None
        self._work: Work | None = None
        self.turn = Turn(self, services.runner, "benchmark")
        self.live: LiveRun | None = None
        self.charts: LiveCharts | None = None
        self._lay_out()
        self._make_actions()
        self.run_started.connect(self._take_run)
        self.result_arrived.connect(self._take_result)
        self._show_phase()

    @property
    def phase(self) -> Phase:
        return self._phase

    def on_enter(self) -> None:
        if self._wanted() != self._work:
            self.again()

    def apply(self) -> bool:
        """On to the result; where there is none yet, measure."""
        if self._services.store.state.results:
            return True
        self.again()
        return False

    def start(self, work: Work) -> None:
        self._work, self._cut_off = work, ""
        self.clear_error()
        self.notice.hide()
        self._begin_display(work)
        ears = self._ears()
        self._job = self.turn.run(
            lambda job: self._run(work, job, self._services.history, ears(job)), self._end, self._hear
        )
        self._set_phase(Phase.RUNNING)

    def pause(self) -> None:
        self.pausing.pause()
        self._set_phase(Phase.PAUSED)

    def resume(self) -> None:
        self.pausing.resume()
        self._set_phase(Phase.RUNNING)

    def stop(self) -> None:
        """What was measured is kept; the pair in hand is not finished."""
        if self._job is not None:
            self._set_phase(Phase.STOPPING)
            self._job.cancel()

    def again(self) -> None:
        """As soon as nothing else measures."""
        if self._job is None and self._wanted() is not None:
            self.turn.take(self._start_wanted)

    def _start_wanted(self) -> None:
        wanted = self._wanted()
        if self._job is None and wanted is not None:
            self.start(wanted)

    def open_otherwise(self) -> None:
        """Measured anew: what was measured of another way of opening stays in History, and is not shown."""
        self._cut_off, self.live, self.charts = "", None, None
        for widget in (self.notice, self.summary, self.topics):
            widget.hide()
        self.empty.show()
        self.legend.set_entries({})
        self.stop()
        self._show_phase()
        self.turn.take(self._start_wanted)

    def carry_on(self) -> None:
        """Go on with the run that was stopped, where it was; the charts keep what they show."""
        self.turn.take(self._start_cut_off)

    def _start_cut_off(self) -> None:
        run_id = self._cut_off
        if self._job is not None or not run_id:
            return
        self._cut_off = ""
        self.clear_error()
        ears = self._ears()
        self._job = self.turn.run(
            lambda job: self._carry_on(run_id, job, self._services.history, ears(job)), self._end, self._hear
        )
        self._set_phase(Phase.RUNNING)

    def _ears(self) -> Callable[[JobContext], Ears]:
        gate = self.pausing.begin()
        return lambda job: Ears(lambda: gate.wait(job), self.run_started.emit, self.result_arrived.emit)

    def _wanted(self) -> Work | None:
        return work_of(self._services.store.state, self._services.settings.value)

    def _hear(self, events: list[Event]) -> None:
        if self.live is None or self.charts is None:
            return
        for event in events:
            self.live.hear(event)
            self.charts.hear(event)
        self._show_live()

    def _show_live(self) -> None:
        if self.live is None or self.charts is None:
            return
        self.charts.show(self.live)
        self.so_far.show_run(self.live)
        self._show_notice(self.live)
        self._show_phase()

    def _show_notice(self, live: LiveRun) -> None:
        """Once it is there it stays: it must not flicker."""
        if sentence := busy_sentence(live):
            self.notice.show_notice(sentence, busy_remedy())

    def _tell_disturbed(self) -> None:
        """When nothing is measured any more, "just now" would be a lie."""
        count = self.live.disturbed if self.live else 0
        self.notice.setVisible(bool(count))
        if count:
            self.notice.show_notice(*disturbed_words(count))

    @Slot(str)
    def _take_run(self, run_id: str) -> None:
        if self._is_current():
            self._services.store.update(self._services.store.state.with_run(run_id))

    @Slot(object)
    def _take_result(self, result: ConfigurationResult) -> None:
        if self.live is not None:
            self.live.take_result(result)
            self._show_live()
        if self._is_current():
            self._services.store.update(self._services.store.state.with_result(result))

    def _is_current(self) -> bool:
        """Not where another model, or another way of opening, was chosen while this was being measured."""
        wanted = self._wanted()
        return wanted is not None and wanted.is_like(self._work)

    def _end(self, terminal: Terminal) -> None:
        self._job = None
        self._cut_off = self._services.store.state.run_id if isinstance(terminal, Cancelled) else ""
        if isinstance(terminal, Failed):
            self.show_error(terminal)
        record = getattr(terminal, "payload", None)
        if isinstance(record, RunRecord):
            self._show_summary(record)
        ended = (
            isinstance(terminal, Cancelled) or record is not None or bool(self._services.store.state.results)
        )
        self._set_phase(Phase.ENDED if ended else Phase.WAITING)
        self._tell_disturbed()

    def _show_summary(self, record: RunRecord) -> None:
        for result in record.results:
            if self._is_current():
                self._services.store.update(self._services.store.state.with_result(result))
            if self.live is not None:
                self.live.take_result(result)
        self._show_live()
        self.so_far.end_run()
        self.summary.show_run(record)

    def _begin_display(self, work: Work) -> None:
        entries, words = entries_of(work.configurations()), rate_words(work.original.kind)
        self.header.set_text(self.title, f"{words.subtitle}, {say(_ALTERNATING)} {say(_STOPS)}")
        made = [entry for entry in entries if not entry.original]
        ordered = (*made, *(entry for entry in entries if entry.original))
        self.live = LiveRun([entry.label for entry in ordered], words.main, words.latency, stress=work.stress)
        self.legend.set_entries({entry.label: entry.hue for entry in ordered})
        looks = PLANS[work.depth].looks
        gates = [work.gates[rate.gate].threshold for rate in words.rates]
        hardware = self._services.store.state.hardware
        self.charts = LiveCharts(words, ordered, gates, looks, hardware, self)
        self.so_far = SoFarCard(words, ordered, gates, looks)
        self.summary.hide()
        self.empty.hide()
        self.topics.set_topics(self.charts.titles(), self.charts.topics(self.so_far))
        self.topics.show()
        for card in self.charts.cards:
            card.failed.connect(self.show_error)
        self.charts.machine.card_made.connect(self._add_card)
        self._show_live()

    @Slot(object)
    def _add_card(self, card: ChartCard) -> None:
        """A figure of the machine that came for the first time."""
        card.failed.connect(self.show_error)
        if self.charts is not None:
            self.topics.add_card(MACHINE, card, before=self.charts.machine.untold_card)

    def _lay_out(self) -> None:
        self.header.set_text(
            self.title, self.tr("What was made, measured against the original on this machine.")
        )
        self.opening = OpeningBar(self._services.store)
        self.opening.changed.connect(self.open_otherwise)
        self.legend = self.opening.legend
        self.notice = NoticeBanner()
        self.summary = SummaryCard()
        self.summary.hide()
        self.empty = label(self.tr("Nothing is being measured."), Role.MUTED, wrap=True)
        self.topics = Topics(min_width=400, weights=(556, 428))
        self.topics.hide()
        self.empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        for widget in (self.notice, self.opening, self.summary):
            self.add(widget)
        self.add(self.empty, 1)  # only one of them is there
        self.add(self.topics, 1)

    def _make_actions(self) -> None:
        self._pause = self.make_action(self.tr("Pause"), self.pause)
        self._resume = self.make_action(self.tr("Resume"), self.resume)
        self._stop = self.make_action(self.tr("Stop"), self.stop, danger=True)
        self._go_on = self.make_action(self.tr("Go on"), self.carry_on)
        self._again = self.make_action(self.tr("Measure again"), self.again)

    def _set_phase(self, phase: Phase) -> None:
        self._phase = phase
        self._show_phase()

    def _show_phase(self) -> None:
        running = self._phase in (Phase.RUNNING, Phase.PAUSED, Phase.STOPPING)
        measured = bool(self._services.store.state.results)
        actions = {
            Phase.RUNNING: (self._pause, self._stop),
            Phase.PAUSED: (self._resume, self._stop),
            Phase.ENDED: (*((self._go_on,) if self._cut_off else ()), *((self._again,) if measured else ())),
        }.get(self._phase, ())
        self.set_state(
            status=status_of(
                self._phase, self.live, self.pausing.words, whole=self.summary.isVisibleTo(self)
            ),
            primary=self.tr("Result") if measured or running else self.tr("Measure"),
            can_continue=measured if running else self._wanted() is not None,
            progress=running,
            fraction=self.live.fraction if self.live else None,
            back=not running,
            actions=actions,
        )
