"""The wizard's brain, without a window."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from backends.domain.artifact import Configuration, LoadOptions
from backends.domain.preprocessing import Preprocessing
from backends.domain.result import ConfigurationResult
from backends.recommendation.ranking import recommend
from backends.workflow.wizard import (
    STEPS,
    Choice,
    Opening,
    Step,
    WizardState,
    done,
    following,
    missing,
    preceding,
)
from tests.unit.recommendation.test_ranking import ALL, EVERYWHERE, RULES
from tests.unit.samples import artifact, machine, source


def recommended() -> WizardState:
    state = WizardState().with_hardware(machine(), EVERYWHERE).with_source(source())
    return state.with_recommendation(recommend(source(), machine(), ALL, EVERYWHERE, RULES))


def finished() -> WizardState:
    state = recommended()
    for choice in state.chosen:
        state = state.with_artifact(choice, artifact())
    state = state.with_original(artifact("F16", original=True)).with_run("run")
    return state.with_result(ConfigurationResult(Configuration(artifact())))


def test_the_steps_in_order() -> None:
    assert [following(step) for step in STEPS] == [*STEPS[1:], None]
    assert [preceding(step) for step in STEPS] == [None, *STEPS[:-1]]


def test_only_the_first_step_is_open_at_the_start() -> None:
    assert missing(Step.HARDWARE, WizardState()) == ""
    assert all(missing(step, WizardState()) for step in STEPS[1:])


def test_each_answer_opens_the_next_step() -> None:
    state = WizardState().with_hardware(machine(), EVERYWHERE)
    assert missing(Step.MODEL, state) == ""
    assert "model" in missing(Step.RECOMMENDATION, state)
    assert missing(Step.OPTIMIZE, recommended()) == ""
    assert missing(Step.BENCHMARK, recommended())
    assert missing(Step.RESULT, finished()) == ""
    assert [step for step in STEPS if done(step, finished())] == list(STEPS[:-1])


def test_another_model_forgets_what_was_made_of_the_one_before() -> None:
    state = finished().with_source(source(2_000_000))
    assert (state.artifacts, state.results, state.chosen, state.recommendation) == ({}, (), (), None)
    assert state.hardware is not None


def test_a_new_ranking_keeps_a_choice_that_still_stands() -> None:
    state = recommended().with_chosen((Choice("mlx", "Q8"), Choice("gone", "Q4")))
    assert state.recommendation is not None
    assert state.with_recommendation(state.recommendation).chosen == (Choice("mlx", "Q8"),)


def test_unchecking_and_checking_does_not_make_an_artifact_twice() -> None:
    state = finished()
    first = state.chosen[0]
    fewer = state.with_chosen(state.chosen[1:])
    again = fewer.with_chosen(state.chosen)
    assert len(fewer.made) == len(state.made) - 1
    assert again.to_make == ()
    assert again.with_failure(first, "no").with_artifact(first, artifact()).failures == {}


def test_results_are_replaced_by_label() -> None:
    state = finished()
    result = ConfigurationResult(Configuration(artifact()), latency_p50_s=1.0)
    assert state.with_result(result).results == (result,)


def test_other_data_keeps_what_was_not_calibrated_with_it() -> None:
    choice = Choice("llamacpp", "Q4_K_M")
    chosen = source()
    before = WizardState(source=chosen, chosen=(choice,), artifacts={choice: artifact()}, run_id="1")
    judged = before.with_data(replace(chosen, tasks=Path("mine.jsonl")))
    assert judged.artifacts == before.artifacts and not judged.run_id
    for changed in (
        replace(chosen, calibration=Path("mine.txt")),
        replace(chosen, preprocessing=Preprocessing(8, 8, 3)),
    ):
        assert before.with_data(changed).to_make == (choice,)


def test_other_options_have_only_their_own_configuration_made_anew() -> None:
    first, second = Choice("llamacpp", "Q4_K_M"), Choice("llamacpp", "Q8_0")
    made = (
        WizardState(chosen=(first, second)).with_artifact(first, artifact()).with_artifact(second, artifact())
    )
    changed = made.with_options(first, {"pure": True})
    assert changed.options == {first: {"pure": True}}
    assert changed.to_make == (first,)
    assert changed.with_options(first, {}).options == {}
    assert changed.with_source(None).options == {}


def test_another_way_of_opening_forgets_what_was_measured_of_the_one_before() -> None:
    state = finished()
    opening = Opening(LoadOptions(threads=2), {None: {"repack": True}, Choice("mlx", "gone"): {"x": 1}})
    changed = state.with_opening(opening)
    assert (changed.results, changed.run_id) == ((), "")
    assert (changed.artifacts, changed.original) == (state.artifacts, state.original)
    assert changed.with_run("other").with_opening(opening).run_id == "other", "nothing has changed"
    assert changed.with_source(None).opening == Opening()


def test_ways_of_opening_in_the_command_lines_words() -> None:
    first, second = Choice("llamacpp", "Q4_K_M"), Choice("openvino", "INT8")
    opening = Opening(own={second: {"hint": "throughput"}, None: {"repack": True}})
    assert opening.words((first, second)) == {"1:repack": True, "3:hint": "throughput"}
    assert opening.words((second,)) == {"1:repack": True, "2:hint": "throughput"}
