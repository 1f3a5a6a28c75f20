"""The figures of sameness on arrays whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from backends.conversion.fixed import TEXT, drawn_ids
from backends.domain.artifact import Sameness
from backends.domain.errors import JobFailed
from backends.quality.sameness import Likeness, of_logits, of_outputs, together

RNG = np.random.default_rng(1)
LOGITS = RNG.normal(size=(40, 300)).astype(np.float32) * 4


def test_the_same_logits_up_to_a_shift_are_the_same() -> None:
    found = of_logits(LOGITS, LOGITS + 3.0)  # softmax knows no shift
    assert (found.positions, found.agreeing) == (40, 40)
    assert found.max_abs_difference < 1e-5


def test_one_position_that_differs_counts_once() -> None:
    other = LOGITS.copy()
    other[7] = np.roll(other[7], 1)
    found = of_logits(LOGITS, other)
    assert found.agreeing == 39
    assert found.top1_agreement == pytest.approx(39 / 40)
    assert found.max_abs_difference > 1


def test_other_shapes_and_nan_are_failures() -> None:
    with pytest.raises(JobFailed, match="over 299 tokens"):
        of_logits(LOGITS, LOGITS[:, :-1])
    with pytest.raises(JobFailed, match="not numbers"):
        of_logits(LOGITS, LOGITS * np.nan)


def test_outputs_are_matched_by_name_and_judged_by_their_scale() -> None:
    scores = RNG.normal(size=(8, 10)) * 1000
    found = of_outputs({"scores": scores}, {"scores": scores + 1.0})
    assert found.agreeing == 8
    assert found.max_abs_difference == pytest.approx(1.0 / np.abs(scores).max())
    boxes = {"boxes": scores, "scores": scores / 2}
    assert of_outputs(boxes, dict(reversed(boxes.items()))).max_abs_difference == 0
    assert of_outputs(boxes, {"a": scores, "b": scores / 2}).agreeing is None
    with pytest.raises(JobFailed, match="shapes"):
        of_outputs({"scores": scores}, {"scores": scores[:, :3]})


def test_windows_are_added_up() -> None:
    both = together([Likeness(10, 9, 0.1), Likeness(30, 30, 0.5)])
    assert (both.positions, both.agreeing, both.max_abs_difference) == (40, 39, 0.5)
    assert together([Likeness(10, 9, 0.1), Likeness(1, None, 0.2)]).top1_agreement is None


@pytest.mark.parametrize(
    ("agreement", "difference", "holds"),
    [(1.0, 0.01, True), (0.98, 0.01, False), (1.0, 0.2, False), (None, 0.01, True)],
)
def test_both_limits_must_hold(agreement: float | None, difference: float, holds: bool) -> None:
    assert Sameness("a", "b", 10, agreement, difference, 0.99, 0.1).holds is holds


def test_the_fixed_ids_never_change() -> None:
    assert drawn_ids(512, 4) == drawn_ids(512, 128)[:4]
    assert drawn_ids(0) == ()
    assert all(0 <= token < 300 for token in drawn_ids(300))
    assert TEXT.isascii() is False  # curly quotes: more than one byte a character
