"""What came of fine-tuning, in a card."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QPushButton

from backends.domain.finetuning import FineTuned
from gui.widgets import units
from gui.widgets.card import Card
from gui.widgets.facts import FactGrid, FactRow
from gui.widgets.figure import Figure
from gui.widgets.text import Role, label


class ResultCard(Card):
    """Before and after, on the lines held out; sizes; and the ways on."""

    def __init__(self) -> None:
        super().__init__("")
        self.set_title(self.tr("What came of it"))
        tip = self.tr("Mean loss of a token on the lines held out, in nats, by mlx-lm's own evaluation.")
        self.before, self.after = Figure(tip=tip), Figure(tip=tip)
        figures = QHBoxLayout()
        figures.setSpacing(24)
        figures.addWidget(self.before)
        figures.addWidget(self.after)
        self.facts = FactGrid()
        self.warnings = label("", Role.NOTE, wrap=True)
        self.use = QPushButton(self.tr("Use this model"))
        self.use.setToolTip(self.tr("Choose it in the wizard, to be made smaller and measured."))
        self.compare = QPushButton(self.tr("Measure against its base"))
        buttons = QHBoxLayout()
        buttons.setSpacing(12)
        buttons.addWidget(self.use)
        buttons.addWidget(self.compare)
        buttons.addStretch(1)
        self.add(figures).add(self.facts).add(self.warnings).add(buttons).end()
        self.hide()

    def show_result(self, tuned: FineTuned) -> None:
        perplexity = self.tr("perplexity {0}")
        before, after = units.number(tuned.perplexity_before), units.number(tuned.perplexity_after)
        self.before.set(f"{tuned.loss_before:.3f}", self.tr("loss before"), perplexity.format(before))
        self.after.set(f"{tuned.loss_after:.3f}", self.tr("loss after"), perplexity.format(after))
        learned = self.tr("{0} lines, {1} tokens").format(
            f"{tuned.training_lines:,}", f"{tuned.trained_tokens:,}"
        )
        self.facts.set_rows(
            (
                FactRow(
                    self.tr("Model"), str(tuned.artifact.path), self.tr("Fused and read back from disk.")
                ),
                FactRow(self.tr("Size"), units.size(tuned.artifact.size_bytes)),
                FactRow(
                    self.tr("Adapters"),
                    units.size(tuned.adapter_bytes),
                    note=self.tr("{0} parameters trained").format(f"{tuned.trained_parameters:,}"),
                ),
                FactRow(self.tr("Learned from"), learned),
                FactRow(
                    self.tr("Peak memory"), units.size(tuned.peak_bytes), self.tr("As MLX counts, training.")
                ),
                FactRow(self.tr("Took"), units.duration(tuned.took_s)),
            )
        )
        self.warnings.setText("\n".join(tuned.warnings))
        self.warnings.setVisible(bool(tuned.warnings))
        self.show()
