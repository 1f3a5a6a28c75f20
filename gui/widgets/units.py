"""Figures as people read them: decimal units, three significant figures, a thin rule for what is unknown."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from backends.domain.metric import Interval

NBSP = "\u00a0"
DASH = "–"
BYTE_UNITS = ("B", "kB", "MB", "GB", "TB")


def number(value: float, digits: int = 3) -> str:
    """``digits`` significant figures, no exponent: 61.4, 0.0123, 1,234."""
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - _magnitude(value))
    return f"{value:,.{decimals}f}"


def split_bytes(size_bytes: float) -> tuple[str, str]:
    """Value and unit apart, for a Figure."""
    size, unit = float(size_bytes), BYTE_UNITS[0]
    for unit in BYTE_UNITS:
        if abs(size) < 999.5 or unit == BYTE_UNITS[-1]:
            break
        size /= 1000
    return (f"{size:.0f}" if unit == "B" else number(size)), unit


def size(size_bytes: float) -> str:
    return NBSP.join(split_bytes(size_bytes))


def percent(share: float, digits: int = 0) -> str:
    return f"{share * 100:.{digits}f}{NBSP}%"


def ratio(value: float) -> str:
    return f"{value:.2f}×"


def milliseconds(seconds: float) -> str:
    return f"{number(seconds * 1000)}{NBSP}ms"


def duration(seconds: float) -> str:
    """A span of time in words: "1.9 s", "2 min", "1 h 05 min"."""
    if seconds < 59.5:
        return f"{number(seconds, 2)}{NBSP}s" if seconds < 9.95 else f"{seconds:.0f}{NBSP}s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes}{NBSP}min"
    return f"{minutes // 60}{NBSP}h{NBSP}{minutes % 60:02d}{NBSP}min"


def time_left(seconds: float | None) -> str:
    """ "about 2 min left", or nothing where it is not known."""
    if seconds is None:
        return ""
    return QCoreApplication.translate("Units", "about {0} left").format(duration(max(seconds, 1.0)))


def spread(interval: Interval, digits: int = 3) -> str:
    """The two ends with as many decimals as the estimate: "2.31–2.52"."""
    decimals = max(0, digits - 1 - _magnitude(interval.estimate or 1.0))
    return f"{interval.low:,.{decimals}f}{DASH}{interval.high:,.{decimals}f}"


def plus_minus(interval: Interval) -> str:
    """Half the interval's width: "± 0.6"."""
    return f"±{NBSP}{number((interval.high - interval.low) / 2, 2)}"


def interval_source(interval: Interval) -> str:
    """The tooltip of a measured figure."""
    text = QCoreApplication.translate("Units", "Measured here: {0} samples, {1} confidence interval.")
    return text.format(interval.samples, percent(interval.confidence))


def _magnitude(value: float) -> int:
    """The power of ten of the first figure, after rounding to three."""
    return int(f"{abs(value):.2e}".split("e")[1])
