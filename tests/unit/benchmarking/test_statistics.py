from __future__ import annotations

import math
import subprocess
import sys
from itertools import pairwise
from statistics import stdev

import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.benchmarking import statistics
from backends.domain.metric import Interval

ratios = st.lists(st.floats(0.05, 20), min_size=2, max_size=24)
few = settings(max_examples=50, deadline=None)


@pytest.mark.parametrize("probability", [0.6, 0.975, 0.9915, 0.9999])
@pytest.mark.parametrize("freedom", [1, 2, 3, 5, 6, 11, 23, 47, 120])
def test_student_agrees_with_scipy(probability: float, freedom: int) -> None:
    expected = scipy.stats.t.ppf(probability, freedom)
    assert statistics.student_quantile(probability, freedom) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(
    ("count", "p95", "p99"), [(1, False, False), (58, False, False), (59, True, False), (299, True, True)]
)
def test_percentiles_need_enough_values(count: int, p95: bool, p99: bool) -> None:
    found = statistics.percentiles([float(n) for n in range(count)])
    assert found is not None and found.p50 == (count - 1) / 2
    assert (found.p95 is not None, found.p99 is not None) == (p95, p99)


def test_nothing_has_no_percentiles_rates_or_variation() -> None:
    assert statistics.percentiles([]) is None
    assert statistics.rate_interval([]) is None
    assert statistics.variation([1.0]) is None
    assert statistics.variation([1.0, 3.0]) == pytest.approx(math.sqrt(2) / 2)


def test_the_rules_for_tail_percentiles_are_the_least_counts() -> None:
    assert 0.95**statistics.MIN_FOR_P95 < 0.05 <= 0.95 ** (statistics.MIN_FOR_P95 - 1)
    assert 0.99**statistics.MIN_FOR_P99 < 0.05 <= 0.99 ** (statistics.MIN_FOR_P99 - 1)


@few
@given(ratios)
def test_the_interval_holds_its_geometric_mean(values: list[float]) -> None:
    interval = statistics.ratio_interval(values)
    assert interval.low <= interval.estimate * (1 + 1e-9) and interval.estimate <= interval.high * (1 + 1e-9)
    assert interval.estimate == pytest.approx(math.prod(values) ** (1 / len(values)))
    assert interval.samples == len(values)


@few
@given(ratios)
def test_swapping_the_two_inverts_the_estimate_and_the_reach(values: list[float]) -> None:
    there, back = (statistics.ratio_interval(v) for v in (values, [1 / v for v in values]))
    assert there.estimate * back.estimate == pytest.approx(1)
    # The bootstrap draws are the same rows, so the quantiles mirror too.
    assert there.low * back.high == pytest.approx(1, rel=1e-6)


@few
@given(ratios)
def test_no_bound_lies_inside_students(values: list[float]) -> None:
    interval = statistics.ratio_interval(values)
    logs = [math.log(v) for v in values]
    error = stdev(logs) / math.sqrt(len(logs))
    reach = scipy.stats.t.ppf((1 + statistics.CONFIDENCE) / 2, len(logs) - 1) * error
    assert math.log(interval.high) >= math.log(interval.estimate) + reach - 1e-6
    assert math.log(interval.low) <= math.log(interval.estimate) - reach + 1e-6


def test_the_interval_is_the_same_every_time_and_follows_its_seed() -> None:
    values = [1.0, 1.1, 0.9, 1.3, 40.0, 1.05]
    assert statistics.ratio_interval(values, seed=3) == statistics.ratio_interval(values, seed=3)
    assert statistics.ratio_interval([2.0, 2.0, 2.0]).low == pytest.approx(2.0)


@pytest.mark.parametrize("values", [[1.0], [1.0, 0.0], [1.0, math.nan], [1.0, -1.0], [1.0, math.inf]])
def test_ratios_that_are_none(values: list[float]) -> None:
    with pytest.raises(ValueError):
        statistics.ratio_interval(values)


def test_more_pairs_are_those_a_decision_takes() -> None:
    values = [1.05, 0.97, 1.08, 0.99, 1.10, 0.96]
    missing = statistics.more_pairs(values, 1.0)
    assert missing is not None
    repeated = (values * 100)[: len(values) + missing + 6]
    assert statistics.ratio_interval(repeated).low >= 1.0


def test_a_ratio_at_its_threshold_is_out_of_reach() -> None:
    assert statistics.more_pairs([0.5, 2.0, 0.5, 2.0], 1.0) is None
    assert statistics.more_pairs([1.0, 1.0], 1.0) is None


def test_the_rate_is_a_median() -> None:
    rate = statistics.rate_interval([100.0, 101.0, 99.0, 10.0, 100.0])
    assert rate is not None and rate.estimate == 100 and rate.low >= 10 and rate.high <= 101
    assert rate.confidence == 0.95 and rate.samples == 5


spans = st.tuples(st.floats(0.1, 10), st.floats(0.1, 10)).map(sorted)


@given(st.dictionaries(st.text(max_size=3), spans, max_size=8))
def test_groups_part_exactly_where_intervals_do(spans: dict[str, list[float]]) -> None:
    intervals = {k: Interval((a + b) / 2, a, b, 0.983, 6) for k, (a, b) in spans.items()}
    groups = statistics.groups_told_apart(intervals)
    assert sorted(label for group in groups for label in group) == sorted(intervals)
    for better, worse in pairwise(groups):
        assert min(intervals[x].low for x in better) > max(intervals[x].high for x in worse)
    for group in groups:
        for label in group[1:]:
            assert any(
                intervals[label].low <= intervals[o].high and intervals[o].low <= intervals[label].high
                for o in group
                if o != label
            )


def test_nothing_heavy_comes_with_the_package() -> None:
    code = (
        "import sys, backends.benchmarking; assert 'numpy' not in sys.modules;"
        "import backends.benchmarking.conductor; assert 'scipy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
