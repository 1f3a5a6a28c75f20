"""How often the protocol claims what is not so, and finds what is.

Noise model. The log rate of arm i is the sum of
  - independent log-normal noise, standard deviation 5 %;
  - a slow drift, AR(1) with correlation 0.9 from arm to arm and standard deviation 10 %;
  - bursts: with probability 0.5 % an arm begins one that makes it and the next arm ten times slower, as the
    file on a shared machine that gave 23 and then 1.5 tokens/s.
Arms run in random ABBA or BAAB blocks. A pair is flagged where a burst hit it (another program was busy) and
both pairs of a block where its inner arms, of the same engine, differ by more than 5 %. Flagged pairs are
repeated after the block, and count as pairs of their own. Looks at 6, 12 and 24.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from backends.benchmarking.protocol import LOOKS
from backends.benchmarking.statistics import ratio_interval
from backends.domain.gate import Gate, Verdict

RUNS = 2000
RESAMPLES = 1000  # instead of 10,000: Student's bound decides at these sizes, and the test takes seconds
FASTER = Gate("speed", 1.0, at_least=True, unit="×")


@dataclass(frozen=True)
class Noise:
    independent: float = 0.05
    drift: float = 0.10
    correlation: float = 0.9
    burst: float = 0.005
    burst_arms: int = 2
    slowdown: float = 10.0


def log_rates(noise: Noise, runs: int, arms: int, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    """(runs, arms) log rates without the engines' own, and whether a burst hit."""
    steps = rng.normal(0, noise.drift * np.sqrt(1 - noise.correlation**2), (runs, arms))
    drift = np.empty((runs, arms))
    drift[:, 0] = rng.normal(0, noise.drift, runs)
    for i in range(1, arms):
        drift[:, i] = noise.correlation * drift[:, i - 1] + steps[:, i]
    begins = rng.random((runs, arms)) < noise.burst
    hit = begins.copy()
    for later in range(1, noise.burst_arms):
        hit[:, later:] |= begins[:, :-later]
    return rng.normal(0, noise.independent, (runs, arms)) + drift - np.log(noise.slowdown) * hit, hit


def simulate(noise: Noise, ratio: float, runs: int, seed: int) -> tuple[NDArray, NDArray, NDArray]:
    """(runs, 24) log ratios of the pairs, of their repeats, and whether they were repeated."""
    rng = np.random.default_rng(seed)
    blocks = LOOKS[-1] // 2
    rates, hit = log_rates(noise, runs, blocks * 8, rng)  # four arms, and four more if all is repeated
    rates, hit = rates.reshape(runs, blocks, 8), hit.reshape(runs, blocks, 8)
    sign = np.where(rng.random((runs, blocks, 1)) < 0.5, 1, -1)  # ABBA or BAAB

    def pairs(arms: NDArray) -> NDArray:
        in_order = np.stack([arms[..., 1] - arms[..., 0], arms[..., 2] - arms[..., 3]], -1)
        return (sign * in_order + np.log(ratio)).reshape(runs, -1)

    control = np.abs(rates[..., 1] - rates[..., 2]) > np.log(1.05)
    busy = np.stack([hit[..., :2].any(-1), hit[..., 2:4].any(-1)], -1)
    return pairs(rates[..., :4]), pairs(rates[..., 4:]), (busy | control[..., None]).reshape(runs, -1)


def verdicts(noise: Noise, ratio: float, seed: int, runs: int = RUNS) -> dict[Verdict, float]:
    """Share of runs that end with each verdict on "at least 1×"."""
    first, second, repeated = simulate(noise, ratio, runs, seed)
    found = [verdict(*run) for run in zip(first, second, repeated, strict=True)]
    return {v: found.count(v) / runs for v in Verdict}


def verdict(first: NDArray, second: NDArray, repeated: NDArray) -> Verdict:
    for look in LOOKS:
        logs = np.concatenate([first[:look], second[:look][repeated[:look]]])
        judged = FASTER.judge(ratio_interval(np.exp(logs).tolist(), resamples=RESAMPLES))
        if judged is not Verdict.INCONCLUSIVE:
            return judged
    return Verdict.INCONCLUSIVE


MODELS = {
    "as described": Noise(),
    "calm": Noise(independent=0.02, drift=0.02, burst=0.0),
    "slow drift": Noise(independent=0.02, correlation=0.98, burst=0.0),
    "independent": Noise(drift=0.0, burst=0.0),
    "twice the bursts": Noise(burst=0.01),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_false_claims_are_rare(name: str) -> None:
    share = verdicts(MODELS[name], ratio=1.0, seed=11)
    faster, slower = share[Verdict.PASS], share[Verdict.FAIL]
    print(f"{name}: at 1.0x, {faster:.1%} claimed faster and {slower:.1%} slower")  # noqa: T201
    assert faster + slower < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_real_gain_is_found(name: str) -> None:
    share = verdicts(MODELS[name], ratio=1.3, seed=12)
    print(f"{name}: at 1.3x, {share[Verdict.PASS]:.1%} found")  # noqa: T201
    assert share[Verdict.PASS] > 0.95
    assert share[Verdict.FAIL] < 0.001
