"""Remedies as the window gives them: what a command would mend, a page does here."""

from __future__ import annotations

import re

from PySide6.QtCore import QCoreApplication

translate = QCoreApplication.translate
_COMMAND = re.compile(r"Run “edgewright frameworks(?: (install|repair) [\w.-]+)?”")


def in_window(text: str) -> str:
    """``text`` with a page in place of “edgewright frameworks …”; anything else stays as it is."""
    return _COMMAND.sub(lambda found: _page(found[1]), text)


def _page(verb: str | None) -> str:
    if verb == "install":
        return translate("Remedies", "Install it on the page “Frameworks”")
    if verb == "repair":
        return translate("Remedies", "Repair it on the page “Frameworks”")
    return translate("Remedies", "Look at the page “Frameworks”")
