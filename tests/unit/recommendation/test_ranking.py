"""Which rule speaks where, and what the ranking makes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.conversion.catalogue import read_converters
from backends.domain.errors import BadInput
from backends.domain.hardware import HardwareProfile
from backends.domain.model import ModelFormat, ModelKind, TensorContents
from backends.frameworks.base import Manifest, PrecisionSpec
from backends.recommendation.fit import largest_parameters
from backends.recommendation.ranking import Weights, recommend
from backends.recommendation.rules import read_rules
from backends.storage.paths import resources
from tests.unit.samples import available, gpu, machine, source

RULES = read_rules(resources() / "rules" / "platforms.toml")
LANGUAGE = (ModelKind.LANGUAGE,)


def manifest(name: str, takes: ModelFormat = ModelFormat.GGUF) -> Manifest:
    return Manifest(
        name=name,
        title=name.upper(),
        summary="A framework.",
        kinds=LANGUAGE,
        takes=(takes,),
        makes=takes,
        devices=("CPU",),
        precisions=(
            PrecisionSpec("F16", 16, "original", LANGUAGE, quality_prior=(1, 1)),
            PrecisionSpec("Q8", 8.5, "medium", LANGUAGE, quality_prior=(0.995, 1)),
            PrecisionSpec("Q4", 4.85, "low", LANGUAGE, quality_prior=(0.95, 0.99)),
            PrecisionSpec("Q2", 2.6, "ultra-low", LANGUAGE, quality_prior=(0.5, 0.85)),
        ),
        default_precision={"language": "Q4"},
        systems=("linux",),
        packages={},
    )


ALL = [manifest(name) for name in ("llamacpp", "openvino", "olive", "mlx", "qnn")]
EVERYWHERE = available("llamacpp", "openvino", "olive", "mlx", "qnn")


@pytest.mark.parametrize(
    ("hardware", "primary", "secondary"),
    [
        (machine("Intel"), "openvino", "olive"),
        (machine("AMD"), "llamacpp", "openvino"),
        (machine("Apple", "arm64", "macos"), "mlx", "llamacpp"),
        (machine("Qualcomm", "arm64", "windows"), "qnn", "llamacpp"),
        (machine("ARM", "arm64"), "llamacpp", "openvino"),
        (machine("AMD", accelerators=(gpu("NVIDIA"),)), "olive", "openvino"),
    ],
)
def test_the_platform_decides_who_leads(hardware: HardwareProfile, primary: str, secondary: str) -> None:
    rule = RULES.rule_for(hardware)
    assert (rule.primary, rule.secondary) == (primary, secondary)
    ranking = recommend(source(), hardware, ALL, EVERYWHERE, RULES)
    assert ranking.candidates[0].framework == primary
    assert ranking.candidates[0].recommended
    assert primary.upper() in ranking.rule_text


def test_a_framework_away_from_its_platform_comes_last() -> None:
    ranking = recommend(source(), machine("Intel"), ALL, EVERYWHERE, RULES)
    order = list(dict.fromkeys(candidate.framework for candidate in ranking.candidates))
    assert set(order[-2:]) == {"mlx", "qnn"}
    assert not {"mlx", "qnn"} & {candidate.framework for candidate in ranking.suggested}


def test_another_target_has_its_own_rule() -> None:
    assert RULES.rule_for(machine("Intel"), "ios").primary == "mlx"
    with pytest.raises(BadInput, match="no target"):
        RULES.rule_for(machine(), "toaster")


def test_size_decides_the_strategy() -> None:
    assert RULES.strategy(source(8_000_000_000).profile) == "enterprise"
    assert RULES.strategy(source(7_000_000_000).profile) == "lightweight"


def test_what_fails_the_accuracy_gate_does_not_lead() -> None:
    ranking = recommend(source(), machine(), ALL, EVERYWHERE, RULES)
    assert ranking.candidates[0].precision in ("Q4", "Q8")
    assert ranking.candidates[-1].precision == "Q2"


def test_quality_above_all_prefers_more_bits() -> None:
    ranking = recommend(source(), machine(), ALL, EVERYWHERE, RULES, Weights(0.0, 1.0, 0.0))
    assert ranking.candidates[0].precision == "Q8"


def test_every_framework_is_ranked_or_ruled_out_with_a_reason() -> None:
    here = {
        **available("llamacpp", "openvino"),
        "mlx": replace(EVERYWHERE["mlx"], available=False, reason="no"),
    }
    manifests = [*ALL, manifest("hf_only", ModelFormat.HUGGING_FACE)]
    ranking = recommend(source(), machine(), manifests, {**here, **available("hf_only")}, RULES)
    ranked = {candidate.framework for candidate in ranking.candidates}
    out = {entry.framework: entry.reason for entry in ranking.ruled_out}
    assert ranked | set(out) == {m.name for m in manifests}
    assert out["mlx"] == "no"
    assert "Hugging Face" in out["hf_only"]
    assert all(out.values())


def test_what_does_not_fit_into_memory_is_ruled_out() -> None:
    ranking = recommend(source(7_000_000_000), machine(free_bytes=5_500_000_000), ALL, EVERYWHERE, RULES)
    assert {c.precision for c in ranking.candidates} <= {"Q4", "Q2"}
    ranking = recommend(source(70_000_000_000), machine(free_bytes=5_500_000_000), ALL, EVERYWHERE, RULES)
    assert ranking.candidates == ()
    assert all("memory" in entry.reason for entry in ranking.ruled_out)


def test_no_speed_is_predicted_where_nothing_was_measured() -> None:
    ranking = recommend(source(), machine(measured=False), ALL, EVERYWHERE, RULES)
    assert all(candidate.decode is None for candidate in ranking.candidates)


def test_the_suggestion_takes_one_of_each_leading_framework() -> None:
    ranking = recommend(source(), machine(), ALL, EVERYWHERE, RULES)
    frameworks = [candidate.framework for candidate in ranking.suggested]
    assert len(frameworks) == len(set(frameworks)) == 3


def test_the_largest_model_at_four_bits() -> None:
    assert largest_parameters(machine(free_bytes=None)) is None
    assert largest_parameters(machine(free_bytes=4_850_000_000), 4.85) == pytest.approx(6.4e9)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.integers(10**6, 10**11))
def test_any_weights_give_an_order(speed: float, quality: float, memory: float, parameters: int) -> None:
    ranking = recommend(
        source(parameters), machine(), ALL, EVERYWHERE, RULES, Weights(speed, quality, memory)
    )
    scores = [candidate.score for candidate in ranking.candidates]
    assert scores == sorted(scores, reverse=True)
    for candidate in ranking.candidates:
        assert candidate.fit.fits
        assert candidate.decode is not None
        assert 0 < candidate.decode.low <= candidate.decode.estimate <= candidate.decode.high


def test_a_framework_is_reached_through_a_conversion_and_says_so() -> None:
    converters = read_converters(resources() / "rules" / "converters.toml")
    folder = replace(source(), forms={ModelFormat.HUGGING_FACE: Path("hf")})
    ranking = recommend(folder, machine(), ALL, EVERYWHERE, RULES, converters=converters)
    assert {candidate.framework for candidate in ranking.candidates} == {entry.name for entry in ALL}
    assert all("through GGUF" in " ".join(candidate.reasons) for candidate in ranking.candidates)
    without = {name: answer for name, answer in EVERYWHERE.items() if name != "olive"}
    ranking = recommend(folder, machine(), ALL, without, RULES, converters=converters)
    assert ranking.candidates == ()  # the converter's libraries come with Olive's environment
    assert "must first be converted to GGUF" in ranking.ruled_out[0].reason


@pytest.mark.parametrize(
    ("installed", "reached"),
    [(("optimum",), True), (("olive",), True), (("optimum", "olive"), True), ((), False)],
)
def test_any_road_whose_environments_are_there_will_do(installed: tuple[str, ...], reached: bool) -> None:
    """In one step with optimum-intel, or through ONNX with Olive's environment."""
    converters = read_converters(resources() / "rules" / "converters.toml")
    folder = replace(source(), forms={ModelFormat.HUGGING_FACE: Path("hf")})
    openvino = manifest("openvino", ModelFormat.OPENVINO)
    here = available("openvino", *installed)
    ranking = recommend(folder, machine(), [openvino], here, RULES, converters=converters)
    assert bool(ranking.candidates) is reached
    assert (ranking.ruled_out == ()) is reached


def test_unquantized_precisions_are_offered_apart_and_never_proposed() -> None:
    openvino = manifest("openvino", ModelFormat.OPENVINO)
    both = replace(source(), forms={**source().forms, ModelFormat.OPENVINO: Path("openvino")})
    ranking = recommend(both, machine(), [*ALL[:1], openvino], EVERYWHERE, RULES)
    assert [(one.framework, one.precision) for one in ranking.unquantized] == [("openvino", "F16")]
    assert not any(one.recommended or one.headline for one in ranking.unquantized)
    assert not set(ranking.unquantized) & {*ranking.candidates, *ranking.suggested}
    assert ranking.offered == (*ranking.candidates, *ranking.unquantized)


def test_a_quantized_model_has_no_unquantized_form() -> None:
    contents = TensorContents({"Q8_0": 100}, 10**9, 1_062_500_000, 8.5)
    quantized = replace(source(), profile=replace(source().profile, contents=contents, precision="Q8_0"))
    assert recommend(quantized, machine(), ALL, EVERYWHERE, RULES).unquantized == ()
