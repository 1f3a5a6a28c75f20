"""The messages between parent and child, one JSON object a line.

Down: ``{"id": 1, "task": "optimize", "framework": "llamacpp", "payload": {…}}`` and ``{"cancel": 1}``.
Up: ``{"id": 1, "event": "Progress", "body": {…}}``. The payload of a Result has the type its task names.
"""

from __future__ import annotations

from typing import Any

from backends.codec import from_plain, to_plain
from backends.domain.events import Cancelled, Event, Failed, Log, Progress, Result, Sample, Started
from backends.jobs.spec import TASKS, JobSpec, Task

_PLAIN_EVENTS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (Started, Progress, Sample, Log, Failed, Cancelled)
}


def command(job_id: int, spec: JobSpec[Any, Any]) -> dict[str, Any]:
    payload = to_plain(spec.payload, spec.task.payload)
    return {"id": job_id, "task": spec.task.name, "framework": spec.framework, "payload": payload}


def cancel(job_id: int) -> dict[str, Any]:
    return {"cancel": job_id}


def read_command(message: dict[str, Any]) -> tuple[int, JobSpec[Any, Any]]:
    task = TASKS[message["task"]]
    return message["id"], JobSpec(task, from_plain(message["payload"], task.payload), message["framework"])


def event_message(job_id: int, event: Event, task: Task[Any, Any]) -> dict[str, Any]:
    body = to_plain(event.payload, task.result) if isinstance(event, Result) else to_plain(event)
    return {"id": job_id, "event": type(event).__name__, "body": body}


def read_event(message: dict[str, Any], task: Task[Any, Any]) -> Event:
    """Raises KeyError or a cattrs error for a message that no worker of this version sends."""
    if message["event"] == "Result":
        return Result(from_plain(message["body"], task.result))
    event: Event = from_plain(message["body"], _PLAIN_EVENTS[message["event"]])
    return event
