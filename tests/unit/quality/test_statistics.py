from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from backends.domain.gate import Gate, Verdict
from backends.quality.statistics import (
    PairedCounts,
    expected_counts,
    mcnemar,
    mean_interval,
    paired_ratio,
    samples_needed,
    student_quantile,
    tally,
    wilson,
)

from .fakes import patient

ACCURACY = Gate("accuracy", 0.95, True, "ratio")


@patient
@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_scipys(case: tuple[int, int]) -> None:
    successes, trials = case
    theirs = stats.binomtest(successes, trials).proportion_ci(0.95, "wilson")
    ours = wilson(successes, trials)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert 0 <= ours.low <= ours.estimate <= ours.high <= 1


@patient
@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_binomial_test(lost: int, won: int) -> None:
    expected = stats.binomtest(lost, lost + won).pvalue if lost + won else 1.0
    assert mcnemar(PairedCounts(10, lost, won, 5)) == pytest.approx(expected)


def test_mcnemar_of_many_items_does_not_overflow() -> None:
    assert mcnemar(PairedCounts(0, 1500, 900, 0)) == pytest.approx(0.0, abs=1e-20)


@patient
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=50))
def test_tally_counts_every_item_once(pairs: list[tuple[bool, bool]]) -> None:
    original, candidate = [a for a, _ in pairs], [b for _, b in pairs]
    counts = tally(original, candidate)
    assert counts.items == len(pairs)
    assert (counts.original, counts.candidate) == (sum(original), sum(candidate))


def test_multinomial_draws_are_the_bootstrap_over_items() -> None:
    """Against the plain way: indices of items drawn with replacement."""
    original = np.array([True] * 170 + [False] * 30)
    candidate = np.array([True] * 155 + [False] * 15 + [True] * 6 + [False] * 24)
    picks = np.random.default_rng(1).integers(0, 200, (10_000, 200))
    plain = np.quantile(candidate[picks].sum(1) / original[picks].sum(1), [0.025, 0.975])
    ours = paired_ratio(tally(original.tolist(), candidate.tolist()))
    assert ours is not None
    assert (ours.low, ours.high) == pytest.approx(tuple(plain), abs=0.006)
    assert ours.estimate == pytest.approx(161 / 170)


counts = st.builds(PairedCounts, *[st.integers(0, 400)] * 4).filter(lambda c: c.original > 0)


@patient
@given(counts)
def test_a_ratio_lies_in_its_interval(cells: PairedCounts) -> None:
    ratio = paired_ratio(cells, resamples=500)
    assert ratio is not None
    assert ratio.low <= ratio.estimate <= ratio.high < math.inf
    assert ratio == paired_ratio(cells, resamples=500)  # seeded


def test_there_is_no_ratio_to_nothing() -> None:
    assert paired_ratio(PairedCounts(0, 0, 3, 7)) is None


@pytest.mark.parametrize("items", [1, 5, 12])
def test_a_handful_of_right_answers_decides_nothing(items: int) -> None:
    assert ACCURACY.judge(paired_ratio(PairedCounts(items, 0, 0, 0))) is Verdict.INCONCLUSIVE


def test_a_thousand_equal_answers_pass() -> None:
    assert ACCURACY.judge(paired_ratio(PairedCounts(800, 0, 0, 200))) is Verdict.PASS


@pytest.mark.parametrize(("items", "differing"), [(300, 0.08), (1000, 0.06), (1000, 0.2)])
def test_at_a_true_ratio_of_095_the_gate_seldom_passes(items: int, differing: float) -> None:
    """Nominal: 2.5 % of the runs."""
    cells = expected_counts(0.85, 0.85 * 0.95, differing)
    shares = [cells.both, cells.only_original, cells.only_candidate, cells.neither]
    draws = np.random.default_rng(3).multinomial(items, shares, size=600)
    verdicts = [ACCURACY.judge(paired_ratio(PairedCounts(*draw), resamples=1000)) for draw in draws.tolist()]
    assert verdicts.count(Verdict.PASS) / len(verdicts) < 0.045
    assert verdicts.count(Verdict.FAIL) / len(verdicts) < 0.045


@pytest.mark.parametrize(
    ("original", "ratio", "differing"),
    [(0.8, 0.99, 0.05), (0.9, 1.0, 0.01), (0.6, 0.85, 0.2), (0.804, 1.0, 0.0)],
)
def test_the_planned_number_of_items_decides_nine_times_in_ten(
    original: float, ratio: float, differing: float
) -> None:
    needed = samples_needed(original, original * ratio, differing)
    assert needed is not None
    cells = expected_counts(original, original * ratio, differing)
    shares = np.maximum([cells.both, cells.only_original, cells.only_candidate, cells.neither], 0)
    draws = np.random.default_rng(5).multinomial(needed, shares / shares.sum(), size=300)
    verdicts = [ACCURACY.judge(paired_ratio(PairedCounts(*draw), resamples=1000)) for draw in draws.tolist()]
    decided = 1 - verdicts.count(Verdict.INCONCLUSIVE) / len(verdicts)
    assert decided > 0.82


accuracies = st.floats(0.05, 0.99)


@patient
@given(accuracies, accuracies, st.floats(0, 1))
def test_expected_cells_are_possible_and_keep_the_accuracies(
    first: float, second: float, differing: float
) -> None:
    cells = expected_counts(first, second, differing)
    assert min(cells.both, cells.only_original, cells.only_candidate, cells.neither) >= -1e-12
    assert (cells.items, cells.original, cells.candidate) == pytest.approx((1.0, first, second))


@patient
@given(accuracies, st.floats(0, 0.3), st.floats(0, 0.3))
def test_more_difference_never_takes_fewer_items(accuracy: float, less: float, more: float) -> None:
    less, more = sorted((less, more))
    first, second = (samples_needed(accuracy, accuracy, share) for share in (less, more))
    assert first is not None and (second is None or first <= second)


def test_on_the_threshold_no_number_decides() -> None:
    assert samples_needed(0.8, 0.76, 0.05) is None


@pytest.mark.parametrize("freedom", [1, 2, 3, 5, 15, 40])
def test_student_quantile_is_scipys(freedom: int) -> None:
    assert student_quantile(0.975, freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=0.005)


def test_a_mean_of_sixteen_blocks_covers_what_it_says() -> None:
    rng = np.random.default_rng(11)
    samples = rng.normal(1.0, 0.3, (120, 16))
    hits = sum(found.low <= 1.0 <= found.high for found in map(mean_interval, samples))
    assert hits / 120 > 0.92


def test_bounds_of_the_figure_hold() -> None:
    found = mean_interval(np.array([0.99, 1.0]), least=0.0, most=1.0)
    assert (found.low, found.high) == (pytest.approx(0.9315, abs=0.001), 1.0)
