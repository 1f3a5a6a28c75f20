"""The side-by-side table of configurations; language and tensor models have different columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QT_TRANSLATE_NOOP

from backends.benchmarking import metrics
from backends.domain.metric import Interval
from backends.domain.model import ModelKind
from backends.domain.result import ConfigurationResult
from gui.models.cells import Cell, ChipCell, TextCell, figure
from gui.models.table import Column
from gui.theme.tone import Tone
from gui.widgets import units
from gui.widgets.terms import explain
from gui.wizard.pages.entries import Entry, label_of
from gui.wizard.pages.measured_words import NOT_MEASURED, percent_spread, rate_words, ratio_spread, say
from gui.wizard.pages.opening_words import opened_words

ResultColumn = Column[ConfigurationResult]
_ABSENT: object = QT_TRANSLATE_NOOP("Measured", "Not measured.")


def result_columns(kind: ModelKind, entries: Sequence[Entry], energy: bool = False) -> list[ResultColumn]:
    """``entries`` of the same results, for their colours; ``energy`` where any of them has it measured."""
    shown = {entry.label: entry for entry in entries}
    head = [name_column(shown)]
    own = _language_columns() if kind is ModelKind.LANGUAGE else _tensor_columns()
    return head + own + _common_columns() + (_energy_columns() if energy else [])


def name_column(shown: Mapping[str, Entry]) -> ResultColumn:
    def name(result: ConfigurationResult) -> TextCell:
        label = label_of(result)
        entry = shown.get(label)
        hue = entry.hue if entry else None
        opened = opened_words(result.configuration)
        return TextCell(label, second=opened, hue=hue, bold=True, tip=result.failure)

    return Column(say(QT_TRANSLATE_NOOP("Measured", "Configuration")), name, stretch=True)


def _language_columns() -> list[ResultColumn]:
    return [
        _rate_column(say(QT_TRANSLATE_NOOP("Measured", "Decode")), metrics.DECODE, "decode"),
        _rate_column(say(QT_TRANSLATE_NOOP("Measured", "Prefill")), metrics.PREFILL, "prefill"),
        _ratio_column(ModelKind.LANGUAGE),
        Column(
            say(QT_TRANSLATE_NOOP("Measured", "First token")), _first_token, right=True, term=explain("ttft")
        ),
    ]


def _tensor_columns() -> list[ResultColumn]:
    title = say(QT_TRANSLATE_NOOP("Measured", "Inferences"))
    return [
        _rate_column(title, metrics.INFERENCES, "inferences per second"),
        _ratio_column(ModelKind.TENSOR),
        Column(say(QT_TRANSLATE_NOOP("Measured", "Latency")), _latency, right=True, term=explain("latency")),
    ]


def _common_columns() -> list[ResultColumn]:
    return [
        Column(
            say(QT_TRANSLATE_NOOP("Measured", "Memory")), _memory, right=True, term=explain("peak memory")
        ),
        Column(
            say(QT_TRANSLATE_NOOP("Measured", "Accuracy")), _accuracy, right=True, term=explain("accuracy")
        ),
    ]


def _energy_columns() -> list[ResultColumn]:
    return [Column(say(QT_TRANSLATE_NOOP("Measured", "Energy")), _energy, right=True)]


def _rate_column(title: str, metric: str, term: str) -> ResultColumn:
    kind = ModelKind.TENSOR if metric == metrics.INFERENCES else ModelKind.LANGUAGE
    unit = "" if metric == metrics.PREFILL else units.NBSP + rate_words(kind).unit

    def cell(result: ConfigurationResult) -> Cell:
        rate = result.rates.get(metric)
        if result.failure and metric in (metrics.DECODE, metrics.INFERENCES):
            return ChipCell(say(QT_TRANSLATE_NOOP("Measured", "failed")), Tone.BAD, result.failure)
        if rate is None:
            return _absent()
        half = f"{units.plus_minus(rate)}{unit}"
        return figure(units.number(rate.estimate), half, units.interval_source(rate))

    return Column(title, cell, right=True, term=explain(term))


def _ratio_column(kind: ModelKind) -> ResultColumn:
    main = rate_words(kind).main

    def cell(result: ConfigurationResult) -> Cell:
        found = next((c.ratio for c in result.comparisons if c.metric == main), None)
        if found is None:
            return TextCell("1×", muted=True) if result.configuration.artifact.original else _absent()
        return figure(units.ratio(found.estimate), ratio_spread(found), units.interval_source(found))

    return Column(say(QT_TRANSLATE_NOOP("Measured", "To original")), cell, right=True, term=explain("pair"))


def _first_token(result: ConfigurationResult) -> Cell:
    """With the typical gap between the tokens after it."""
    if result.ttft_p50_s is None:
        return _absent()
    gap = say(QT_TRANSLATE_NOOP("Measured", "gap {0}"))
    second = gap.format(units.milliseconds(result.latency_p50_s)) if result.latency_p50_s else ""
    return figure(units.milliseconds(result.ttft_p50_s), second, _slow_end(result), bold=False)


def _latency(result: ConfigurationResult) -> Cell:
    if result.latency_p50_s is None:
        return _absent()
    slow = result.latency_p95_s
    second = "" if slow is None else f"p95 {units.milliseconds(slow)}"
    return figure(units.milliseconds(result.latency_p50_s), second, _slow_end(result), bold=False)


def _slow_end(result: ConfigurationResult) -> str:
    known = (("p50", result.latency_p50_s), ("p95", result.latency_p95_s), ("p99", result.latency_p99_s))
    return " · ".join(f"{name} {units.milliseconds(value)}" for name, value in known if value is not None)


def _memory(result: ConfigurationResult) -> Cell:
    """The peak, and what lies on the disk."""
    memory, artifact = result.memory, result.configuration.artifact
    file = say(QT_TRANSLATE_NOOP("Measured", "file {0}")).format(units.size(artifact.size_bytes))
    bits = say(QT_TRANSLATE_NOOP("Measured", "{0} bits per weight"))
    tips = [bits.format(f"{artifact.contents.bits_per_weight:.2f}")]
    if memory is None:
        return TextCell(NOT_MEASURED, second=file, muted=True, tip=tips[0])
    alone = say(QT_TRANSLATE_NOOP("Measured", "{0}; the runtime alone takes {1}"))
    tips.append(alone.format(memory.source, units.size(memory.baseline_bytes)))
    return figure(units.size(memory.total_peak_bytes), file, "\n".join(tips), bold=False)


def _energy(result: ConfigurationResult) -> Cell:
    """Of the first counter; the others are in the tip. None is ever added to another."""
    reading = result.energy
    if reading is None or not reading.measured:
        return TextCell(NOT_MEASURED, muted=True, tip=reading.why_not if reading else say(_ABSENT))
    line = say(QT_TRANSLATE_NOOP("Measured", "{0}: {1} J above idle, {2} J with it ({3} W idle, {4} W busy)"))
    tips = [
        line.format(
            one.domain,
            units.number(one.joules.estimate),
            units.number(one.gross_joules.estimate),
            units.number(one.idle_watts),
            units.number(one.busy_watts),
        )
        for one in reading.domains
    ]
    disturbed = say(QT_TRANSLATE_NOOP("Measured", "Disturbed: {0}"))
    tips += [disturbed.format(reason) for reason in reading.disturbances]
    first = reading.domains[0]
    return figure(f"{units.number(first.joules.estimate)}{units.NBSP}J", first.domain, "\n".join(tips))


def _accuracy(result: ConfigurationResult) -> Cell:
    """Only labels make it accuracy; agreement with the original is said to be that."""
    score, fidelity = result.quality, result.fidelity
    if score is not None and score.kind == "accuracy":
        tip = say(QT_TRANSLATE_NOOP("Measured", "{0} of {1} items right")).format(score.correct, score.items)
        return _share(score.accuracy, percent_spread(score.accuracy), tip)
    agreement = say(QT_TRANSLATE_NOOP("Measured", "agreement"))
    no_labels = say(QT_TRANSLATE_NOOP("Measured", "No labels: how often it answers as the original does."))
    if score is not None:
        return _share(score.accuracy, agreement, no_labels)
    if fidelity is not None and fidelity.top1_agreement is not None:
        return _share(fidelity.top1_agreement, agreement, no_labels)
    if fidelity is not None:
        perplexity = say(QT_TRANSLATE_NOOP("Measured", "perplexity"))
        return figure(
            units.number(fidelity.perplexity.estimate), perplexity, explain("perplexity"), bold=False
        )
    if result.output_fidelity is not None:
        return _share(
            result.output_fidelity.cosine, say(QT_TRANSLATE_NOOP("Measured", "similarity")), no_labels
        )
    return _absent()


def _share(value: Interval, second: str, tip: str) -> Cell:
    return figure(units.percent(value.estimate, 1), second, tip)


def _absent() -> TextCell:
    return TextCell(NOT_MEASURED, muted=True, tip=say(_ABSENT))
