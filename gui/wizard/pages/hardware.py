"""Step 1: what is in this machine, what each framework can use of it, and how fast memory really is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication, QTimer, Signal

from backends.domain.events import Event, Failed, Progress, Result, Sample
from backends.domain.hardware import HardwareProfile, Throughput
from backends.frameworks import registry
from backends.frameworks.base import JobContext
from backends.frameworks.environments import Environments, EnvironmentStatus
from backends.storage.paths import app_paths
from gui.jobs.runner import Job, Terminal
from gui.models.table import TableModel
from gui.theme.tone import Tone
from gui.widgets import units
from gui.widgets.card import Card, StatusCard
from gui.widgets.facts import FactGrid
from gui.widgets.figure import Figure
from gui.widgets.flow import CardGrid
from gui.widgets.table import Table
from gui.widgets.terms import explain
from gui.wizard.page import Page
from gui.wizard.pages import hardware_devices, hardware_frameworks, hardware_words
from gui.wizard.pages.hardware_words import CardContent
from gui.wizard.pages.turn import Turn

if TYPE_CHECKING:
    from backends.actions.detect import Detected
    from gui.app import Services

translate = QCoreApplication.translate
FIRST_PAINT_MS = 50  # the window is to be seen before its thread shares the interpreter
BANDWIDTH, COMPUTE = "read_bytes_per_s", "fp32_flops_per_s"


def detect_machine(job: JobContext, on_found: Callable[[Detected], None]) -> Detected:
    from backends.actions.detect import detect

    return detect(job, on_found=on_found)


def measure_machine(hardware: HardwareProfile, job: JobContext) -> Throughput:
    from backends.actions.detect import measured

    return measured(hardware, job, fresh=True)


@dataclass(frozen=True)
class CardSpec:
    title: str
    say: Callable[[HardwareProfile], CardContent]
    term: str = ""


class MachineCard(StatusCard):
    """One card of the page; ``show_content`` may be called as often as something new is known."""

    activated = Signal(str)

    def __init__(self, title: str, tip: str = "") -> None:
        super().__init__(title, tip=tip)
        self.figure = Figure("…")
        self.facts = FactGrid()
        self.facts.activated.connect(self.activated)
        self.add(self.figure).add(self.facts).end()
        self.chip.set_state(self.tr("looking…"), Tone.NEUTRAL)

    def show_content(self, content: CardContent) -> None:
        self.chip.set_state(content.chip, content.tone, content.chip_tip)
        self.figure.set(content.value, content.unit, tip=content.tip)
        self.facts.set_rows(content.rows)


class HardwarePage(Page):
    found = Signal(object)  # Detected, so far; emitted by the job's thread

    detect = staticmethod(detect_machine)
    measure = staticmethod(measure_machine)

    def __init__(self, services: Services) -> None:
        super().__init__(
            translate("Hardware", "This machine"),
            translate(
                "Hardware",
                "What is here, how it was found, and what it can run. Nothing leaves this computer.",
            ),
        )
        self._services = services
        self._job: Job | None = None
        self.turn = Turn(self, services.runner, "hardware")
        self._known: Detected | None = None
        self._began_s = 0.0
        self._cards = {key: MachineCard(spec.title, spec.term) for key, spec in self._specs().items()}
        self._cards["bandwidth"].activated.connect(lambda _key: self.measure_again())
        self.model = TableModel(hardware_frameworks.columns())
        self._lay_out()
        self._again = self.make_action(self.tr("Detect again"), self.start)
        self._stop = self.make_action(self.tr("Stop"), self.stop, danger=True)
        self.found.connect(self._show_so_far)
        self.set_state(primary=self.tr("Next: model"), actions=(self._again,))

    def card(self, key: str) -> MachineCard:
        return self._cards[key]

    def on_enter(self) -> None:
        """The first time, once the window is there: looking begins by itself."""
        if self._services.store.state.hardware is None and self._job is None:
            QTimer.singleShot(FIRST_PAINT_MS, self, self.start)

    def start(self) -> None:
        """As soon as nothing else measures."""
        if self._job is None:
            self.turn.take(self._start)

    def _start(self) -> None:
        if self._job is not None:
            return
        self.clear_error()
        self._known = None
        self._show_frameworks(None)
        self._began_s = time.monotonic()
        self._run(
            lambda job: self.detect(job, self.found.emit), self._detected, self.tr("Looking at this machine")
        )

    def measure_again(self) -> None:
        """Bandwidth and arithmetic only, before one's eyes."""
        self.turn.take(self._measure)

    def _measure(self) -> None:
        hardware = self._services.store.state.hardware
        if self._job is None and hardware is not None:
            self.clear_error()
            self._run(
                lambda job: self.measure(hardware, job), self._measured, self.tr("Measuring this machine")
            )

    def stop(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def _run(self, action: Callable[[JobContext], Any], ended: Callable[[Terminal], None], what: str) -> None:
        def finished(terminal: Terminal) -> None:
            self._job = None
            self.set_state(busy=False, progress=False, actions=(self._again,))
            ended(terminal)

        self.set_state(status=what, busy=True, progress=True, fraction=None, actions=(self._stop,))
        self._job = self.turn.run(action, finished, self._hear)

    def _hear(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Progress):
                self._show_progress(event)
        for metric in (BANDWIDTH, COMPUTE):
            latest = [e for e in events if isinstance(e, Sample) and e.metric == metric]
            if latest:
                self._show_sample(latest[-1])

    def _show_progress(self, event: Progress) -> None:
        changes: dict[str, Any] = {"status": event.what} if event.what else {}
        if event.fraction is not None:
            changes["fraction"] = event.fraction
        self.set_state(**changes)

    def _show_sample(self, sample: Sample) -> None:
        """The figure grows while the machine is measured."""
        card = self._cards["bandwidth"]
        card.chip.set_state(self.tr("measuring…"), Tone.SOFT)
        if sample.metric == BANDWIDTH:
            value = units.number(sample.value / 1e9)
            card.figure.set(value, self.tr("GB/s so far"), tip=explain("bandwidth"))
        self.set_state(fraction=0.6 + 0.4 * sample.t_s)

    def _show_so_far(self, found: Detected) -> None:
        if self._job is None or self._job.cancelled:
            return
        self._known = found
        self._show_machine(found.hardware, waiting=True)
        if found.availability:
            self._show_frameworks(found)

    def _detected(self, terminal: Terminal) -> None:
        if isinstance(terminal, Result):
            self._known = terminal.payload
        elif isinstance(terminal, Failed):
            self.show_error(terminal)
        known = self._known
        if known is None or not known.availability:
            self._nothing_known()
            return
        self._services.store.update(
            self._services.store.state.with_hardware(known.hardware, known.availability)
        )
        took = units.duration(time.monotonic() - self._began_s)
        done = self.tr("Detected in {0}") if isinstance(terminal, Result) else self.tr("Stopped after {0}")
        self._show_machine(known.hardware)
        self._show_frameworks(known)
        self.set_state(status=done.format(took), can_continue=True)

    def _nothing_known(self) -> None:
        for card in self._cards.values():
            card.chip.set_state(self.tr("not looked at"), Tone.NEUTRAL)
        self.set_state(status=self.tr("This machine has not been looked at yet"))

    def _measured(self, terminal: Terminal) -> None:
        state = self._services.store.state
        hardware = state.hardware
        assert hardware is not None
        if isinstance(terminal, Result):
            hardware = replace(hardware, throughput=terminal.payload)
            self._services.store.update(state.with_hardware(hardware, state.availability))
        elif isinstance(terminal, Failed):
            self.show_error(terminal)
        self._show_machine(hardware)
        self.set_state(status=self.tr("Measured again") if isinstance(terminal, Result) else "")

    def _show_machine(self, profile: HardwareProfile, waiting: bool = False) -> None:
        for key, spec in self._specs().items():
            if not (waiting and key == "bandwidth"):
                self._cards[key].show_content(spec.say(profile))
        if waiting:
            self._cards["bandwidth"].chip.set_state(self.tr("comes next"), Tone.NEUTRAL)

    def _show_frameworks(self, found: Detected | None) -> None:
        manifests = registry.manifests()
        rule = None
        statuses: dict[str, EnvironmentStatus] = {}
        if found is not None:
            from backends.actions.recommend import rule_book

            rule = rule_book().rule_for(found.hardware)
            environments = Environments(app_paths().environments)
            statuses = {manifest.name: environments.status(manifest) for manifest in manifests}
        answers = found.availability if found is not None else {}
        self.model.set_rows(hardware_frameworks.rows(manifests, answers, statuses, rule))

    def _specs(self) -> dict[str, CardSpec]:
        return {
            "processor": CardSpec(self.tr("Processor"), hardware_words.processor),
            "bandwidth": CardSpec(
                self.tr("Memory bandwidth"),
                lambda profile: hardware_words.bandwidth(profile.throughput),
                explain("bandwidth"),
            ),
            "memory": CardSpec(self.tr("Memory"), hardware_words.memory),
            "graphics": CardSpec(self.tr("Graphics"), hardware_devices.graphics),
            "neural": CardSpec(self.tr("Neural processor"), hardware_devices.neural, explain("npu")),
            "power": CardSpec(self.tr("Power"), hardware_devices.power),
        }

    def _lay_out(self) -> None:
        grid = CardGrid(min_width=280)
        for card in self._cards.values():
            grid.addWidget(card)
        self.add(grid)
        self.table = Table(self.model)
        self.table.setAccessibleName(self.tr("Frameworks"))
        self.table.link_activated.connect(lambda _row, key: self.navigate.emit(key))
        self.add(Card().add(self.table).tight())
        self.end()
        self._show_frameworks(None)
