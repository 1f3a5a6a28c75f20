"""Greedy generation, timed on the host: the same loop for every engine that yields raw logits."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import psutil

from backends.domain.errors import BadInput
from backends.domain.metric import TokenMeasurement
from backends.frameworks.base import JobContext

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Forward = Callable[[Sequence[int]], "NDArray[np.float32]"]


def greedy(forward: Forward, token_ids: Sequence[int], new_tokens: int, job: JobContext) -> TokenMeasurement:
    """``forward`` appends ids to the context and returns the last position's logits.

    Times count from the moment the ids are handed over; the choice of a token is part of its time. A ``job``
    that offers ``prefilled`` is told when the first token is there; no timed one does.
    """
    prefilled = getattr(job, "prefilled", None)
    times: list[float] = []
    chosen: list[int] = []
    ids: Sequence[int] = token_ids
    began = time.perf_counter()
    for _ in range(new_tokens):
        job.check_cancelled()
        token = int(forward(ids).argmax())
        times.append(time.perf_counter() - began)
        if prefilled is not None and not chosen:
            prefilled()
        chosen.append(token)
        ids = (token,)
    return TokenMeasurement(len(token_ids), tuple(times), tuple(chosen))


def check_context(needed_tokens: int, context_tokens: int) -> None:
    """Raises BadInput when a prompt and what it shall yield do not fit."""
    if needed_tokens > context_tokens:
        raise BadInput(
            f"{needed_tokens} tokens do not fit into the context of {context_tokens}.",
            "Shorten the text or open the model with a larger context.",
        )


def physical_cores() -> int:
    """Those this process may use. More threads than that slow matrix products down."""
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = min(cores, len(os.sched_getaffinity(0)))
    return max(1, cores)
