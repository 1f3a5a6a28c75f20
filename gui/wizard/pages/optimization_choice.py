"""What is to be made in stages: the recommendation of the moment, or one of the wizard's choices."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox

from backends.workflow.wizard import Choice, WizardState


class WhatToMake(QComboBox):
    """The data of an entry is a :class:`Choice`, or ``None`` for what is recommended then."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(self.tr("Framework and precision"))

    def offer(self, state: WizardState) -> None:
        """What the wizard has chosen, below the recommendation of the moment; the entry taken stays taken."""
        wanted: Choice | None = self.currentData()
        self.clear()
        self.addItem(self.tr("What is recommended for this machine"), None)
        ranked = state.recommendation.offered if state.recommendation else ()
        names = {Choice.of(one): f"{one.title} {one.precision}" for one in ranked}
        for choice in state.chosen:
            self.addItem(names.get(choice, f"{choice.framework} {choice.precision}"), choice)
        self.setCurrentIndex(max(0, self.findData(wanted) if wanted else 0))
