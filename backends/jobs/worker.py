"""The child's entry: reads commands from stdin, runs adapters, answers on a private copy of stdout.

The only place that loads an ``adapter.py``. Runs over any interpreter that has cattrs and the framework's
own packages, so it imports nothing else of weight at the top.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from backends.codec import dump_line, load_line
from backends.domain.errors import JobCancelled
from backends.domain.events import Event, Result, Sample
from backends.domain.hardware import Throughput
from backends.domain.hub import HubPlan
from backends.domain.model import SourceModel
from backends.frameworks.base import OptimizeRequest
from backends.frameworks.converters import base as converters
from backends.frameworks.mirror import codeless
from backends.jobs import wire
from backends.jobs.outcome import as_event
from backends.jobs.session import WorkerSession
from backends.jobs.spec import (
    ASSESS,
    CONVERT,
    FINETUNE,
    HUB_FETCH,
    HUB_PLAN,
    INSPECT,
    OPEN,
    OPTIMIZE,
    OUTPUTS,
    PASSES,
    PLAN,
    PROBE,
    REFERENCE,
    THROUGHPUT,
    AssessRequest,
    HubFetchRequest,
    HubPlanRequest,
    Inspected,
    InspectRequest,
    JobSpec,
    OpenRequest,
    ThroughputRequest,
)


class Channel:
    """The pipe to the parent. Anything else in this process that prints, prints to the log."""

    def __init__(self) -> None:
        self._pipe: IO[bytes] = os.fdopen(os.dup(1), "wb", buffering=0)
        os.dup2(2, 1)  # native chatter on fd 1 must not corrupt the protocol
        sys.stdout = sys.stderr
        self._lock = threading.Lock()

    def send(self, message: dict[str, Any]) -> None:
        with self._lock:
            self._pipe.write(dump_line(message))


class WorkerContext:
    """The :class:`~backends.frameworks.base.JobContext` of one command."""

    def __init__(self, channel: Channel, job_id: int, spec: JobSpec[Any, Any]) -> None:
        self._channel = channel
        self._job_id = job_id
        self._spec = spec
        self.cancelled = threading.Event()

    def emit(self, event: Event) -> None:
        self._channel.send(wire.event_message(self._job_id, event, self._spec.task))

    def check_cancelled(self) -> None:
        if self.cancelled.is_set():
            raise JobCancelled


class Inbox:
    """Reads the parent's messages on a thread, so that a cancel is heard while a command runs."""

    def __init__(self) -> None:
        self.commands: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._running: tuple[int, WorkerContext] | None = None
        self._cancelled_early: set[int] = set()
        self._lock = threading.Lock()

    def start(self) -> None:
        threading.Thread(target=self._read, name="inbox", daemon=True).start()

    def begin(self, job_id: int, context: WorkerContext) -> None:
        with self._lock:
            self._running = (job_id, context)
            if job_id in self._cancelled_early:
                context.cancelled.set()

    def end(self) -> None:
        with self._lock:
            self._running = None

    def _read(self) -> None:
        for line in os.fdopen(0, "rb"):
            message = load_line(line)
            if "cancel" in message:
                self._cancel(message["cancel"])
            else:
                self.commands.put(message)
        self._parent_gone()

    def _cancel(self, job_id: int) -> None:
        with self._lock:
            if self._running and self._running[0] == job_id:
                self._running[1].cancelled.set()
            else:
                self._cancelled_early.add(job_id)

    def _parent_gone(self) -> None:
        """An idle worker ends by itself. One in the middle of work has nobody left to work for."""
        with self._lock:
            busy = self._running is not None
        self.commands.put(None)
        if busy:
            end_own_tree()


def end_own_tree() -> None:
    """Kill this process and, where it leads a process group, everything it has started."""
    if hasattr(os, "killpg") and os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


class Worker:
    """Answers commands one after the other; keeps at most one session open."""

    def __init__(self, channel: Channel, inbox: Inbox) -> None:
        self._channel = channel
        self._inbox = inbox
        self._session: WorkerSession | None = None

    def serve(self) -> None:
        while (message := self._inbox.commands.get()) is not None:
            self._answer(message)
        self._close_session()

    def _close_session(self) -> None:
        """Forgotten before it is closed: one that cannot be closed is not closed twice."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _answer(self, message: dict[str, Any]) -> None:
        job_id, spec = wire.read_command(message)
        context = WorkerContext(self._channel, job_id, spec)
        self._inbox.begin(job_id, context)
        ending: Event
        try:
            context.check_cancelled()
            ending = Result(self._run(spec, context))
        except BaseException as error:  # noqa: BLE001 - a worker's every end is an event
            ending = as_event(error)
        finally:
            self._inbox.end()
        context.emit(ending)

    def _run(self, spec: JobSpec[Any, Any], context: WorkerContext) -> Any:
        from backends.frameworks.registry import load_adapter

        if spec.task == PROBE:
            return load_adapter(spec.framework).probe(spec.payload.hardware)
        if spec.task in BY_ADAPTER:
            work: Callable[..., Any] = getattr(load_adapter(spec.framework), spec.task.name)
            return codeless(work, settled(spec), context)
        if spec.task.name in WITHOUT_FRAMEWORK:
            return codeless(WITHOUT_FRAMEWORK[spec.task.name], spec.payload, context)
        if spec.task == OPEN:
            self._close_session()
            self._session = WorkerSession.open(load_adapter(spec.framework), settled(spec), spec.framework)
            return self._session.engine
        if self._session is None:
            raise RuntimeError(f"{spec.task.name} before open")
        return self._session.answer(spec, context)


def settled(spec: JobSpec[Any, Any]) -> Any:
    """The payload with its options checked against the framework's manifest, and the defaults put in."""
    from backends.frameworks.registry import manifest

    request, known = spec.payload, manifest(spec.framework)
    if isinstance(request, OptimizeRequest):
        options = known.settings(request.options, request.kind, request.precision)
        return replace(request, options=options)
    if isinstance(request, OpenRequest):
        load = known.load_settings(request.options.options, request.artifact.kind)
        return replace(request, options=replace(request.options, options=load))
    return request


def measure_throughput(request: ThroughputRequest, job: WorkerContext) -> Throughput:
    """Measure this machine, telling the best figure so far after every pass."""
    from backends.hardware.throughput import SubResult, measured

    def report(found: SubResult) -> None:
        job.check_cancelled()
        job.emit(Sample("machine", found.what, found.share, found.value))

    return measured(request.hardware, request.cache, report, again=True)


def assess(request: AssessRequest, job: WorkerContext) -> SourceModel:
    """Read a model; here, because damaged files and heavy readers belong in no other process."""
    if request.bundled:
        from backends.assessment.bundled import read_bundle

        return read_bundle(request.path, bundled=True)
    from backends.assessment.source import source_model

    return source_model(request.path)


def inspect(request: InspectRequest, job: WorkerContext) -> Inspected:
    from backends.assessment.contents import contents, hashes

    return Inspected(contents(request.path, request.format), hashes(request.path))


def hub_plan(request: HubPlanRequest, job: WorkerContext) -> HubPlan:
    from backends.sources import connection, hub

    return hub.plan(connection.server(request.token), request.model, job, request.files)


def hub_fetch(request: HubFetchRequest, job: WorkerContext) -> Path:
    """Download, and refuse a model that needs its own Python before its weights are fetched."""
    from backends.assessment.facts import CONFIG, refuse_remote_code
    from backends.assessment.folder import read_json
    from backends.sources import connection, hub

    def look(path: Path) -> None:
        if path.name == CONFIG:
            refuse_remote_code(read_json(path), path)

    hub.download(connection.server(request.token), request.plan, request.folder, job, look)
    return request.folder


BY_ADAPTER = (OPTIMIZE, PLAN, PASSES, FINETUNE)  # the adapter's method has the task's name
WITHOUT_FRAMEWORK: dict[str, Callable[[Any, WorkerContext], Any]] = {
    THROUGHPUT.name: measure_throughput,
    ASSESS.name: assess,
    INSPECT.name: inspect,
    HUB_PLAN.name: hub_plan,
    HUB_FETCH.name: hub_fetch,
    CONVERT.name: converters.convert,
    REFERENCE.name: converters.reference,
    OUTPUTS.name: converters.outputs,
}


def main() -> int:
    """Serve until the parent closes the pipe."""
    if hasattr(signal, "SIGINT"):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the parent, which asks properly
    channel = Channel()
    inbox = Inbox()
    inbox.start()
    Worker(channel, inbox).serve()
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(0)  # native libraries with threads of their own must not hold up the end


if __name__ == "__main__":
    raise SystemExit(main())
