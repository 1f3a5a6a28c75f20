"""What a user waits for at first: loading, and the first token behind it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication
from PySide6.QtWidgets import QWidget

from backends.domain.metric import StartUp
from backends.domain.result import ConfigurationResult
from gui.models.cells import Cell, figure
from gui.widgets import units
from gui.wizard.pages.comparison_card import ComparisonCard, Read, Results, present_columns
from gui.wizard.pages.measured_words import say
from gui.wizard.pages.result_table import ResultColumn


class StartUpCard(ComparisonCard):
    def __init__(self, parent: QWidget | None = None) -> None:
        note = QCoreApplication.translate(
            "StartUpCard",
            "Single readings in processes of their own, apart from the timed ones; they rank nothing.",
        )
        title = QCoreApplication.translate("StartUpCard", "Starting up")
        super().__init__(title, note, start_up_columns, parent)


def start_up_columns(results: Results) -> list[ResultColumn]:
    """A load is called cold only where the files of all had left the page cache."""
    read = [result.start_up for result in results if result.start_up]
    is_cold = bool(read) and all(one.is_cold for one in read)
    cold, first = QT_TRANSLATE_NOOP("Measured", "Cold load"), QT_TRANSLATE_NOOP("Measured", "First load")
    warm = say(QT_TRANSLATE_NOOP("Measured", "Warm load"))
    token = say(QT_TRANSLATE_NOOP("Measured", "First token after load"))
    return present_columns(
        results,
        (
            (
                say(cold if is_cold else first),
                _time(lambda one: one.first_load_s),
                "cold load" if is_cold else "first load",
            ),
            (warm, _time(lambda one: one.warm_load_s), "warm load"),
            (token, _time(lambda one: one.first_token_s), "first token"),
            (say(QT_TRANSLATE_NOOP("Measured", "From text to token")), _from_text, "from text"),
        ),
    )


def _time(of: Callable[[StartUp], float | None]) -> Read:
    def read(result: ConfigurationResult) -> Cell | None:
        time_s = of(result.start_up) if result.start_up else None
        return None if time_s is None else figure(units.milliseconds(time_s), bold=False)

    return read


def _from_text(result: ConfigurationResult) -> Cell | None:
    found = result.start_up
    if found is None or found.ttft_user_s is None:
        return None
    tokens = say(QT_TRANSLATE_NOOP("Measured", "{0} tokens")).format(f"{found.user_tokens or 0:,}")
    with_chat = say(QT_TRANSLATE_NOOP("Measured", "Laid out by the model's chat template first."))
    without = say(QT_TRANSLATE_NOOP("Measured", "The model has no chat template that could be used."))
    tip = with_chat if found.templated else without
    return figure(units.milliseconds(found.ttft_user_s), tokens, tip, bold=False)
