"""What reads energy while something is measured, and the grid that carbon is reckoned with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QComboBox

from backends.actions.energy import BATTERY, COUNTERS, OFF, chosen_energy, chosen_grid
from backends.benchmarking.grid import WORLD, grids
from gui.widgets.card import Card
from gui.widgets.text import Role, label

if TYPE_CHECKING:
    from gui.app import Services


class EnergyCard(Card):
    """A change counts from the next run on."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self.set_title(self.tr("Energy"))
        self.source, self.grid = QComboBox(), QComboBox()
        for name, text in (
            (COUNTERS, self.tr("By counters, where there are some")),
            (BATTERY, self.tr("By a discharging battery: ten minutes each")),
            (OFF, self.tr("Not measured")),
        ):
            self.source.addItem(text, name)
        for code, grid in grids().items():
            self.grid.addItem(f"{grid.name}, {grid.grams_per_kwh:.0f} g CO₂e/kWh", code)
        self._settings = services.settings
        change = self._settings.change
        self.source.activated.connect(lambda _: change(energy=self.source.currentData()))
        self.grid.activated.connect(lambda _: change(grid=self.grid.currentData()))
        for box, text in ((self.source, self.tr("Read")), (self.grid, self.tr("Electricity"))):
            title = label(text)
            title.setBuddy(box)
            box.setAccessibleName(text)
            self.add(title).add(box)
        note = self.tr("Carbon stands beside measured energy only. Figures of {0}, {1}.")
        world = grids()[WORLD]
        self.add(label(note.format(world.year, world.source), Role.NOTE, wrap=True)).end()

    def read(self) -> None:
        """Show what is in force."""
        self.source.setCurrentIndex(self.source.findData(chosen_energy(self._settings.value)))
        self.grid.setCurrentIndex(self.grid.findData(chosen_grid(self._settings.value)))
