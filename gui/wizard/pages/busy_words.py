"""How a run says that other programs disturb it."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from gui.wizard.pages.live import BUSY, LiveRun

translate = QCoreApplication.translate


def busy_sentence(live: LiveRun) -> str:
    """Who uses the machine, just now or before measuring; empty where nobody does."""
    if live.busy:
        return translate("Busy", "Just now: {0}.").format(live.busy)
    if live.disturbed:
        return translate("Busy", "Calm now; {0} readings were disturbed so far.").format(live.disturbed)
    return " ".join(_sentence(text.removeprefix(BUSY)) for text in live.warnings)


def busy_remedy() -> str:
    return translate(
        "Busy", "Figures are more certain when other programs rest. Disturbed pairs are repeated once."
    )


def disturbed_words(count: int) -> tuple[str, str]:
    """After a run: how many readings were disturbed, and what that means."""
    return (
        translate("Busy", "{0} readings were disturbed while this was measured.").format(count),
        translate("Busy", "All are kept, and widen the intervals. A calmer machine gives narrower ones."),
    )


def _sentence(text: str) -> str:
    """With a capital first letter; names of programs stay as they are."""
    return text[:1].upper() + text[1:]
