"""Whatever happens to a worker, its job ends with exactly one terminal event and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from backends.domain.errors import BadInput, JobCancelled, WorkerKilled
from backends.domain.events import TERMINAL, Cancelled, Event, Failed, Log, Progress, Result
from backends.domain.model import ModelFormat, ModelKind
from backends.domain.runtime import Runtime
from backends.frameworks.base import OptimizeRequest
from backends.jobs import launcher
from backends.jobs.context import Context
from backends.jobs.launcher import WorkerProcess, run_job
from backends.jobs.spec import OPTIMIZE, JobSpec
from tests.conftest import ROOT

pytestmark = [
    pytest.mark.usefixtures("faulty_framework"),
    pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals"),
]


@pytest.fixture(autouse=True)
def short_ladder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "ASK_S", 0.5)
    monkeypatch.setattr(launcher, "TERMINATE_S", 0.5)


def job(misfortune: str, output: Path) -> JobSpec:
    request = OptimizeRequest(Path("x.gguf"), ModelFormat.GGUF, ModelKind.LANGUAGE, misfortune, output)
    return JobSpec(OPTIMIZE, request, "faulty")


def all_events(misfortune: str, output: Path) -> list[Event]:
    worker = WorkerProcess()
    try:
        return list(worker.submit(job(misfortune, output)).events())
    finally:
        worker.close()


def only_terminal(events: list[Event]) -> Event:
    assert [isinstance(event, TERMINAL) for event in events].count(True) == 1
    return events[-1]


@pytest.mark.parametrize(
    ("misfortune", "exit_code", "words"),
    [
        ("kill", -signal.SIGKILL, "memory ran out"),
        ("segv", -signal.SIGSEGV, "crashed"),
        ("abort", -signal.SIGABRT, "aborted"),
        ("exit", 7, "exit code 7"),
    ],
)
def test_sudden_death_becomes_failed(misfortune: str, exit_code: int, words: str, tmp_path: Path) -> None:
    end = only_terminal(all_events(misfortune, tmp_path))
    assert isinstance(end, Failed)
    assert end.exit_code == exit_code
    assert words in end.message
    assert end.remedy


def test_native_chatter_on_stdout_cannot_corrupt_the_protocol(tmp_path: Path) -> None:
    end = only_terminal(all_events("flood", tmp_path))
    assert isinstance(end, Result)
    assert end.payload.precision == "flood"


def test_out_of_memory_is_a_sentence(tmp_path: Path) -> None:
    end = only_terminal(all_events("memory", tmp_path))
    assert isinstance(end, Failed)
    assert "emory ran out" in end.message


def test_error_family_survives_the_pipe(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="too short") as caught:
        run_job(job("bad_input", tmp_path), Context(lambda _: None))
    assert caught.value.remedy == "Download it again."


def test_a_bug_brings_its_traceback(tmp_path: Path) -> None:
    end = only_terminal(all_events("bug", tmp_path))
    assert isinstance(end, Failed)
    assert end.kind == "Bug"
    assert "KeyError" in end.details


def test_cancel_is_answered_by_a_worker_that_listens(tmp_path: Path) -> None:
    context = Context(lambda event: context.token.cancel() if isinstance(event, Progress) else None)
    with pytest.raises(JobCancelled):
        run_job(job("obey", tmp_path), context)


def test_a_deaf_worker_is_killed(tmp_path: Path) -> None:
    worker = WorkerProcess()
    handle = worker.submit(job("hang", tmp_path))
    events: list[Event] = []
    for event in handle.events():
        events.append(event)
        if isinstance(event, Log):
            handle.cancel()
            handle.cancel()  # twice is once
    worker.close()
    assert only_terminal(events) == Cancelled()
    assert not worker.alive


def test_grandchildren_die_with_the_tree(tmp_path: Path) -> None:
    worker = WorkerProcess()
    handle = worker.submit(job("hang_with_child", tmp_path))
    grandchild = 0
    for event in handle.events():
        if isinstance(event, Log) and event.text.startswith("child"):
            grandchild = int(event.text.split()[1])
            handle.cancel()
    worker.close()
    assert grandchild
    assert _gone([grandchild])


def test_a_dead_worker_is_noticed_when_asked_again(tmp_path: Path) -> None:
    worker = WorkerProcess()
    list(worker.submit(job("kill", tmp_path)).events())
    end = only_terminal(list(worker.submit(job("ok", tmp_path)).events()))
    worker.close()
    assert isinstance(end, Failed)
    assert end.kind == WorkerKilled.__name__


def test_the_worker_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    """The parent is a process of its own here, killed with SIGKILL in the middle of a job."""
    script = (
        "import sys\n"
        "from tests.fault.test_worker_ends import WorkerProcess, job\n"
        "from pathlib import Path\n"
        "worker = WorkerProcess()\n"
        f"handle = worker.submit(job('hang_with_child', Path({str(tmp_path)!r})))\n"
        "for event in handle.events():\n"
        "    print(worker.pid, getattr(event, 'text', ''), flush=True)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=dict(os.environ)
    )
    assert parent.stdout is not None
    lines = [parent.stdout.readline() for _ in range(2)]
    pids = [int(lines[0].split()[0]), int(lines[1].split()[-1])]
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert _gone(pids)


def test_an_interpreter_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="could not be started"):
        run_job(job("ok", tmp_path), Context(lambda _: None), Runtime(tmp_path / "python"))


def _gone(pids: list[int]) -> bool:
    """A killed process takes a moment to go; one that only waits to be reaped is gone."""
    processes = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    _, alive = psutil.wait_procs(processes, timeout=10)
    return all(process.status() == psutil.STATUS_ZOMBIE for process in alive)
