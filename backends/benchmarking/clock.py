"""Time as the benchmark sees it: injected, so tests need no sleeping, and able to tell when it was bent."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

TOLERANCE_S = 0.5  # clocks are read one after the other, and NTP may slew; a real jump is far larger


@dataclass(frozen=True)
class Stamp:
    """Three clocks read together, in seconds; only differences between two stamps mean anything."""

    awake_s: float  # stands still while the machine is suspended
    elapsed_s: float  # goes on while the machine is suspended; never set by anyone
    wall_s: float  # the calendar clock: set by the user or by NTP


class Clock(Protocol):
    def now_s(self) -> float:
        """Monotonic seconds, origin arbitrary."""

    def sleep_s(self, duration_s: float) -> None: ...

    def stamp(self) -> Stamp: ...


def jump(before: Stamp, after: Stamp) -> str:
    """What bent time between two stamps, as the end of a sentence; empty where nothing did."""
    elapsed = after.elapsed_s - before.elapsed_s
    suspended = elapsed - (after.awake_s - before.awake_s)
    if suspended > TOLERANCE_S:
        return f"the machine was suspended for {suspended:.1f} s"
    moved = (after.wall_s - before.wall_s) - elapsed
    if abs(moved) > TOLERANCE_S:
        return f"the system clock jumped by {moved:+.1f} s"
    return ""


class RealClock:
    """The clocks of this machine."""

    def __init__(self) -> None:
        self._awake, self._elapsed = _clocks(sys.platform)

    def now_s(self) -> float:
        return time.monotonic()

    def sleep_s(self, duration_s: float) -> None:
        time.sleep(duration_s)

    def stamp(self) -> Stamp:
        return Stamp(self._awake(), self._elapsed(), time.time())


def _clocks(platform: str) -> tuple[Callable[[], float], Callable[[], float]]:
    """The clock that stops in suspend and the one that does not.

    Linux: CLOCK_MONOTONIC and CLOCK_BOOTTIME (clock_gettime(2)). macOS: CLOCK_UPTIME_RAW and
    CLOCK_MONOTONIC_RAW (clock_gettime(3)). Windows: QueryUnbiasedInterruptTime, and Python's monotonic clock.
    Elsewhere one clock for both: a suspend then shows as a jump of the wall clock.
    """
    if platform == "win32":
        return _unbiased_interrupt_s, time.monotonic
    names = {
        "linux": ("CLOCK_MONOTONIC", "CLOCK_BOOTTIME"),
        "darwin": ("CLOCK_UPTIME_RAW", "CLOCK_MONOTONIC_RAW"),
    }.get(platform, ())
    if not names or not all(hasattr(time, name) for name in names):
        return time.monotonic, time.monotonic
    awake, elapsed = (int(getattr(time, name)) for name in names)
    return lambda: time.clock_gettime(awake), lambda: time.clock_gettime(elapsed)


def _unbiased_interrupt_s() -> float:
    """Windows' count of 100 ns steps since start-up, time asleep left out."""
    import ctypes

    steps = ctypes.c_uint64()
    windll = ctypes.windll  # type: ignore[attr-defined,unused-ignore]
    windll.kernel32.QueryUnbiasedInterruptTime(ctypes.byref(steps))
    return steps.value * 1e-7
