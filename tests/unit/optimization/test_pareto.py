from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from backends.domain.metric import Interval
from backends.optimization.pareto import Candidate, dominates, pareto_front, recommend

from .samples import interval, patient

NAMES = ("speed", "quality", "memory")


def made(label: str, speed: Interval, quality: Interval, peak: float, **fields: object) -> Candidate:
    figures = {"speed": speed, "quality": quality, "memory": interval(peak)}
    return Candidate(label, figures, **fields)  # type: ignore[arg-type]


FAST = made("fast", interval(30, 28, 32), interval(0.80, 0.78, 0.82), 300)
GOOD = made("good", interval(20, 19, 21), interval(0.90, 0.88, 0.92), 500)
POOR = made("poor", interval(10, 9, 11), interval(0.79, 0.77, 0.81), 600)


def test_the_front_leaves_out_what_is_beaten() -> None:
    front = pareto_front([FAST, GOOD, POOR])
    assert front.labels == ("fast", "good")
    assert front.dominated == {"poor": "fast"}
    assert front.objectives == NAMES and front.skipped == ()


def test_overlapping_intervals_remove_nobody() -> None:
    twin = made("twin", interval(29, 27, 31), interval(0.79, 0.77, 0.81), 300)
    assert pareto_front([FAST, twin]).labels == ("fast", "twin")


def test_a_figure_that_one_lacks_is_left_out_and_named() -> None:
    more = Candidate("more", {**FAST.figures, "energy": interval(3)})
    assert pareto_front([more, GOOD]).skipped == ("energy",)


values = st.tuples(st.floats(1, 100), st.floats(0, 5)).map(lambda v: interval(v[0], v[0] - v[1], v[0] + v[1]))
candidates = st.lists(st.tuples(values, values, values), min_size=1, max_size=7).map(
    lambda rows: [Candidate(str(i), dict(zip(NAMES, row, strict=True))) for i, row in enumerate(rows)]
)


@patient
@given(candidates)
def test_there_is_always_a_front_and_nothing_on_it_is_beaten(several: list[Candidate]) -> None:
    front = pareto_front(several)
    assert front.labels
    assert set(front.labels) | set(front.dominated) == {one.label for one in several}
    on = [one for one in several if one.label in front.labels]
    assert not any(dominates(a, b, NAMES) for a in on for b in on)


def wider(one: Candidate, by: float) -> Candidate:
    figures = {
        name: Interval(value.estimate, value.low - by, value.high + by, 0.95, 9)
        for name, value in one.figures.items()
    }
    return Candidate(one.label, figures)


@patient
@given(candidates, st.floats(0, 20))
def test_more_doubt_never_removes_anybody(several: list[Candidate], by: float) -> None:
    assert set(pareto_front(several).labels) <= set(pareto_front([wider(one, by) for one in several]).labels)


@patient
@given(candidates)
def test_the_recommended_one_is_on_the_front(several: list[Candidate]) -> None:
    found = recommend(several)
    assert found is not None and found.label in pareto_front(several).labels
    assert found.label not in found.equals


def test_weights_decide() -> None:
    fast, good = recommend([FAST, GOOD], {"speed": 1.0}), recommend([FAST, GOOD], {"quality": 1.0})
    assert fast is not None and good is not None
    assert (fast.label, good.label) == ("fast", "good")
    assert "speed 100%" in fast.reason and "1.5× the speed" in fast.reason


def test_units_do_not_matter() -> None:
    def scaled(one: Candidate) -> Candidate:
        memory_bytes = Interval(*(1e6 * end for end in (one.figures["memory"].estimate,) * 3), 1.0, 1)
        return Candidate(one.label, {**one.figures, "memory": memory_bytes})

    plain, large = recommend([FAST, GOOD, POOR]), recommend([scaled(one) for one in (FAST, GOOD, POOR)])
    assert plain is not None and large is not None and plain.label == large.label


def test_those_that_fail_a_gate_come_last() -> None:
    failing = Candidate("failing", FAST.figures, ("accuracy",))
    found = recommend([failing, GOOD])
    assert found is not None and found.label == "good"
    alone = recommend([failing])
    assert alone is not None and "fails accuracy" in alone.reason


def test_lost_quality_comes_after_every_other_failure() -> None:
    slow = replace(GOOD, failed_gates=("decode_speed",))
    wrong = replace(FAST, failed_gates=("perplexity",))
    found = recommend([slow, wrong], {"speed": 1.0})
    assert found is not None and found.label == slow.label


def test_what_cannot_be_told_apart_is_named() -> None:
    twin = made("twin", interval(29.5, 27, 31), interval(0.801, 0.77, 0.81), 300)
    found = recommend([FAST, twin], {"speed": 1.0})
    assert found is not None and found.equals == ("twin",)
    assert "cannot be told apart from twin" in found.reason


def test_nothing_to_choose_from() -> None:
    assert recommend([]) is None
    empty = recommend([Candidate("a", {}), Candidate("b", {})])
    assert (empty is not None and "cannot" in empty.reason) or empty is not None


def test_weights_that_are_all_zero_count_alike() -> None:
    assert recommend([FAST, GOOD], {"speed": 0.0}) is not None
