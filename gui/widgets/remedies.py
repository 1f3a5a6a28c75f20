"""Remedies as the window gives them: what a command would mend, a page does here."""

from __future__ import annotations

import re

from PySide6.QtCore import QCoreApplication

translate = QCoreApplication.translate
_COMMAND = re.compile(r"Run “edgewright frameworks(?: (install|repair) [\w.-]+)?”")
_IN_THE_TERMINAL = re.compile(r" \((?:edgewright |--)[^()]*\)")  # how a command line does it


def in_window(text: str) -> str:
    """``text`` with a page in place of “edgewright frameworks …”, and without what the engine adds in
    parentheses for whoever works in a terminal: “(--file)”, “(edgewright bench --resume)”."""
    return _COMMAND.sub(lambda found: _page(found[1]), _IN_THE_TERMINAL.sub("", text))


def _page(verb: str | None) -> str:
    if verb == "install":
        return translate("Remedies", "Install it on the page “Frameworks”")
    if verb == "repair":
        return translate("Remedies", "Repair it on the page “Frameworks”")
    return translate("Remedies", "Look at the page “Frameworks”")
