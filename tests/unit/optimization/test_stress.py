from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.actions.stress import Room, longest_context
from backends.domain.gate import Finding, Verdict
from backends.optimization.gates import Evidence, evaluate
from backends.optimization.stress import (
    STRESS_PLANS,
    Answer,
    affordable,
    agreement_finding,
    finite_finding,
    growth,
    growth_finding,
    prompt_lengths,
)

from .samples import MIB, patient, result


def peaks(loads: int, growth_bytes: float, noise_bytes: float, seed: int = 1) -> list[int]:
    chance = random.Random(seed)
    return [int(200 * MIB + growth_bytes * n + chance.gauss(0, noise_bytes)) for n in range(loads)]


def test_steady_memory_passes_and_says_the_trend() -> None:
    found = growth_finding(peaks(8, 0, 0.2 * MIB), 8)
    assert found.passed is True
    assert "200 MiB" in found.evidence and "a load" in found.evidence


def test_a_leak_is_seen_through_noise() -> None:
    found = growth_finding(peaks(8, 20 * MIB, 4 * MIB), 8)
    assert found.passed is False and "counts as growing" in found.evidence


def test_an_allocator_that_fills_up_and_stays_is_no_leak() -> None:
    seen = [int((200 + min(n, 6) * 4) * MIB) for n in range(16)]
    assert growth_finding(seen[:8], 8).passed is not True
    found = growth_finding(seen, 8)
    assert found.passed is True and "the last 8 of 16 loads" in found.evidence


def test_what_grows_in_the_last_loads_only_is_not_called_a_leak() -> None:
    seen = [int(200 * MIB)] * 10 + [int((200 + 3 * n) * MIB) for n in range(5)]
    found = growth_finding(seen, 5)
    assert found.passed is None and "did not all grow" in found.evidence
    assert growth_finding(peaks(15, 3 * MIB, 0), 5).passed is False


def test_one_wild_reading_moves_nothing() -> None:
    seen = peaks(9, 0, 0.1 * MIB)
    seen[-1] += 500 * MIB
    assert growth_finding(seen, 9).passed is True


def test_what_cannot_be_told_is_not_told() -> None:
    assert growth_finding(peaks(6, 1 * MIB, 8 * MIB), 6).passed is None
    assert growth_finding(peaks(4, 0, 0), 4).passed is None
    assert growth(peaks(4, 0, 0)) is None


@patient
@given(st.integers(0, 200), st.integers(5, 30))
def test_steady_memory_is_never_called_growing(seed: int, loads: int) -> None:
    assert growth_finding(peaks(loads, 0, 0.3 * MIB, seed), loads).passed is not False


def test_token_answers_must_be_the_same_to_the_last_and_outputs_nearly() -> None:
    ids, others = Answer(np.array([1, 2, 3])), Answer(np.array([1, 2, 4]))
    assert ids.same_as(ids) and not ids.same_as(others)
    outputs = Answer(np.array([0.5, 1.0]))
    assert outputs.same_as(Answer(np.array([0.5, 1.0 + 1e-7])))
    assert not outputs.same_as(Answer(np.array([0.5, 1.01])))
    assert not ids.same_as(Answer(np.array([1, 2])))


def test_findings_name_what_differs_and_what_is_not_finite() -> None:
    same, other = Answer(np.array([1])), Answer(np.array([2]))
    assert agreement_finding("x", "Two at once", [(same, same)]).passed is True
    found = agreement_finding("x", "Two at once", [(same, same), (other, same)])
    assert found.passed is False and "1 of 2" in found.evidence
    assert finite_finding([same, Answer(np.array([1.0]), finite=False)]).passed is False


def test_prompts_are_mixed_and_fit() -> None:
    assert prompt_lengths(512) == (1, 7, 33, 170, 512)
    assert prompt_lengths(5) == (1, 5)
    assert prompt_lengths(1) == (1,)


def test_memory_limits_sessions_and_context() -> None:
    assert affordable(4, 100 * MIB, 300 * MIB) == 2
    assert affordable(4, None, 300 * MIB) == 4
    assert longest_context(512, 2048, Room(trained_context=1024))[0] == 1024
    assert longest_context(512, 2048, Room(trained_context=131_072))[0] == 2048
    scarce = Room(free_bytes=1000 * 1024, trained_context=131_072, kv_bytes_per_token=1024)
    tokens, why = longest_context(256, 2048, scarce)
    assert tokens == 400 and "memory" in why


@pytest.mark.parametrize("name", sorted(STRESS_PLANS))
def test_every_depth_loads_often_enough_to_judge(name: str) -> None:
    assert STRESS_PLANS[name].loads >= 5 and STRESS_PLANS[name].sessions >= 2


@pytest.mark.parametrize(
    ("passed", "verdict"),
    [(True, Verdict.PASS), (False, Verdict.FAIL), (None, Verdict.INCONCLUSIVE)],
)
def test_the_gate_says_what_was_found(passed: bool | None, verdict: Verdict) -> None:
    findings = (Finding("repeated loading", True, "Loaded."), Finding("memory growth", passed, "It grows."))
    gates = evaluate(Evidence(result(), stress=findings))
    stress = next(found for found in gates if found.gate.name == "stress")
    assert stress.verdict is verdict
    assert "It grows." in stress.evidence
