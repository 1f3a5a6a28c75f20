"""``edgewright llama-bench``: pp and tg by the definitions of llama-bench, in its columns, own label."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from backends.actions.modes import Subject, kept
from backends.benchmarking import llama_bench
from backends.benchmarking.clock import Clock, RealClock
from backends.domain.errors import BadInput
from backends.storage.history import History


def run_llama_bench(
    subject: Subject,
    history: History,
    prompt_tokens: int = 512,
    new_tokens: int = 128,
    repetitions: int = llama_bench.REPETITIONS,
    delay_s: float = 0.0,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Measure, store and return the document: a row a test, with llama-bench's own names for its columns.

    Raises BadInput for a model that generates no tokens, and for engines that cannot feed arbitrary ids.
    """
    if not subject.is_language:
        raise BadInput(
            "llama-bench figures are for language models.", "Measure it in pairs instead (edgewright bench)."
        )
    if min(prompt_tokens, new_tokens, repetitions) < 1:
        raise BadInput("Prompt, new tokens and repetitions are 1 or more.")
    room = replace(subject.load, context=max(subject.load.context, prompt_tokens + 1, new_tokens + 1))
    subject = replace(subject, load=room)
    with subject.opened() as engine:
        vocabulary = vocabulary_of(subject, engine.engine.vocabulary)
        series = llama_bench.measure(
            engine,
            vocabulary,
            clock or RealClock(),
            subject.job,
            prompt_tokens=prompt_tokens,
            new_tokens=new_tokens,
            repetitions=repetitions,
            idle_s=delay_s,
        )
        rows = [_row(subject, one, engine.engine.threads) for one in series]
    return kept("llama-bench", subject, {"definition": llama_bench.LABEL, "tests": rows}, history)


def vocabulary_of(subject: Subject, told: int | None) -> int:
    """Of the engine; ids beyond it would be refused."""
    if not told:
        raise BadInput(f"{subject.artifact.framework_title} does not tell the size of the vocabulary.")
    return told


def _row(subject: Subject, one: llama_bench.Series, threads: int) -> dict[str, Any]:
    """avg_ts and stddev_ts are tokens a second, as in llama-bench's JSON."""
    artifact = subject.artifact
    return {
        "model": f"{artifact.name} {artifact.precision}",
        "size": artifact.size_bytes,
        "params": artifact.contents.parameters,
        "backend": subject.load.device,
        "threads": threads,
        "test": one.name,
        "avg_ts": one.mean,
        "stddev_ts": one.deviation,
        "samples_ts": list(one.samples),
    }
