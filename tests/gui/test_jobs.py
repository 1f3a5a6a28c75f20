"""The bridge to threads. Waiting is done on signals and events, never by the clock."""

from __future__ import annotations

import threading
import time

import pytest
from PySide6.QtCore import QCoreApplication, QThread

from backends.domain.errors import BadInput, JobFailed
from backends.domain.events import Cancelled, Event, Failed, Log, Progress, Result
from gui.jobs.runner import BATCH_MS, Job, JobRunner, Occupation


class Ear:
    """Hears what a page would hear."""

    def __init__(self) -> None:
        self.batches: list[list[Event]] = []
        self.ends: list[object] = []

    @property
    def events(self) -> list[Event]:
        return [event for batch in self.batches for event in batch]


@pytest.fixture
def runner(qtbot):
    made = JobRunner()
    yield made
    assert made.shutdown()
    made.deleteLater()


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def run(runner: JobRunner, ear: Ear, qtbot):
    def start(action) -> Job:
        return runner.start(action, ear.ends.append, ear.batches.append)

    return start


def wait_for_end(qtbot, ear: Ear) -> object:
    qtbot.waitUntil(lambda: bool(ear.ends))
    return ear.ends[0]


def test_success_runs_on_another_thread(run, ear: Ear, qtbot) -> None:
    run(lambda job: QThread.isMainThread())
    assert wait_for_end(qtbot, ear) == Result(False)


def test_callbacks_run_in_the_windows_thread(runner: JobRunner, qtbot) -> None:
    seen: list[bool] = []
    runner.start(
        lambda job: job.emit(Log("x")),
        lambda terminal: seen.append(QThread.isMainThread()),
        lambda events: seen.append(QThread.isMainThread()),
    )
    qtbot.waitUntil(lambda: len(seen) == 2)
    assert seen == [True, True]


def test_all_events_come_in_order_and_in_few_batches(run, ear: Ear, qtbot) -> None:
    def chatter(job) -> int:
        for n in range(5000):
            job.emit(Progress(n / 5000))
        return 7

    began_s = time.monotonic()
    run(chatter)
    assert wait_for_end(qtbot, ear) == Result(7)
    took_ms = (time.monotonic() - began_s) * 1000
    assert [event.fraction for event in ear.events] == [n / 5000 for n in range(5000)]
    assert len(ear.batches) <= took_ms / BATCH_MS + 2


def test_a_terminal_event_inside_the_work_does_not_end_it(run, ear: Ear, qtbot) -> None:
    def confused(job) -> str:
        job.emit(Result("too early"))
        return "real"

    run(confused)
    assert wait_for_end(qtbot, ear) == Result("real")
    assert ear.events == []


def test_an_error_of_ours_keeps_sentence_and_remedy(run, ear: Ear, qtbot) -> None:
    def fail(job) -> None:
        raise BadInput("The file is empty.", "Choose another.")

    run(fail)
    assert wait_for_end(qtbot, ear) == Failed("The file is empty.", "Choose another.", kind="BadInput")


def test_details_are_kept(run, ear: Ear, qtbot) -> None:
    def fail(job) -> None:
        raise JobFailed("It failed.", details="last words")

    run(fail)
    end = wait_for_end(qtbot, ear)
    assert isinstance(end, Failed) and end.details == "last words"


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), SystemExit(3), RecursionError()])
def test_a_bug_comes_with_its_traceback(run, ear: Ear, qtbot, error: BaseException) -> None:
    def fail(job) -> None:
        raise error

    run(fail)
    end = wait_for_end(qtbot, ear)
    assert isinstance(end, Failed)
    assert end.kind == "Bug"
    assert "Traceback" in end.details


class Patient:
    """Work that waits until it is cancelled or let go."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.released = threading.Event()

    def __call__(self, job) -> str:
        job.token.on_cancel(self.released.set)
        job.emit(Log("before"))
        self.started.set()
        assert self.released.wait(60)
        job.emit(Log("after"))
        job.check_cancelled()
        return "done"


def test_after_cancel_nothing_is_shown_any_more(run, ear: Ear, qtbot) -> None:
    work = Patient()
    job = run(work)
    qtbot.waitUntil(work.started.is_set)
    qtbot.waitUntil(lambda: len(ear.events) == 1)
    job.cancel()
    job.cancel()
    assert wait_for_end(qtbot, ear) == Cancelled()
    assert ear.events == [Log("before")]


def test_a_result_that_comes_after_cancel_does_not_count(run, ear: Ear, qtbot) -> None:
    started, released = threading.Event(), threading.Event()

    def stubborn(job) -> str:
        started.set()
        released.wait(60)
        return "stale"

    job = run(stubborn)
    qtbot.waitUntil(started.is_set)
    job.cancel()
    released.set()
    assert wait_for_end(qtbot, ear) == Cancelled()
    QCoreApplication.sendPostedEvents()
    assert ear.ends == [Cancelled()]


def test_an_error_while_being_cancelled_is_a_cancellation(run, ear: Ear, qtbot) -> None:
    started = threading.Event()

    def breaks(job) -> None:
        stop = threading.Event()
        job.token.on_cancel(stop.set)
        started.set()
        stop.wait(60)
        raise RuntimeError("the pipe broke")

    job = run(breaks)
    qtbot.waitUntil(started.is_set)
    job.cancel()
    assert wait_for_end(qtbot, ear) == Cancelled()


def test_closing_in_mid_job_joins_and_ends_once(run, runner: JobRunner, ear: Ear, qtbot) -> None:
    work = Patient()
    run(work)
    qtbot.waitUntil(work.started.is_set)
    assert runner.shutdown()
    assert ear.ends == [Cancelled()]
    QCoreApplication.sendPostedEvents()
    assert ear.ends == [Cancelled()]
    assert not runner.running


def test_cancelling_before_the_work_began(run, ear: Ear, qtbot) -> None:
    ran: list[bool] = []
    job = run(lambda context: ran.append(True))
    job.cancel()
    assert wait_for_end(qtbot, ear) == Cancelled()


def test_many_jobs_at_once(runner: JobRunner, qtbot) -> None:
    ends: list[object] = []
    for n in range(8):
        runner.start(lambda job, n=n: n, ends.append)
    qtbot.waitUntil(lambda: len(ends) == 8)
    assert sorted(end.payload for end in ends) == list(range(8))
    assert not runner.running


def test_running_is_told(runner: JobRunner, qtbot) -> None:
    states: list[bool] = []
    runner.running_changed.connect(states.append)
    with qtbot.waitSignal(runner.running_changed, check_params_cb=lambda on: not on):
        runner.start(lambda job: None, lambda terminal: None)
    assert states == [True, False]


def test_a_failing_callback_does_not_keep_the_job(runner: JobRunner, qtbot) -> None:
    def breaks(terminal) -> None:
        raise ValueError("page bug")

    with qtbot.captureExceptions() as errors:
        runner.start(lambda job: None, breaks)
        qtbot.waitUntil(lambda: not runner.running)
    assert isinstance(errors[0][1], ValueError)


def test_one_job_at_a_time_has_the_machine(runner: JobRunner, ear: Ear, qtbot) -> None:
    hold, freed = threading.Event(), []
    runner.freed.connect(lambda: freed.append(runner.occupation))
    mine, other = Occupation("Benchmark", "benchmark"), Occupation("In stages", "stages")
    first = runner.start(lambda job: hold.wait(30), ear.ends.append, occupies=mine)
    assert runner.occupation == mine
    with pytest.raises(BadInput, match="“Benchmark” is running"):
        runner.start(lambda job: 1, ear.ends.append, occupies=other)
    runner.start(lambda job: 2, ear.ends.append)
    qtbot.waitUntil(lambda: ear.ends == [Result(2)])
    assert not freed, "what takes nothing gives nothing back"
    first.cancel()
    assert runner.occupation == mine, "it still runs"
    hold.set()
    qtbot.waitUntil(lambda: freed == [None])
    runner.start(lambda job: 3, ear.ends.append, occupies=other)
    qtbot.waitUntil(lambda: Result(3) in ear.ends)


def test_nobody_begins_while_the_window_closes(runner: JobRunner, qtbot) -> None:
    freed: list[bool] = []
    runner.freed.connect(lambda: freed.append(True))
    runner.start(lambda job: 1, lambda ended: None, occupies=Occupation("x", "x"))
    assert runner.shutdown()
    assert not freed
