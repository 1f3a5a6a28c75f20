"""What figures, gates and states are called, for every page that shows measurements."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

from backends.benchmarking import metrics
from backends.domain.gate import Gate, GateResult, Verdict
from backends.domain.metric import Interval
from backends.domain.model import ModelKind
from gui.theme.tone import Tone
from gui.widgets import units

NOT_MEASURED = "–"

_GATES: dict[str, object] = {
    "accuracy": QT_TRANSLATE_NOOP("Measured", "Accuracy kept"),
    "perplexity": QT_TRANSLATE_NOOP("Measured", "Perplexity"),
    "top1_agreement": QT_TRANSLATE_NOOP("Measured", "Same next token"),
    "agreement": QT_TRANSLATE_NOOP("Measured", "Same answer"),
    "output_similarity": QT_TRANSLATE_NOOP("Measured", "Similar output"),
    "decode_speed": QT_TRANSLATE_NOOP("Measured", "Decode"),
    "prefill_speed": QT_TRANSLATE_NOOP("Measured", "Prefill"),
    "inference_speed": QT_TRANSLATE_NOOP("Measured", "Inference"),
    "memory": QT_TRANSLATE_NOOP("Measured", "Memory"),
    "stability": QT_TRANSLATE_NOOP("Measured", "Stability"),
    "stress": QT_TRANSLATE_NOOP("Measured", "Stress"),
    "security": QT_TRANSLATE_NOOP("Measured", "Security"),
}
_METRICS: dict[str, object] = {
    metrics.DECODE: QT_TRANSLATE_NOOP("Measured", "Decode"),
    metrics.PREFILL: QT_TRANSLATE_NOOP("Measured", "Prefill"),
    metrics.INFERENCES: QT_TRANSLATE_NOOP("Measured", "Inference"),
    "size": QT_TRANSLATE_NOOP("Measured", "Size on disk"),
    "memory": QT_TRANSLATE_NOOP("Measured", "Peak memory"),
    "quality": QT_TRANSLATE_NOOP("Measured", "Quality kept"),
}
_QUALITIES: dict[str, object] = {
    "accuracy": QT_TRANSLATE_NOOP("Measured", "accuracy kept"),
    "agreement": QT_TRANSLATE_NOOP("Measured", "same answers as the original"),
    "top1_agreement": QT_TRANSLATE_NOOP("Measured", "same next token as the original"),
    "output_similarity": QT_TRANSLATE_NOOP("Measured", "similarity of outputs"),
}
_VERDICTS: dict[Verdict, tuple[object, Tone]] = {
    Verdict.PASS: (QT_TRANSLATE_NOOP("Measured", "pass"), Tone.OK),
    Verdict.FAIL: (QT_TRANSLATE_NOOP("Measured", "fail"), Tone.BAD),
    Verdict.INCONCLUSIVE: (QT_TRANSLATE_NOOP("Measured", "inconclusive"), Tone.WARN),
    Verdict.NOT_MEASURED: (QT_TRANSLATE_NOOP("Measured", "not measured"), Tone.NEUTRAL),
}
_STATES: dict[str, tuple[object, Tone]] = {
    "finished": (QT_TRANSLATE_NOOP("Measured", "finished"), Tone.OK),
    "running": (QT_TRANSLATE_NOOP("Measured", "running"), Tone.SOFT),
    "cancelled": (QT_TRANSLATE_NOOP("Measured", "stopped"), Tone.NEUTRAL),
    "interrupted": (QT_TRANSLATE_NOOP("Measured", "interrupted"), Tone.WARN),
}
PARTS = ("perplexity", "decode_speed", "prefill_speed", "inference_speed")  # shown as "×", not as percent
COUNTS = ("stress", "security")


def say(text: object) -> str:
    """A marked text in the user's language."""
    return QCoreApplication.translate("Measured", str(text))


@dataclass(frozen=True)
class RateName:
    """How one rate is spoken of; ``gate`` judges its ratio, ``term`` explains it."""

    metric: str
    name: str
    title: str
    ratio_title: str
    gate: str
    term: str


@dataclass(frozen=True)
class RateWords:
    """How one kind of model is spoken of; ``latency`` is the name of a metric.

    ``rates``: those that are compared and have a gate each, the main one first.
    """

    rates: tuple[RateName, ...]
    latency: str
    unit: str
    latency_title: str
    distribution_title: str
    against: str
    subtitle: str

    @property
    def main(self) -> str:
        """The metric of the rate that is compared first."""
        return self.rates[0].metric


def rate_words(kind: ModelKind) -> RateWords:
    if kind is ModelKind.LANGUAGE:
        return RateWords(
            (_decode(), _prefill()),
            metrics.GAP,
            say(QT_TRANSLATE_NOOP("Measured", "tok/s")),
            say(QT_TRANSLATE_NOOP("Measured", "Gaps between tokens, ms")),
            say(QT_TRANSLATE_NOOP("Measured", "Share of gaps no longer than, ms")),
            say(QT_TRANSLATE_NOOP("Measured", "decode against original")),
            say(QT_TRANSLATE_NOOP("Measured", "The same token ids through every engine")),
        )
    return RateWords(
        (_inferences(),),
        metrics.LATENCY,
        say(QT_TRANSLATE_NOOP("Measured", "inf/s")),
        say(QT_TRANSLATE_NOOP("Measured", "Latency of single inferences, ms")),
        say(QT_TRANSLATE_NOOP("Measured", "Share of latencies no longer than, ms")),
        say(QT_TRANSLATE_NOOP("Measured", "speed against original")),
        say(QT_TRANSLATE_NOOP("Measured", "The same inputs through every engine")),
    )


def _decode() -> RateName:
    return RateName(
        metrics.DECODE,
        say(QT_TRANSLATE_NOOP("Measured", "decode")),
        say(QT_TRANSLATE_NOOP("Measured", "Decode, tokens per second")),
        say(QT_TRANSLATE_NOOP("Measured", "Times the original, pair by pair")),
        "decode_speed",
        "decode",
    )


def _prefill() -> RateName:
    return RateName(
        metrics.PREFILL,
        say(QT_TRANSLATE_NOOP("Measured", "prefill")),
        say(QT_TRANSLATE_NOOP("Measured", "Prefill, tokens per second")),
        say(QT_TRANSLATE_NOOP("Measured", "Prefill: times the original, pair by pair")),
        "prefill_speed",
        "prefill",
    )


def _inferences() -> RateName:
    return RateName(
        metrics.INFERENCES,
        say(QT_TRANSLATE_NOOP("Measured", "inferences")),
        say(QT_TRANSLATE_NOOP("Measured", "Inferences per second")),
        say(QT_TRANSLATE_NOOP("Measured", "Times the original, pair by pair")),
        "inference_speed",
        "inferences per second",
    )


def gate_name(name: str) -> str:
    return say(_GATES[name]) if name in _GATES else name.replace("_", " ").capitalize()


def metric_name(name: str) -> str:
    return say(_METRICS.get(name, name))


def quality_name(kind: str) -> str:
    return say(_QUALITIES.get(kind, kind))


def verdict_chip(verdict: Verdict) -> tuple[str, Tone]:
    text, tone = _VERDICTS[verdict]
    return say(text), tone


def state_chip(state: str) -> tuple[str, Tone]:
    text, tone = _STATES.get(state, (state, Tone.NEUTRAL))
    return say(text), tone


def gate_value(found: GateResult) -> tuple[str, str]:
    """The figure and, where it has one, its interval."""
    value, name = found.value, found.gate.name
    if value is None:
        return NOT_MEASURED, ""
    if name in COUNTS:
        count = round(value.estimate)
        if not count:
            return say(QT_TRANSLATE_NOOP("Measured", "none failed")), ""
        return say(QT_TRANSLATE_NOOP("Measured", "{0} failed")).format(count), ""
    exact = value.low == value.high
    if name in PARTS:
        return units.ratio(value.estimate), "" if exact else ratio_spread(value)
    return units.percent(value.estimate, 1), "" if exact else percent_spread(value)


def gate_needs(gate: Gate) -> str:
    if gate.name in COUNTS:
        return ""
    sign = "≥" if gate.at_least else "≤"
    limit = f"{gate.threshold:g}×" if gate.name in PARTS else units.percent(gate.threshold)
    return f"{sign}{units.NBSP}{limit}"


def ratio_spread(value: Interval) -> str:
    """With the two decimals of ``units.ratio``."""
    return f"{value.low:.2f}{units.DASH}{value.high:.2f}"


def percent_spread(value: Interval) -> str:
    return f"{value.low * 100:.1f}{units.DASH}{value.high * 100:.1f}"


def claim_chip(ratio: Interval, threshold: float) -> tuple[str, Tone]:
    """What may be said of "at least ``threshold`` times as fast" at a look."""
    verdict = Gate("speed", threshold, at_least=True, unit="×").judge(ratio)
    if verdict is Verdict.PASS:
        return say(QT_TRANSLATE_NOOP("Measured", "≥ {0}× holds")).format(f"{threshold:g}"), Tone.OK
    if verdict is Verdict.FAIL:
        return say(QT_TRANSLATE_NOOP("Measured", "below {0}×")).format(f"{threshold:g}"), Tone.BAD
    return verdict_chip(Verdict.INCONCLUSIVE)
