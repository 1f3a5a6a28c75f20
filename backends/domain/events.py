"""What a job says while it runs. Exactly one terminal event (Result, Failed, Cancelled) ends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Started:
    what: str  # one line for the user: "Quantizing to Q4_K_M"


@dataclass(frozen=True)
class Progress:
    """``fraction`` from 0 to 1, or ``None`` while the length of the work is not known."""

    fraction: float | None
    what: str = ""
    remaining_s: float | None = None


@dataclass(frozen=True)
class Sample:
    """One figure on a time axis: ``series`` names the configuration, ``metric`` quantity and unit."""

    series: str
    metric: str  # "decode_tokens_per_s", "gap_s", "cpu_percent", "peak_bytes", ...
    t_s: float  # seconds since the job started
    value: float
    step: int | None = None  # of training: steps taken so far; of a pair's ratio: its number, from 1


@dataclass(frozen=True)
class Log:
    text: str


@dataclass(frozen=True)
class Result:
    payload: Any


@dataclass(frozen=True)
class Failed:
    """``exit_code`` is the child's where it died (negative: the signal), else ``None``."""

    message: str
    remedy: str = ""
    details: str = ""
    exit_code: int | None = None
    kind: str = "JobFailed"  # class name in the EdgewrightError family, or "Bug"


@dataclass(frozen=True)
class Cancelled:
    pass


Event = Started | Progress | Sample | Log | Result | Failed | Cancelled
TERMINAL = (Result, Failed, Cancelled)
