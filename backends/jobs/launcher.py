"""Starts worker processes, reads what they say, and ends them: ask, then terminate, then kill the tree.

A worker's end is a value. Whatever happens to the process, a job's events end with exactly one of
Result, Failed or Cancelled.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, TypeVar

import psutil

from backends.codec import dump_line, load_line
from backends.domain.errors import JobCancelled, JobFailed, WorkerDied, WorkerKilled
from backends.domain.events import TERMINAL, Cancelled, Event, Failed, Result
from backends.domain.runtime import Runtime
from backends.frameworks.base import JobContext
from backends.jobs import wire
from backends.jobs.context import Context
from backends.jobs.outcome import KILLED, as_error, describe_exit
from backends.jobs.spec import JobSpec

R = TypeVar("R")

ASK_S = 3.0  # how long a worker may take to answer a cancel before it is terminated
TERMINATE_S = 2.0  # and how long it may take to end before its tree is killed
LOG_TAIL_BYTES = 8_000
SOURCE_ROOT = Path(__file__).resolve().parents[2]

# Libraries must not call home, and idle OpenMP threads must sleep rather than spin.
WORKER_ENVIRONMENT = {
    "PYTHONUNBUFFERED": "1",
    "PYTHONNOUSERSITE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "OLIVE_DISABLE_TELEMETRY": "1",
    "CI": "1",  # Olive 0.13 heeds its own switch only after a first message with an id of this machine
    "ORT_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


def worker_command(runtime: Runtime) -> list[str]:
    if runtime.interpreter is not None:
        return [str(runtime.interpreter), "-m", "backends.jobs.worker"]
    if getattr(sys, "frozen", False):
        return [sys.executable, "--worker"]
    return [sys.executable, "-m", "backends.jobs.worker"]


def worker_variables(runtime: Runtime) -> dict[str, str]:
    path = os.pathsep.join([str(SOURCE_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, **WORKER_ENVIRONMENT, "PYTHONPATH": path, **runtime.variables}


class WorkerProcess:
    """One child process that answers one command after the other.

    Its log (the child's stderr, where native libraries chatter too) goes to a file, so that no amount of
    output can block it and no thread is needed to drain it.
    """

    def __init__(self, runtime: Runtime | None = None) -> None:
        self.scratch = Path(tempfile.mkdtemp(prefix="edgewright-"))
        self._log_path = self.scratch / "worker.log"
        self._next_id = 0
        runtime = runtime or Runtime()
        try:
            with self._log_path.open("wb") as log:
                self._process = subprocess.Popen(
                    worker_command(runtime),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=worker_variables(runtime),
                    start_new_session=True,  # its own process group: killing it takes grandchildren along
                )
        except OSError as error:
            shutil.rmtree(self.scratch, ignore_errors=True)
            raise JobFailed(f"The worker process could not be started: {error}.") from error

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def submit(self, spec: JobSpec[Any, Any]) -> JobHandle:
        self._next_id += 1
        self.send(wire.command(self._next_id, spec))
        return JobHandle(self, self._next_id, spec)

    def send(self, message: dict[str, Any]) -> None:
        """A worker that is already dead is noticed when its answer is read, not here."""
        with contextlib.suppress(OSError, ValueError):
            pipe = self._stdin
            pipe.write(dump_line(message))
            pipe.flush()

    def read_message(self) -> dict[str, Any] | None:
        """The next message, or ``None`` when the worker has ended. Lines that are none are passed over."""
        for line in self._stdout:
            with contextlib.suppress(ValueError):
                return load_line(line)
        return None

    def log_tail(self) -> str:
        with contextlib.suppress(OSError), self._log_path.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - LOG_TAIL_BYTES))
            return log.read().decode(errors="replace").strip()
        return ""

    def exit_code(self) -> int:
        """Wait for the end of a worker that has closed its pipe."""
        try:
            return self._process.wait(TERMINATE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._process.wait()

    def terminate(self) -> None:
        if self.alive:
            self._process.terminate()

    def kill(self) -> None:
        """End the process and everything it has started."""
        for child in _descendants(self._process.pid):
            with contextlib.suppress(psutil.Error):
                child.kill()
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        if self.alive:
            self._process.kill()

    def close(self) -> None:
        """Ask an idle worker to end, make sure that it does, and remove its scratch folder."""
        with contextlib.suppress(OSError):
            self._stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(ASK_S)
        self.kill()
        self._process.wait()
        self._stdout.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def _stdout(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout


class JobHandle:
    """One command in flight: its events, and the way to stop it."""

    def __init__(self, worker: WorkerProcess, job_id: int, spec: JobSpec[Any, Any]) -> None:
        self._worker = worker
        self._id = job_id
        self._spec = spec
        self._lock = threading.RLock()
        self._ladder: list[threading.Timer] = []
        self._cancelled = False
        self._ended = False

    def events(self) -> Iterator[Event]:
        """Blocks on the pipe; the last event, and only the last, is a terminal one."""
        while True:
            event = self._next_event()
            if isinstance(event, TERMINAL):
                self._end()
                yield event
                return
            if event is not None:
                yield event

    def cancel(self) -> None:
        """Ask now; terminate and then kill the tree if the worker does not answer. Returns at once."""
        with self._lock:
            if self._cancelled or self._ended:
                return
            self._cancelled = True
            steps = ((ASK_S, self._worker.terminate), (ASK_S + TERMINATE_S, self._worker.kill))
            self._ladder = [threading.Timer(after_s, step) for after_s, step in steps]
            for timer in self._ladder:
                timer.daemon = True
                timer.start()
        self._worker.send(wire.cancel(self._id))

    def _next_event(self) -> Event | None:
        message = self._worker.read_message()
        if message is None:
            return Cancelled() if self._cancelled else self._death()
        if message.get("id") != self._id:
            return None
        try:
            event = wire.read_event(message, self._spec.task)
        except Exception as error:  # noqa: BLE001 - a message that cannot be read ends the job, whatever is wrong
            return Failed(
                "The worker sent an answer that cannot be read.", details=repr(error), kind="WorkerDied"
            )
        return Cancelled() if self._cancelled and isinstance(event, (Result, Failed)) else event

    def _death(self) -> Failed:
        code = self._worker.exit_code()
        message, remedy = describe_exit(code, self._spec.task.name)
        kind = WorkerKilled if code in KILLED else WorkerDied
        return Failed(message, remedy, self._worker.log_tail(), code, kind.__name__)

    def _end(self) -> None:
        with self._lock:
            self._ended = True
            for timer in self._ladder:
                timer.cancel()
                timer.join()


def run_job(spec: JobSpec[Any, R], job: JobContext, runtime: Runtime | None = None) -> R:
    """Run a job in a process of its own and wait for it.

    Events that are not terminal go to ``job``. Raises an EdgewrightError or :class:`JobCancelled`.
    """
    worker = WorkerProcess(runtime)
    try:
        result: R = wait(worker.submit(spec), job)
        return result
    finally:
        worker.close()


def wait(handle: JobHandle, job: JobContext) -> Any:
    """Forward a job's events to ``job`` and return its result, or raise what it ended with."""
    undo = job.token.on_cancel(handle.cancel) if isinstance(job, Context) else None
    try:
        for event in handle.events():
            if isinstance(event, Result):
                return event.payload
            if isinstance(event, Cancelled):
                raise JobCancelled
            if isinstance(event, Failed):
                raise as_error(event)
            job.emit(event)
    finally:
        if undo is not None:
            undo()
    raise AssertionError("events() ends with a terminal event")


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []
