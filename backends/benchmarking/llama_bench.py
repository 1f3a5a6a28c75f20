"""Figures that can be held against ``llama-bench``: its own definitions, under its own label.

As in llama.cpp's tools/llama-bench/llama-bench.cpp: pp evaluates random ids in an empty context; tg feeds one
arbitrary id after the other into an empty context, the first being the beginning-of-sequence id where the
model has one. Nothing is sampled, a rate is tokens ÷ the whole time, and mean and sample standard deviation
over the repetitions are reported. Prefill and decode elsewhere in Edgewright are defined otherwise: never mix
them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from statistics import fmean, stdev

from backends.benchmarking.clock import Clock
from backends.domain.errors import JobFailed
from backends.domain.metric import TokenMeasurement, TokenWorkload
from backends.frameworks.base import EngineHandle, JobContext

LABEL = "llama-bench compatible"
REPETITIONS = 5


@dataclass(frozen=True)
class Series:
    """One test such as "pp512": ``samples`` in tokens/s."""

    name: str
    samples: tuple[float, ...]

    @property
    def mean(self) -> float:
        return fmean(self.samples)

    @property
    def deviation(self) -> float:
        return stdev(self.samples) if len(self.samples) > 1 else 0.0

    def __str__(self) -> str:
        return f"{LABEL} {self.name}: {self.mean:.2f} ± {self.deviation:.2f} tokens/s"


def prompt_workload(vocabulary: int, tokens: int = 512, seed: int = 0) -> TokenWorkload:
    """pp: random ids, and the time until the logits after the last of them are there."""
    draw = random.Random(f"pp/{seed}")
    return TokenWorkload(tuple(draw.randrange(vocabulary) for _ in range(tokens)), 1, sampling=False)


def generation_workload(
    vocabulary: int, bos_id: int | None, tokens: int = 128, seed: int = 0
) -> TokenWorkload:
    """tg: one id in an empty context and ``tokens`` evaluations of one id each, that first one among them."""
    first = random.Random(f"tg/{seed}").randrange(vocabulary) if bos_id is None else bos_id
    return TokenWorkload((first,), tokens, sampling=False)


def prompt_rate(measurement: TokenMeasurement) -> float:
    """Prompt tokens ÷ time until their logits are there."""
    return measurement.prompt_tokens / measurement.token_times_s[0]


def generation_rate(measurement: TokenMeasurement) -> float:
    """All evaluations, the first included, ÷ the whole time."""
    return len(measurement.token_times_s) / measurement.token_times_s[-1]


def measure(
    handle: EngineHandle,
    vocabulary: int,
    clock: Clock,
    job: JobContext,
    *,
    prompt_tokens: int = 512,
    new_tokens: int = 128,
    repetitions: int = REPETITIONS,
    idle_s: float = 0.0,
) -> tuple[Series, Series]:
    """pp and tg, each after one unmeasured pass, as llama-bench does without ``--no-warmup``.

    ``idle_s`` stands for its ``--delay``. The session must honour ``TokenWorkload.sampling``. For a
    comparison with the program itself call this in turns with it, each turn in a fresh process.
    """
    bos_id = handle.engine.bos_id
    tests = (
        (f"pp{prompt_tokens}", prompt_workload(vocabulary, prompt_tokens), prompt_rate),
        (f"tg{new_tokens}", generation_workload(vocabulary, bos_id, new_tokens), generation_rate),
    )
    found = []
    for name, work, rate in tests:
        _generate(handle, work)
        samples = []
        for _ in range(repetitions):
            job.check_cancelled()
            clock.sleep_s(idle_s)
            samples.append(rate(_generate(handle, work)))
        found.append(Series(name, tuple(samples)))
    return found[0], found[1]


def _generate(handle: EngineHandle, work: TokenWorkload) -> TokenMeasurement:
    measurement = handle.measure(work)
    if not isinstance(measurement, TokenMeasurement):
        raise JobFailed("This model generates no tokens.", "llama-bench figures are for language models.")
    return measurement
