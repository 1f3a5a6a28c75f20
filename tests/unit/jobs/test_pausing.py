"""Steps of quality and stress stand still while the user has paused, and can still be cancelled."""

from __future__ import annotations

import pytest

from backends.domain.errors import JobCancelled
from backends.domain.events import Event, Progress
from backends.jobs.context import Context
from backends.jobs.pausing import Pausable
from backends.quality.steps import Steps


def test_a_pause_is_none_of_the_time_that_steps_take() -> None:
    now_s, told = 0.0, list[Event]()

    def pause() -> None:
        nonlocal now_s
        now_s += 600.0

    steps = Steps(Pausable(Context(told.append), pause), 4, "Scoring", lambda: now_s)
    for _ in range(3):
        now_s += 2.0
        steps.advance()
    left = [event.remaining_s for event in told if isinstance(event, Progress)]
    assert left[0] is None and left[1:] == pytest.approx([6.0, 4.0, 2.0])


def test_it_is_cancelled_with_the_job_it_stands_for() -> None:
    gates: list[int] = []
    job = Context(lambda event: None)
    paused = Pausable(job, lambda: gates.append(1))
    paused.check_cancelled()
    job.token.cancel()
    assert paused.token is job.token, "whoever waits for a worker hears of it"
    with pytest.raises(JobCancelled):
        paused.check_cancelled()
    assert gates == [1, 1]
