"""One progress bar over the stages, and cancelling reaches whatever runs below."""

from __future__ import annotations

import pytest

from backends.actions.parts import Parts
from backends.domain.errors import JobCancelled
from backends.domain.events import Event, Log, Progress
from backends.jobs.context import CancelToken, Context


def heard(events: list[Event]) -> list[tuple[float | None, str]]:
    return [(round(e.fraction or 0, 3), e.what) for e in events if isinstance(e, Progress)]


def test_every_part_counts_for_its_share() -> None:
    events: list[Event] = []
    parts = Parts(Context(events.append))
    parts.begin("baseline", 0.4)
    parts.context.emit(Progress(0.5, "pair 3"))
    parts.begin("validation", 0.6)
    parts.context.emit(Progress(1.0, "quality"))
    parts.context.emit(Log("said as it is"))
    assert heard(events) == [
        (0.0, "baseline: begins"),
        (0.2, "baseline: pair 3"),
        (0.4, "validation: begins"),
        (1.0, "validation: quality"),
    ]
    assert events[-1] == Log("said as it is")


def test_the_bar_never_goes_back_and_what_is_done_aside_moves_it_not() -> None:
    events: list[Event] = []
    parts = Parts(Context(events.append))
    parts.begin("quantization", 1.0)
    parts.context.emit(Progress(0.7, "a"))
    parts.context.emit(Progress(0.1, "b"))
    parts.aside.emit(Progress(0.99, "writing"))
    assert [fraction for fraction, _ in heard(events)][1:] == [0.7, 0.7, 0.7]
    assert all(isinstance(e, Progress) and (e.remaining_s is None or e.remaining_s >= 0) for e in events)


def test_cancelling_the_job_cancels_the_parts() -> None:
    token = CancelToken()
    parts = Parts(Context(lambda event: None, token))
    token.cancel()
    for context in (parts.context, parts.aside):
        with pytest.raises(JobCancelled):
            context.check_cancelled()
