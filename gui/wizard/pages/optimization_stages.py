"""The card of one stage: what became of it, why, and what was tried."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from backends.domain.result import Stage, Trial
from gui.theme.tone import Tone
from gui.widgets.card import StatusCard
from gui.widgets.remedies import in_window
from gui.widgets.text import Role, label
from gui.widgets.units import duration
from gui.wizard.pages.optimization_work import outcome_chip, step_means, step_name

MOST_TRIALS = 6


class StageCard(StatusCard):
    """Waiting, running, or decided: with as many attempts as the stage had."""

    def __init__(self, step: str, parent: QWidget | None = None) -> None:
        super().__init__(step_name(step), tip=step_means(step), parent=parent)
        self.step = step
        self.what = label("", Role.STRONG, wrap=True)
        self.evidence = label("", Role.BODY, wrap=True)
        self.tried = label("", Role.NOTE, wrap=True)
        for line in (self.what, self.evidence, self.tried):
            self.add(line)
        self.end()
        self.wait()

    def wait(self) -> None:
        self.chip.set_state(self.tr("waiting"), Tone.NEUTRAL, self.tr("Its turn has not come yet."))
        self._say("", step_means(self.step), "")

    def run(self, what: str, left: str) -> None:
        """``what`` is being done now; ``left`` of the whole run."""
        self.chip.set_state(self.tr("running"), Tone.SOFT)
        self._say("", what or step_means(self.step), left)

    def stop(self) -> None:
        self.chip.set_state(self.tr("stopped"), Tone.NEUTRAL, self.tr("It was not decided."))
        self._say("", step_means(self.step), "")

    def show_stages(self, stages: Sequence[Stage]) -> None:
        """All attempts; the chip is that of the one that went on, else of the last."""
        told = next((stage for stage in stages if stage.verdict == "kept"), stages[-1])
        self.chip.set_state(*outcome_chip(told.verdict))
        names = [stage.result.label for stage in stages if stage.result]
        took = self.tr("took {0}").format(duration(sum(stage.took_s for stage in stages)))
        trials = [trial for stage in stages for trial in stage.trials]
        self._say(
            ", ".join(names), self._sentences(stages), " · ".join(filter(None, (self._tried(trials), took)))
        )

    def _sentences(self, stages: Sequence[Stage]) -> str:
        if len(stages) == 1:
            return " ".join(stages[0].evidence)
        return "\n".join(
            f"{stage.result.label if stage.result else step_name(stage.name)}: {stage.evidence[0]}"
            for stage in stages
        )

    def _tried(self, trials: Sequence[Trial]) -> str:
        if not trials:
            return ""
        shown = [f"{one.setting} {self._gain(one)}" for one in trials[:MOST_TRIALS]]
        more = self.tr("and {0} more").format(len(trials) - MOST_TRIALS) if len(trials) > MOST_TRIALS else ""
        return self.tr("Tried: {0}").format(", ".join(filter(None, (*shown, more))))

    def _gain(self, trial: Trial) -> str:
        return self.tr("failed") if trial.gain is None else f"{trial.gain:.2f}×"

    def _say(self, what: str, evidence: str, tried: str) -> None:
        for widget, text in ((self.what, what), (self.evidence, in_window(evidence)), (self.tried, tried)):
            if widget.text() != text:
                widget.setText(text)
            widget.setVisible(bool(text))
