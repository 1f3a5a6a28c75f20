from __future__ import annotations

import subprocess
import sys

import pytest

from backends.quality.answers import (
    Answers,
    best,
    better_than_guessing,
    flips,
    plan_from,
    plan_samples,
    score,
)


def test_flips_count_changed_answers_right_or_wrong() -> None:
    assert flips(Answers((0, 1, 2), (0, 0, 0)), Answers((0, 2, 1), (0, 0, 0))) == 2


def test_flips_show_what_equal_accuracies_hide() -> None:
    original = Answers((0, 0, 1, 1), (0, 0, 0, 0))
    found = score(Answers((1, 1, 0, 0), (0, 0, 0, 0)), original)
    assert found is not None and found.ratio_to_original is not None
    assert (found.correct, found.ratio_to_original.estimate, found.flipped) == (2, 1.0, 1.0)


def test_answers_over_other_items_are_not_compared() -> None:
    with pytest.raises(ValueError, match="argument"):
        score(Answers((0, 1), (0, 1)), Answers((0,), (0,)))


def test_without_labels_nothing_is_right_or_wrong() -> None:
    with pytest.raises(ValueError, match="neither right nor wrong"):
        Answers((0,), None).right()
    assert score(Answers((0,), None), None) is None


def test_the_first_of_equal_scores_wins() -> None:
    assert best([-1.0, -1.0]) == 0


def test_guessing_is_recognised() -> None:
    assert not better_than_guessing(28, 100, 0.25)
    assert better_than_guessing(80, 100, 0.25)


def test_the_plan_says_the_number_and_what_it_assumes() -> None:
    short, long = plan_samples(50), plan_samples(5000)
    assert short.needed == long.needed and not short.enough and long.enough
    assert 'may end "inconclusive"' in short.sentence and "are enough" in long.sentence
    assert "80% right" in short.sentence


def test_on_the_threshold_the_plan_says_so() -> None:
    plan = plan_samples(1000, expected_ratio=0.95)
    assert plan.needed is None and not plan.enough and "no number of items" in plan.sentence


def test_a_plan_follows_from_what_was_seen() -> None:
    gold = (0,) * 100
    original = Answers((0,) * 80 + (1,) * 20, gold)
    found = score(Answers((0,) * 78 + (1,) * 22, gold), original)
    assert found is not None
    plan = plan_from(found)
    assert plan is not None and plan.needed is not None and plan.items == 100
    alone = score(original, None)
    assert alone is not None and plan_from(alone) is None


def test_importing_is_light() -> None:
    """Rooms that the window's process reads results with must not bring NumPy or SciPy along."""
    code = (
        "import sys, backends.quality, backends.optimization.gates, backends.optimization.pareto;"
        "assert not {'numpy', 'scipy'} & set(sys.modules), 'heavy';"
        "import backends.quality.harness, backends.quality.data;"
        "assert not {'scipy', 'PIL'} & set(sys.modules), 'heavy'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
