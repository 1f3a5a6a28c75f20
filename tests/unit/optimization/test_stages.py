"""Which stages hold, and what they come to together."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.domain.gate import Gate, GateResult, Verdict
from backends.domain.metric import Interval
from backends.domain.result import ConfigurationResult, Stage
from backends.optimization.gates import Evidence, evaluate
from backends.optimization.stages import (
    Outcome,
    Step,
    best_of,
    chain_sentence,
    contenders,
    decided,
    gate_sentences,
    product,
    seconds_alone,
    settled,
    timed,
    waterfall,
)

from .samples import comparison, interval, memory, patient, readings, result

DECODE = "decode_tokens_per_s"


def made(
    label: str, ratio: Interval | None = None, original: bool = False, **fields: object
) -> ConfigurationResult:
    comparisons = (comparison(DECODE, ratio),) if ratio else ()
    return result(original=original, label=label, comparisons=comparisons, **fields)


BASE = made("original F16", original=True, memory=memory(200))


def stage(step: Step, found: ConfigurationResult, verdict: str = Outcome.KEPT) -> Stage:
    return Stage(step, verdict, (), found, "before")


def gate(name: str, verdict: Verdict) -> GateResult:
    return GateResult(Gate(name, 0.95, True, "×"), verdict, None, f"About {name}.")


@pytest.mark.parametrize(
    ("step", "ratio", "outcome", "words"),
    [
        (Step.QUANTIZATION, interval(2.0, 1.9, 2.1), Outcome.KEPT, "faster by the whole"),
        (Step.QUANTIZATION, interval(0.8, 0.7, 0.9), Outcome.DROPPED, "slower by the whole"),
        (Step.CONVERSION, interval(1.0, 0.9, 1.1), Outcome.KEPT, "No difference"),
        (Step.ACCELERATION, interval(1.0, 0.9, 1.1), Outcome.DROPPED, "No gain is certain"),
        (Step.ACCELERATION, interval(1.2, 1.1, 1.3), Outcome.KEPT, "faster"),
        (Step.QUANTIZATION, None, Outcome.DROPPED, "not measured"),
    ],
)
def test_a_stage_holds_by_its_whole_interval(
    step: Step, ratio: Interval | None, outcome: Outcome, words: str
) -> None:
    found = decided(step, made("x", ratio, memory=memory(100)), BASE, ())
    assert found.verdict == outcome and words in found.evidence[0]
    assert found.against == "original F16"
    assert any("Peak memory 100.0 MiB after 200.0 MiB" in told for told in found.evidence)


TIE, BETTER, WORSE = interval(1.0, 0.9, 1.1), interval(2.0, 1.9, 2.1), interval(0.8, 0.7, 0.9)


@pytest.mark.parametrize(
    ("step", "decode", "prefill", "outcome", "words"),
    [
        (Step.ACCELERATION, TIE, BETTER, Outcome.KEPT, "Prefill is faster"),
        (Step.ACCELERATION, TIE, TIE, Outcome.DROPPED, "No gain is certain"),
        (Step.ACCELERATION, BETTER, WORSE, Outcome.KEPT, "It is faster"),
        (Step.QUANTIZATION, TIE, WORSE, Outcome.DROPPED, "Prefill is slower"),
        (Step.QUANTIZATION, TIE, TIE, Outcome.KEPT, "No difference"),
        (Step.QUANTIZATION, WORSE, BETTER, Outcome.DROPPED, "It is slower"),
    ],
)
def test_the_other_rate_decides_where_the_main_one_does_not(
    step: Step, decode: Interval, prefill: Interval, outcome: Outcome, words: str
) -> None:
    comparisons = (comparison(DECODE, decode), comparison("prefill_tokens_per_s", prefill))
    found = decided(step, result(label="x", comparisons=comparisons), BASE, ())
    assert found.verdict == outcome and words in found.evidence[0]


def test_a_failed_quality_gate_drops_it_however_fast_it_is() -> None:
    gates = (gate("perplexity", Verdict.FAIL), gate("memory", Verdict.FAIL))
    found = decided(Step.QUANTIZATION, made("x", interval(3.0)), BASE, gates)
    assert found.verdict == Outcome.DROPPED
    assert "quality gate perplexity" in found.evidence[0] and "About perplexity." in found.evidence


def test_what_answers_with_nan_is_dropped_with_the_reason() -> None:
    broken = made("new", interval(3.0, 2.9, 3.1), quality_failure="The logits are not numbers (NaN).")
    found = decided(Step.QUANTIZATION, broken, BASE, evaluate(Evidence(broken, BASE)))
    assert found.verdict == Outcome.DROPPED and any("NaN" in sentence for sentence in found.evidence)


def test_the_validation_names_every_gate_that_does_not_pass() -> None:
    gates = [gate("memory", Verdict.FAIL), gate("decode_speed", Verdict.INCONCLUSIVE)]
    told = gate_sentences([*gates, gate("accuracy", Verdict.PASS), gate("stress", Verdict.NOT_MEASURED)])
    assert told == [
        "1 of 4 gates pass.",
        "Fails memory: About memory.",
        "Is inconclusive on decode speed: About decode_speed.",
    ]


def test_other_gates_are_for_the_validation() -> None:
    gates = (gate("memory", Verdict.FAIL), gate("accuracy", Verdict.INCONCLUSIVE))
    assert decided(Step.QUANTIZATION, made("x", interval(3.0)), BASE, gates).verdict == Outcome.KEPT


def test_what_cannot_be_run_has_failed_and_says_why() -> None:
    found = decided(Step.CONVERSION, made("x", failure="It crashed."), BASE, ())
    assert (found.verdict, found.evidence) == (Outcome.FAILED, ("It crashed.",))


def test_an_emulators_speed_decides_nothing() -> None:
    found = decided(Step.QUANTIZATION, made("x", interval(0.01)), BASE, (), emulated=True)
    assert found.verdict == Outcome.KEPT and not any("times that" in told for told in found.evidence)


def test_the_next_stage_continues_from_the_best_so_far() -> None:
    stages = [
        stage(Step.BASELINE, BASE),
        stage(Step.CONVERSION, made("slow", interval(0.5)), Outcome.DROPPED),
    ]
    assert best_of(stages) is BASE
    assert contenders(stages) == ()
    quick = made("quick", interval(2.0))
    assert best_of([*stages, stage(Step.QUANTIZATION, quick)]) is quick


def test_of_two_that_hold_one_goes_on_and_both_are_validated() -> None:
    slow, quick = made("slow", interval(1.2, 1.1, 1.3)), made("quick", interval(2.0, 1.9, 2.1))
    both = settled([stage(Step.QUANTIZATION, slow), stage(Step.QUANTIZATION, quick)])
    assert [one.verdict for one in both] == [Outcome.HELD, Outcome.KEPT]
    assert "quick goes on" in both[0].evidence[-1]
    assert contenders([stage(Step.BASELINE, BASE), *both]) == (quick, slow)


def test_the_waterfall_multiplies_what_was_kept() -> None:
    stages = [
        stage(Step.BASELINE, BASE),
        Stage(Step.CONVERSION, Outcome.SKIPPED, ("Nothing to convert.",)),
        stage(Step.QUANTIZATION, made("q", interval(2.0, 1.8, 2.2))),
        stage(Step.ACCELERATION, made("a", interval(0.9, 0.8, 1.05)), Outcome.DROPPED),
        stage(Step.VALIDATION, made("q", interval(2.1, 1.9, 2.3)), "pass"),
    ]
    links = waterfall(stages)
    assert [link.stage.name for link in links] == ["baseline", "quantization", "acceleration", "validation"]
    totals = [link.total.estimate for link in links if link.total]
    assert totals == pytest.approx([1.0, 2.0, 2.0, 2.1])
    assert links[2].factor is not None and links[2].factor.estimate == 0.9


def test_the_chain_is_held_against_the_direct_measurement() -> None:
    stages = [stage(Step.BASELINE, BASE), stage(Step.QUANTIZATION, made("q", interval(2.0, 1.8, 2.2)))]
    assert "the two agree" in chain_sentence(stages, comparison(DECODE, interval(2.1, 1.9, 2.3)))
    assert "do not agree" in chain_sentence(stages, comparison(DECODE, interval(1.0, 0.9, 1.1)))
    assert chain_sentence(stages, None) == ""


def test_every_attempt_has_its_own_time_and_a_share_of_what_all_had_in_common() -> None:
    at = [(10.0, "slow"), (12.0, "slow"), (13.0, "quick"), (16.0, "slow"), (17.0, "quick")]
    paired = [replace(readings([1.0])[0], t_s=t_s, comparison=label) for t_s, label in at]
    alone = seconds_alone(paired)
    assert alone == {"slow": 5.0, "quick": 2.0}
    skipped = Stage(Step.CONVERSION, Outcome.SKIPPED, ("Nothing to convert.",))
    failed = Stage(Step.CONVERSION, Outcome.FAILED, ("It cannot.",), took_s=1.0)
    ran = [stage(Step.CONVERSION, made(label)) for label in ("slow", "quick")]
    took = [one.took_s for one in timed([skipped, failed, *ran], 20.0, alone)]
    assert took == pytest.approx([0.0, 5.0, 9.0, 6.0])
    assert [one.took_s for one in timed([skipped], 7.0, {})] == [7.0]
    assert timed([], 7.0, {}) == ()


ratios = st.floats(0.1, 10)


@patient
@given(ratios, ratios, st.floats(0, 0.5), st.floats(0, 0.5))
def test_a_product_is_as_sure_as_its_parts_together(a: float, b: float, da: float, db: float) -> None:
    found = product(
        interval(a, a * math.exp(-da), a * math.exp(da)), interval(b, b * math.exp(-db), b * math.exp(db))
    )
    assert found.estimate == pytest.approx(a * b)
    reach = math.log(found.high / found.estimate)
    assert reach == pytest.approx(math.hypot(da, db), abs=1e-9)
    assert max(da, db) <= reach + 1e-9 and reach <= da + db + 1e-9
