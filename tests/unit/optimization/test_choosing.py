"""One choice for window, report and stages: ratios from pairs, what is known of all, the user's weights."""

from __future__ import annotations

from typing import Any

from backends.domain.energy import DomainEnergy, EnergyReading
from backends.domain.gate import GateResult, Verdict
from backends.domain.metric import Interval
from backends.domain.result import ConfigurationResult, OutputFidelity, QualityScore
from backends.optimization.choosing import candidates_of, preferred, quality_kept
from backends.optimization.gates import default_gates

from .samples import comparison, interval, memory, result

DECODE = "decode_tokens_per_s"


def kept(share: float) -> QualityScore:
    return QualityScore(8, 10, interval(0.8), ratio_to_original=interval(share, share - 0.01, share + 0.01))


def made(label: str, ratio: Interval | None, share: float = 1.0, **fields: Any) -> ConfigurationResult:
    pairs = (comparison(DECODE, ratio),) if ratio else ()
    fields = {"quality": kept(share), "memory": memory(100), "rates": {DECODE: interval(9.0)}, **fields}
    return result(label=label, comparisons=pairs, **fields)


ORIGINAL = result(original=True, label="original", memory=memory(200), rates={DECODE: interval(500.0)})
TWICE, THRICE = interval(2.0, 1.9, 2.1), interval(3.0, 2.9, 3.1)


def test_a_result_gives_its_figures() -> None:
    failed = GateResult(default_gates()["memory"], Verdict.FAIL, None, "")
    counter = DomainEnergy("package-0", "RAPL", 1.0, 2.0, interval(0.3), interval(0.4))
    (found,) = candidates_of(
        [made("one", TWICE, 0.97, gates=(failed,), energy=EnergyReading("new token", (counter,)))]
    )
    assert found.label == "one" and found.failed_gates == ("memory",)
    assert found.figures["speed"] == TWICE, "the ratio from pairs, not the rate"
    assert found.figures["quality"].estimate == 0.97
    assert found.figures["memory"].estimate == 100 * 2**20
    assert found.figures["energy"].estimate == 0.3
    assert quality_kept(result(output_fidelity=OutputFidelity(3, interval(0.99), 0.9, 0.1))) == (
        "output_similarity",
        interval(0.99),
    )


def test_rates_of_different_minutes_rank_nobody() -> None:
    """The slower one's rate was taken in better minutes; the pairs know."""
    slower = made("slower", TWICE, rates={DECODE: interval(900.0)})
    faster = made("faster", THRICE, rates={DECODE: interval(300.0)})
    found = preferred([ORIGINAL, slower, faster], {"speed": 1.0})
    assert found is not None and found.label == "faster" and found.equals == ()


def test_peaks_within_the_tolerance_are_not_told_apart() -> None:
    near, far = made("near", TWICE, memory=memory(104)), made("far", TWICE, memory=memory(120))
    found = preferred([ORIGINAL, made("least", TWICE), near, far], {"memory": 1.0})
    assert found is not None and (found.label, found.equals) == ("least", ("near",))


def test_weights_decide_between_speed_and_quality() -> None:
    results = [ORIGINAL, made("fast", THRICE, 0.9), made("good", TWICE, 1.0)]
    best = [preferred(results, {name: 1.0}) for name in ("speed", "quality")]
    assert [one.label for one in best if one] == ["fast", "good"]


def test_energy_counts_where_the_same_counter_read_all() -> None:
    def read(domain: str, joules: float) -> EnergyReading:
        return EnergyReading(
            "new token", (DomainEnergy(domain, "RAPL", 1, 2, interval(joules), interval(joules)),)
        )

    thrifty = made("thrifty", TWICE, energy=read("package-0", 0.1))
    hungry = made("hungry", TWICE, energy=read("package-0", 0.4))
    found = preferred([ORIGINAL, hungry, thrifty], {"energy": 1.0})
    assert found is not None and found.label == "thrifty"
    other = made("other", TWICE, energy=read("psys", 0.01))
    assert "energy" not in candidates_of([hungry, other])[1].figures


def test_what_could_not_be_judged_is_never_chosen_while_others_were() -> None:
    broken = made("broken", THRICE, quality=None, quality_failure="NaN.")
    sound = made("sound", TWICE)
    found = preferred([ORIGINAL, broken, sound])
    assert found is not None and found.label == "sound"
    stays = preferred([ORIGINAL, broken])
    assert stays is not None and stays.label == "original" and "broken could not be judged" in stays.reason


def test_data_that_judge_nobody_speak_against_nobody() -> None:
    original = result(original=True, label="original", quality_failure="An image is labelled 12.")
    found = preferred(
        [original, made("one", TWICE, quality=None, quality_failure="An image is labelled 12.")]
    )
    assert found is not None and found.label == "one"


def test_the_original_stays_where_nothing_speaks_for_another() -> None:
    found = preferred([ORIGINAL, made("slower", interval(0.5, 0.4, 0.6), 0.9, memory=memory(300))])
    assert found is not None and found.label == "original" and "nothing told apart" in found.reason


def test_what_was_not_timed_is_chosen_only_among_its_like() -> None:
    untimed = made("untimed", None)
    assert candidates_of([untimed]) == ()
    assert [one.label for one in candidates_of([untimed], timed=False)] == ["untimed"]


def test_other_measures_of_quality_are_not_ranked_together() -> None:
    outputs = made(
        "outputs", TWICE, quality=None, output_fidelity=OutputFidelity(3, interval(0.99), 0.9, 0.1)
    )
    first, second = candidates_of([made("labels", TWICE), outputs])
    assert "quality" in first.figures and "quality" not in second.figures
