"""Peak memory of the configurations, split twice: by what it is for, and by where it lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QObject

from backends.domain.metric import MemoryReading
from gui.charts.bar_chart import Bar, BarChart
from gui.widgets import units
from gui.widgets.terms import explain
from gui.wizard.pages.entries import Entry
from gui.wizard.pages.saving import ChartCard

MEGA = 1e6


def by_use(memory: MemoryReading) -> tuple[float, float, float, float]:
    """Weights, KV cache, runtime alone and the rest, in bytes; together they are the peak.

    A mapped file need not be read whole, so each part is no larger than what is left of the peak.
    """
    left = float(memory.total_peak_bytes)
    parts = []
    for size in (memory.weights_bytes, memory.kv_cache_bytes or 0, memory.baseline_bytes):
        part = min(float(size), left)
        parts.append(part)
        left -= part
    return parts[0], parts[1], parts[2], left


def by_kind(memory: MemoryReading) -> tuple[float, float] | None:
    """Anonymous and file-backed bytes at the peak; ``None`` where the system does not tell them apart."""
    if memory.anonymous_peak_bytes is None or memory.file_peak_bytes is None:
        return None
    return float(memory.anonymous_peak_bytes), float(memory.file_peak_bytes)


class MemoryCharts(QObject):
    def __init__(self, entries: Sequence[Entry], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._entries = tuple(entries)
        self.use = BarChart(
            self.tr("Peak memory, MB"),
            "MB",
            parts=(
                self.tr("weights"),
                self.tr("KV cache"),
                self.tr("runtime alone"),
                self.tr("working memory"),
            ),
        )
        self.kind = BarChart(
            self.tr("Where it lies, MB"), "MB", parts=(self.tr("anonymous"), self.tr("file-backed"))
        )
        self.use_card = ChartCard(
            self.use,
            explain("peak memory"),
            self.tr(
                "From solid to pale: weights · KV cache · runtime alone · working memory."
                " Measured in a run of its own."
            ),
        )
        self.kind_card = ChartCard(
            self.kind,
            explain("file-backed"),
            self.tr("Solid: anonymous · pale: file-backed, which the system can drop and read again."),
        )

    def show(self, readings: Mapping[str, MemoryReading | None]) -> None:
        """``readings`` by label."""
        use = tuple(self._use_bar(entry, readings.get(entry.label)) for entry in self._entries)
        if use == self.use.bars:
            return
        self.use.set_bars(use)
        self.kind.set_bars([self._kind_bar(entry, readings.get(entry.label)) for entry in self._entries])

    def _use_bar(self, entry: Entry, memory: MemoryReading | None) -> Bar:
        if memory is None:
            return Bar(entry.short, (), entry.hue, text=self.tr("not yet measured"))
        note = self.tr("{0}; the runtime alone takes {1}")
        return Bar(
            entry.short,
            tuple(part / MEGA for part in by_use(memory)),
            entry.hue,
            note=note.format(memory.source, units.size(memory.baseline_bytes)),
        )

    def _kind_bar(self, entry: Entry, memory: MemoryReading | None) -> Bar:
        if memory is None:
            return Bar(entry.short, (), entry.hue, text=self.tr("not yet measured"))
        parts = by_kind(memory)
        if parts is None:
            return Bar(entry.short, (), entry.hue, text=self.tr("not told by this system"))
        return Bar(entry.short, tuple(part / MEGA for part in parts), entry.hue, note=memory.source)
