"""The one error dialog. Errors that come while it is open join it; the same one again is only counted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from gui.widgets.log_view import LogView
from gui.widgets.remedies import in_window
from gui.widgets.text import Role, label

if TYPE_CHECKING:
    from gui.errors import ErrorReport


class ErrorDialog(QDialog):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("A problem – Edgewright"))
        self._reports: dict[str, ErrorReport] = {}
        self._counts: dict[str, int] = {}
        self.sentence = label("", Role.STRONG, wrap=True)
        self.remedy = label("", wrap=True)
        self.more = label("", Role.MUTED, wrap=True)
        self.details = LogView()
        self.details.setAccessibleName(self.tr("Details"))
        self.toggle = QPushButton(self.tr("Show details"))
        self.copy = QPushButton(self.tr("Copy details"))
        self.dismiss = QPushButton(self.tr("Close"))
        self.dismiss.setProperty("role", "primary")
        self.dismiss.setDefault(True)
        self._lay_out()
        self.toggle.clicked.connect(self._toggle_details)
        self.copy.clicked.connect(self._copy_details)
        self.dismiss.clicked.connect(self.close)

    @property
    def count(self) -> int:
        """Different errors shown."""
        return len(self._reports)

    def add(self, told: ErrorReport) -> None:
        report = replace(told, sentence=in_window(told.sentence), remedy=in_window(told.remedy))
        key = report.key or report.sentence
        self._counts[key] = self._counts.get(key, 0) + 1
        if key not in self._reports:
            self._reports[key] = report
            self.sentence.setText(report.sentence)
            self.remedy.setText(report.remedy)
            self.remedy.setVisible(bool(report.remedy))
        self._write_more()
        self.details.setPlainText(self.details_text())

    def details_text(self) -> str:
        return "\n\n".join(self._block(key, report) for key, report in self._reports.items())

    def sizeHint(self) -> QSize:
        return QSize(560, super().sizeHint().height())

    def _block(self, key: str, report: ErrorReport) -> str:
        times = self.tr("{0} times").format(self._counts[key]) if self._counts[key] > 1 else ""
        lines = (f"{report.sentence} {report.remedy}".strip(), times, report.details.strip())
        return "\n".join(filter(None, lines))

    def _write_more(self) -> None:
        others = len(self._reports) - 1
        repeated = sum(self._counts.values()) - len(self._reports)
        parts = []
        if others:
            parts.append(self.tr("{0} other problem(s) before it.").format(others))
        if repeated:
            parts.append(self.tr("Repeated {0} time(s).").format(repeated))
        self.more.setText(" ".join(parts))
        self.more.setVisible(bool(parts))

    def _toggle_details(self) -> None:
        shown = self.details.isHidden()
        self.details.setVisible(shown)
        self.toggle.setText(self.tr("Hide details") if shown else self.tr("Show details"))
        self.adjustSize()

    def _copy_details(self) -> None:
        QGuiApplication.clipboard().setText(self.details_text())

    def _lay_out(self) -> None:
        self.details.hide()
        buttons = QHBoxLayout()
        buttons.setSpacing(12)
        buttons.addWidget(self.toggle)
        buttons.addWidget(self.copy)
        buttons.addStretch(1)
        buttons.addWidget(self.dismiss)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 24)
        column.setSpacing(12)
        for widget in (self.sentence, self.remedy, self.more):
            column.addWidget(widget)
        column.addWidget(self.details, 1)
        column.addLayout(buttons)
