"""Appearance, how deeply to measure, what reads energy, what the gates ask for, and where things are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QButtonGroup, QCheckBox, QDoubleSpinBox, QGridLayout, QRadioButton

from backends.benchmarking.protocol import STANDARD
from backends.domain.gate import Gate
from backends.optimization.gates import default_gates, known_thresholds
from gui.theme.theme import Scheme
from gui.widgets.card import Card
from gui.widgets.flow import CardGrid
from gui.widgets.terms import explain
from gui.widgets.text import Role, label
from gui.wizard.page import Page
from gui.wizard.pages.measured_words import COUNTS, PARTS, gate_name
from gui.wizard.pages.settings_energy import EnergyCard
from gui.wizard.pages.settings_folders import FoldersCard

if TYPE_CHECKING:
    from gui.app import Services


class SettingsPage(Page):
    """Every change counts at once; there is nothing to confirm."""

    def __init__(self, services: Services) -> None:
        super().__init__(QCoreApplication.translate("Settings", "Settings"))
        self._services = services
        self.header.set_text(self.title, self.tr("Changes count at once and are kept on this computer."))
        grid = CardGrid(min_width=400, max_columns=2)
        self.boxes: dict[str, QDoubleSpinBox] = {}
        self.schemes = self._choices(
            (
                (Scheme.SYSTEM.value, self.tr("As the system"), ""),
                (Scheme.LIGHT.value, self.tr("Light"), ""),
                (Scheme.DARK.value, self.tr("Dark"), ""),
            )
        )
        self.depths = self._choices(self._depth_texts())
        self.energy, self.folders = EnergyCard(services), FoldersCard(services)
        for card in (self._appearance(), self._depth(), self.energy, self._gates(), self.folders):
            grid.addWidget(card)
        self.add(grid)
        self.end()
        self._defaults = self.make_action(self.tr("Gates as they came"), self.reset_gates)
        self._read()

    def on_enter(self) -> None:
        self._read()
        self.folders.read()

    def reset_gates(self) -> None:
        self._services.settings.change(gate_thresholds={})
        self._read()

    def _read(self) -> None:
        """Show what is in force."""
        value = self._services.settings.value
        for name, button in (*self.schemes.items(), *self.depths.items()):
            button.setChecked(name in (value.theme, value.benchmark_depth))
        self.energy.read()
        self.stress.setChecked(value.benchmark_stress)
        thresholds = known_thresholds(value.gate_thresholds)
        for name, box in self.boxes.items():
            gate = default_gates()[name]
            box.blockSignals(True)
            box.setValue(thresholds.get(name, gate.threshold) * _factor(gate))
            box.blockSignals(False)
        self._defaults.setEnabled(bool(thresholds))
        self.set_state(actions=(self._defaults,))

    def _choices(self, texts: tuple[tuple[str, str, str], ...]) -> dict[str, QRadioButton]:
        group = QButtonGroup(self)
        buttons = {}
        for name, text, tip in texts:
            button = QRadioButton(text)
            button.setToolTip(tip)
            group.addButton(button)
            buttons[name] = button
        return buttons

    def _appearance(self) -> Card:
        card = Card(self.tr("Appearance"))
        for name, button in self.schemes.items():
            button.clicked.connect(lambda _checked=False, name=name: self._choose_theme(name))
            card.add(button)
        return card.end()

    def _depth(self) -> Card:
        card = Card(self.tr("Depth of a benchmark"), tip=explain("pair"))
        for name, button in self.depths.items():
            button.clicked.connect(lambda _checked=False, name=name: self._choose_depth(name))
            card.add(button)
        self.stress = QCheckBox(self.tr("A stress run of each configuration"))
        self.stress.setToolTip(
            self.tr("Loaded again and again, in sessions at once, at a long context. The gate asks for it.")
        )
        self.stress.clicked.connect(lambda on: self._services.settings.change(benchmark_stress=on))
        card.add(self.stress)
        took = self.tr("It takes half a minute each for a small model at Quick, minutes for large ones.")
        card.add(label(took, Role.NOTE, wrap=True))
        note = self.tr(
            "A run ends as soon as every claim is decided; claims are made after these pairs only."
        )
        return card.add(label(note, Role.NOTE, wrap=True)).end()

    def _depth_texts(self) -> tuple[tuple[str, str, str], ...]:
        most = STANDARD.most_pairs
        return (
            ("quick", self.tr("Quick: 6 pairs, about a minute each"), ""),
            ("standard", self.tr("Standard: 6, 12 or {0} pairs").format(most), ""),
            (
                "thorough",
                self.tr("Thorough: as standard, from three fresh processes"),
                self.tr("Luck in the layout of memory then does not decide; for certificates."),
            ),
        )

    def _gates(self) -> Card:
        card = Card(self.tr("Gates"), tip=explain("gate"))
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(0, 1)
        for row, gate in enumerate(g for g in default_gates().values() if g.name not in COUNTS):
            name = label(gate_name(gate.name))
            sign = label("≥" if gate.at_least else "≤", Role.MUTED)
            box = self._box(gate)
            name.setBuddy(box)
            for column, widget in enumerate((name, sign, box)):
                grid.addWidget(widget, row, column)
        card.add(grid)
        note = self.tr("A run is judged by the gates that hold when it starts, and keeps them.")
        return card.add(label(note, Role.NOTE, wrap=True)).end()

    def _box(self, gate: Gate) -> QDoubleSpinBox:
        box = QDoubleSpinBox()
        times = gate.name in PARTS
        box.setRange(0.0, 100.0)
        box.setDecimals(2 if times else 1)
        box.setSingleStep(0.05 if times else 1.0)
        box.setSuffix("×" if times else " %")
        box.setAlignment(Qt.AlignmentFlag.AlignRight)
        box.setAccessibleName(gate_name(gate.name))
        box.setToolTip(self._usual(gate))
        box.setKeyboardTracking(False)
        box.valueChanged.connect(lambda value: self._change_gate(gate, value))
        self.boxes[gate.name] = box
        return box

    def _usual(self, gate: Gate) -> str:
        usual = f"{gate.threshold:g}×" if gate.name in PARTS else f"{gate.threshold:.0%}"
        return self.tr("As it came: {0}").format(usual)

    def _choose_theme(self, name: str) -> None:
        self._services.settings.change(theme=name)
        self._services.theme.choose(Scheme(name))

    def _choose_depth(self, name: str) -> None:
        self._services.settings.change(benchmark_depth=name)

    def _change_gate(self, gate: Gate, shown: float) -> None:
        thresholds = known_thresholds(self._services.settings.value.gate_thresholds)
        thresholds[gate.name] = round(shown / _factor(gate), 6)
        if thresholds[gate.name] == gate.threshold:
            del thresholds[gate.name]
        self._services.settings.change(gate_thresholds=thresholds)
        self._defaults.setEnabled(bool(thresholds))


def _factor(gate: Gate) -> float:
    """Shares are shown as percent."""
    return 1.0 if gate.name in PARTS else 100.0
