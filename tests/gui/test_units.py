from __future__ import annotations

import pytest

from backends.domain.metric import Interval
from gui.widgets import units


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (61.44, "61.4"), (0.01234, "0.0123"), (1234.5, "1,234"), (9.999, "10.0"), (-2.5, "-2.50")],
)
def test_three_significant_figures(value: float, text: str) -> None:
    assert units.number(value) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0\u00a0B"),
        (999, "999\u00a0B"),
        (1000, "1.00\u00a0kB"),
        (999_700, "1.00\u00a0MB"),
        (21.8e9, "21.8\u00a0GB"),
        (5e15, "5,000\u00a0TB"),
    ],
)
def test_sizes_are_decimal(size: float, text: str) -> None:
    assert units.size(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.5, "0.50\u00a0s"),
        (1.94, "1.9\u00a0s"),
        (42.4, "42\u00a0s"),
        (59.8, "1\u00a0min"),
        (130, "2\u00a0min"),
        (3900, "1\u00a0h\u00a005\u00a0min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert units.duration(seconds) == text


def test_intervals_follow_their_estimate() -> None:
    interval = Interval(2.42, 2.312, 2.518, 0.95, 24)
    assert units.spread(interval) == "2.31–2.52"
    assert units.plus_minus(interval) == "±\u00a00.10"
    assert "24 samples" in units.interval_source(interval)


def test_time_left_is_silent_when_unknown() -> None:
    assert units.time_left(None) == ""
    assert units.time_left(130) == "about 2\u00a0min left"
