"""Figures as people read them, each with its unit and interval. What was not measured says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import isfinite

from backends.domain.gate import Gate
from backends.domain.metric import Interval

NOT_MEASURED = "not measured"
_SPACE = "\u00a0"  # a figure and its unit stay on one line

# Metric -> (title, unit).
RATES = {
    "decode_tokens_per_s": ("Decode", "tokens/s"),
    "prefill_tokens_per_s": ("Prefill", "tokens/s"),
    "inferences_per_s": ("Inference", "inferences/s"),
}


@dataclass(frozen=True)
class Figure:
    """``main`` is what is read first; ``note`` stands below it, small: the interval, or the reason."""

    main: str
    note: str = ""

    @property
    def measured(self) -> bool:
        return self.main != NOT_MEASURED


MISSING = Figure(NOT_MEASURED)


def number(value: float, digits: int = 3) -> str:
    """So many significant digits, thousands grouped, never an exponent for what people measure here."""
    if not isfinite(value):
        return "not a number"
    if value == 0:
        return "0"
    if abs(value) < 1e-4:
        return f"{value:.{digits - 1}e}"
    exponent = int(f"{value:e}".rpartition("e")[2])
    return f"{value:,.{max(0, digits - 1 - exponent)}f}"


def span(value: Interval, scale: float = 1.0, digits: int = 3) -> str:
    """ "40.6–41.8"; one reading has no interval and says so."""
    if value.samples <= 1:
        return "one reading"
    return f"{number(value.low * scale, digits)}–{number(value.high * scale, digits)}"


def rate(value: Interval | None, unit: str = "") -> Figure:
    if value is None:
        return MISSING
    return Figure(f"{number(value.estimate)}{_SPACE}{unit}".rstrip(_SPACE), span(value))


def small(value: Interval | None) -> Figure:
    """For figures whose third digit nobody needs."""
    return MISSING if value is None else Figure(number(value.estimate, 2), span(value, digits=2))


def ratio(value: Interval | None) -> Figure:
    return MISSING if value is None else Figure(f"{number(value.estimate)}×", span(value))


def percent(value: Interval | None) -> Figure:
    if value is None:
        return MISSING
    return Figure(f"{value.estimate * 100:.1f}{_SPACE}%", _percent_span(value))


def _percent_span(value: Interval) -> str:
    if value.samples <= 1:
        return "one reading"
    return f"{value.low * 100:.1f}–{value.high * 100:.1f}{_SPACE}%"


def milliseconds(value: float | None) -> Figure:
    return MISSING if value is None else Figure(f"{number(value * 1e3)}{_SPACE}ms")


def mebibytes(size: float | None) -> str:
    if size is None:
        return NOT_MEASURED
    return f"{number(size / 2**20)}{_SPACE}MiB" if size < 2**20 * 1000 else f"{size / 2**20:,.0f}{_SPACE}MiB"


def gibibytes(size: float) -> str:
    return f"{number(size / 2**30)}{_SPACE}GiB"


def moment(text: str) -> str:
    """An ISO time stamp as "21 November 2026, 14:05 UTC"; anything else as it is."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{when.day} {when:%B %Y, %H:%M} UTC"


def minutes(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole}{_SPACE}s" if whole < 90 else f"{whole // 60}{_SPACE}min {whole % 60:02d}{_SPACE}s"


def gate_title(gate: Gate) -> str:
    return {
        "accuracy": "Accuracy kept",
        "perplexity": "Perplexity",
        "top1_agreement": "Same next token",
        "agreement": "Same answer",
        "output_similarity": "Outputs alike",
        "decode_speed": "Decode speed",
        "prefill_speed": "Prefill speed",
        "inference_speed": "Inference speed",
        "memory": "Peak memory",
        "stability": "Stability",
        "stress": "Stress run",
        "security": "Security",
    }.get(gate.name, gate.name.replace("_", " ").capitalize())


def gate_needs(gate: Gate) -> str:
    if gate.unit == "failed checks":
        return "none failed" if gate.threshold == 0 else f"≤{_SPACE}{gate.threshold:g} failed"
    sign, unit = (
        ("≥" if gate.at_least else "≤"),
        {"× original": "×", "cosine": ""}.get(gate.unit, f"{_SPACE}%"),
    )
    return f"{sign}{_SPACE}{gate.threshold * (100 if '%' in unit else 1):g}{unit}"


def gate_value(gate: Gate, value: Interval | None) -> Figure:
    """A value in the unit of its gate. Checks are counted, all others have an interval."""
    if value is None:
        return MISSING
    if gate.unit == "failed checks":
        return Figure(_in_unit(gate, value.estimate), f"of {value.samples} checks")
    if value.samples <= 1:
        return Figure(_in_unit(gate, value.estimate), "one reading")
    return Figure(_in_unit(gate, value.estimate), f"{_bare(gate, value.low)}–{_bare(gate, value.high)}")


def _in_unit(gate: Gate, value: float) -> str:
    match gate.unit:
        case "× original":
            return f"{_bare(gate, value)}×"
        case "failed checks":
            return f"{value:.0f} failed"
        case "cosine":
            return _bare(gate, value)
        case _:  # shares and variation
            return f"{_bare(gate, value)}{_SPACE}%"


def _bare(gate: Gate, value: float) -> str:
    match gate.unit:
        case "× original":
            return number(value)
        case "cosine":
            return f"{value:.4f}"
        case _:
            return f"{value * 100:.1f}"
