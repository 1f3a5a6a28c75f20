"""First tokens of an engine that has just been opened, and how long opening it took."""

from __future__ import annotations

from dataclasses import replace
from statistics import median

from backends.benchmarking.protocol import Plan
from backends.domain.errors import EdgewrightError, WorkerDied
from backends.domain.metric import StartUp, TokenMeasurement, TokenWorkload
from backends.frameworks.base import EngineHandle

TEXTS = 3  # readings from a text; the median counts


def measure(handle: EngineHandle, plan: Plan) -> StartUp:
    """Of a warm load. Raises what the handle raises, save where the engine cannot split a text."""
    load_s = handle.engine.cold_load_s
    if not isinstance(plan.workload, TokenWorkload):
        return StartUp(load_s, False, load_s)
    first = handle.measure(replace(plan.workload, new_tokens=1, min_duration_s=0.0))
    assert isinstance(first, TokenMeasurement)
    found = StartUp(load_s, False, load_s, first.ttft_engine_s)
    for chat in dict.fromkeys((plan.chat, "")) if plan.text else ():
        if readings := _from_text(handle, plan.text, chat):
            waits_s = [wait_s for one in readings if (wait_s := one.ttft_user_s) is not None]
            tokens = readings[0].prompt_tokens
            return replace(found, ttft_user_s=median(waits_s), user_tokens=tokens, templated=bool(chat))
    return found


def _from_text(handle: EngineHandle, text: str, chat: str) -> list[TokenMeasurement]:
    """Empty where the engine has no tokenizer, or the template cannot be used."""
    work = TokenWorkload((), 1, text=text, chat=chat)
    try:
        measured = [handle.measure(work) for _ in range(TEXTS)]
    except WorkerDied:
        raise
    except EdgewrightError:
        return []
    return [one for one in measured if isinstance(one, TokenMeasurement) and one.tokenizing_s is not None]
