"""The cards about one configuration: its gates, what limits it, what really ran, and the proof."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QWidget

from backends.domain.gate import GateResult, Verdict
from gui.models.cells import Cell, ChipCell, TextCell
from gui.models.table import Column, TableModel
from gui.theme.tone import Tone
from gui.widgets.card import Card, StatusCard
from gui.widgets.facts import FactGrid, FactRow
from gui.widgets.figure import Figure
from gui.widgets.table import Table
from gui.widgets.terms import explain
from gui.widgets.text import Role, label
from gui.wizard.pages import sameness_words
from gui.wizard.pages.measured_words import gate_name, gate_needs, gate_value, state_chip, verdict_chip
from gui.wizard.pages.run_report import Point, RunReport

MOST_FINDINGS = 2


@dataclass(frozen=True)
class GateRow:
    found: GateResult

    def value(self) -> Cell:
        text, second = gate_value(self.found)
        measured = self.found.value is not None
        return TextCell(text, second=second, bold=measured, muted=not measured, tip=self.found.evidence)

    def verdict(self) -> Cell:
        return ChipCell(*verdict_chip(self.found.verdict), self.found.evidence)


class GatesCard(StatusCard):
    """The recommended point, or another one: ``chosen`` names the configuration the user wants to see."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", tip=explain("gate"), parent=parent)
        self.set_title(self.tr("Recommended point"))
        self.figure = Figure()
        self.reason = label("", Role.NOTE, wrap=True)
        self.empty = label("", Role.MUTED, wrap=True)
        self.model: TableModel[GateRow] = TableModel(self._columns())
        self.table = Table(self.model)
        self.table.setAccessibleName(self.tr("Gates"))
        self.box = QComboBox()
        self.box.setAccessibleName(self.tr("Configuration to show"))
        self.box.activated.connect(lambda index: self.chosen.emit(self.box.itemData(index)))
        for widget in (self.figure, self.reason, self.table, self.empty):
            self.add(widget)
        self.body.addStretch(1)
        self.add(self.box)

    def set_points(self, report: RunReport) -> None:
        self.box.clear()
        for point in report.points:
            mark = self.tr("{0}, recommended") if point.label == report.recommended else "{0}"
            self.box.addItem(mark.format(point.label), point.label)
        self.box.setVisible(len(report.points) > 1)

    def show_point(self, report: RunReport, point: Point) -> None:
        best = point.label == report.recommended
        self.set_title(self.tr("Recommended point") if best else self.tr("Chosen configuration"))
        name, _, opened = point.label.partition(", ")  # what acceleration found stands after the precision
        self.figure.set(name, interval=opened, tip=point.label)
        self.box.setCurrentIndex(self.box.findData(point.label))
        self.reason.setText(self._reason(report, point))
        self.reason.setVisible(bool(self.reason.text()))
        self.model.set_rows([GateRow(found) for found in point.gates])
        self.table.setVisible(bool(point.gates))
        self.empty.setText(self._why_no_gates(point))
        self.empty.setVisible(not point.gates)
        self._show_chip(point)

    def _columns(self) -> list[Column[GateRow]]:
        return [
            Column(self.tr("Gate"), lambda row: gate_name(row.found.gate.name), stretch=True),
            Column(self.tr("Value"), GateRow.value, right=True, term=explain("confidence interval")),
            Column(
                self.tr("Needs"), lambda row: TextCell(gate_needs(row.found.gate), muted=True), right=True
            ),
            Column("", GateRow.verdict),
        ]

    def _reason(self, report: RunReport, point: Point) -> str:
        if point.label == report.recommended:
            return report.reason
        return self.tr("Recommended is {0}.").format(report.recommended) if report.recommended else ""

    def _why_no_gates(self, point: Point) -> str:
        if point.result.failure:
            return point.result.failure
        if point.original:
            return self.tr("The original has no gates: it is what the others are held against.")
        return self.tr("The run ended before its gates were judged.")

    def _show_chip(self, point: Point) -> None:
        passed = sum(found.verdict is Verdict.PASS for found in point.gates)
        failed = any(found.verdict is Verdict.FAIL for found in point.gates)
        self.chip.setVisible(bool(point.gates))
        tone = Tone.OK if passed == len(point.gates) else Tone.BAD if failed and not passed else Tone.WARN
        text = self.tr("{0} of {1} gates").format(passed, len(point.gates))
        self.chip.set_state(text, tone, self.tr("Gates that are surely met"))


class FindingsCard(Card):
    """What slows it down, with the evidence, and what to try."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.evidence = label("", wrap=True)
        self.advice = label("", Role.STRONG, wrap=True)
        self.add(self.evidence).add(self.advice).end()

    def show_point(self, point: Point) -> None:
        found = point.findings[:MOST_FINDINGS]
        self.set_title(found[0].title if found else self.tr("What limits it"))
        nothing = self.tr("Nothing stands out: no fallback, no disturbance and no limit was found.")
        self.evidence.setText(found[0].evidence if found else nothing)
        advice = [found[0].suggestion] if found else []
        advice += [f"{other.title}: {other.suggestion}" for other in found[1:]]
        self.advice.setText("\n".join(advice))
        self.advice.setVisible(bool(advice))


class WhatRanCard(Card):
    """Read back from the file and told by the engine: not what was asked for."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.set_title(self.tr("What really ran"))
        self.facts = FactGrid()
        self.warnings = label("", Role.BAD, wrap=True)
        self.add(self.facts).add(self.warnings).end()

    def show_point(self, report: RunReport, point: Point) -> None:
        self.facts.set_rows(self._rows(report, point))
        artifact, engine = point.result.configuration.artifact, point.result.engine
        warnings = dict.fromkeys((*artifact.warnings, *(engine.warnings if engine else ())))
        self.warnings.setText("\n".join(warnings))
        self.warnings.setVisible(bool(warnings))

    def _rows(self, report: RunReport, point: Point) -> list[FactRow]:
        artifact, engine = point.result.configuration.artifact, point.result.engine
        types = " · ".join(f"{name} {count}" for name, count in artifact.contents.tensor_types.items())
        source = self.tr("Read back from {0}").format(artifact.path.name)
        rows = [
            FactRow(self.tr("Tensors"), types or self.tr("not told"), source, term=explain("tensor types")),
            FactRow(
                self.tr("Bits per weight"),
                f"{artifact.contents.bits_per_weight:.2f}",
                source,
                term=explain("bits per weight"),
            ),
            *sameness_words.rows(artifact),
        ]
        if engine is None:
            return [*rows, FactRow(self.tr("Engine"), self.tr("never opened"))]
        told = self.tr("Told by the engine after opening")
        framework = f"{artifact.framework_title or artifact.framework} {engine.version}"
        return [
            *rows,
            FactRow(self.tr("Engine"), framework, told, note="\n".join(engine.details[:1])),
            FactRow(self.tr("Device"), engine.device, told),
            FactRow(self.tr("Threads"), self._threads(report, engine.threads), told),
        ]

    def _threads(self, report: RunReport, threads: int) -> str:
        machine = report.record.machine
        logical = machine.processor.logical_cores.value if machine else None
        return self.tr("{0} of {1}").format(threads, logical) if logical else str(threads)


class ProofCard(Card):
    """What the figures rest on, and where to find it again."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.set_title(self.tr("Proof"))
        self.facts = FactGrid()
        self.add(self.facts).end()

    def show_point(self, report: RunReport, point: Point) -> None:
        disturbed = self.tr("{0} disturbed, kept").format(point.disturbed) if point.disturbed else ""
        self.facts.set_rows(
            [
                FactRow(self.tr("Raw samples"), self._pairs(point), note=disturbed, term=explain("pair")),
                FactRow(self.tr("Quality"), self._quality(point)),
                FactRow(self.tr("Run"), report.record.run_id, self.tr("The name of this run in History")),
                FactRow(
                    self.tr("Measured"),
                    local_time(report.record.started_at),
                    note=state_chip(report.record.state)[0],
                ),
            ]
        )

    def _pairs(self, point: Point) -> str:
        if not point.pairs:
            return self.tr("none")
        return self.tr("{0} pairs").format(point.pairs)

    def _quality(self, point: Point) -> str:
        score, fidelity = point.result.quality, point.result.fidelity
        parts = []
        if score is not None:
            items = self.tr("{0} task items") if score.kind == "accuracy" else self.tr("{0} samples")
            parts.append(items.format(f"{score.items:,}"))
        if fidelity is not None:
            parts.append(self.tr("{0} tokens of text").format(f"{fidelity.tokens:,}"))
        if point.result.output_fidelity is not None:
            parts.append(self.tr("{0} samples").format(f"{point.result.output_fidelity.samples:,}"))
        return " · ".join(parts) or self.tr("not measured")


def local_time(iso: str) -> str:
    """In the user's own time zone, to the minute."""
    return datetime.fromisoformat(iso).astimezone().strftime("%Y-%m-%d %H:%M")
