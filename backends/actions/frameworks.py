"""Which frameworks can be used here: every adapter is asked in a process of its own, all at the same time."""

from __future__ import annotations

from backends.actions.engines import environments
from backends.domain.errors import EdgewrightError
from backends.domain.events import Progress
from backends.domain.hardware import HardwareProfile
from backends.frameworks import registry
from backends.frameworks.base import Availability, JobContext, Manifest
from backends.frameworks.environments import Environments
from backends.jobs.launcher import JobHandle, WorkerProcess, wait
from backends.jobs.spec import PROBE, JobSpec, ProbeRequest


def availabilities(job: JobContext, hardware: HardwareProfile | None = None) -> dict[str, Availability]:
    """Name → availability for every registered framework. A probe that dies is an unavailable framework."""
    known = environments()
    manifests = registry.manifests()
    found: dict[str, Availability] = {}
    asked: list[tuple[Manifest, WorkerProcess, JobHandle]] = []
    try:
        for manifest in manifests:
            missing = known.missing(manifest)
            if missing is not None:
                found[manifest.name] = missing
                continue
            worker = WorkerProcess(known.runtime(manifest))
            asked.append((manifest, worker, worker.submit(_probe(manifest, hardware))))
        for manifest, _, handle in asked:
            found[manifest.name] = _answer(manifest, handle, job)
            job.emit(Progress(None, f"{manifest.title} answered"))
    finally:
        for _, worker, _ in asked:
            worker.close()
    return {manifest.name: found[manifest.name] for manifest in manifests}


def availability(name: str, job: JobContext, known: Environments | None = None) -> Availability:
    """One framework's answer. Raises BadInput for a framework nobody knows."""
    manifest = registry.manifest(name)
    known = known or environments()
    if registry.is_tool(manifest):
        return tool(manifest, known)
    missing = known.missing(manifest)
    if missing is not None:
        return missing
    worker = WorkerProcess(known.runtime(manifest))
    try:
        return _answer(manifest, worker.submit(_probe(manifest, None)), job)
    finally:
        worker.close()


def tool(manifest: Manifest, known: Environments | None = None) -> Availability:
    """Whether a tool is there. Asks no process: it was tried when it was installed."""
    missing = (known or environments()).missing(manifest)
    return missing or Availability(manifest.name, True, devices=manifest.devices)


def _probe(manifest: Manifest, hardware: HardwareProfile | None) -> JobSpec[ProbeRequest, Availability]:
    return JobSpec(PROBE, ProbeRequest(hardware), manifest.name)


def _answer(manifest: Manifest, handle: JobHandle, job: JobContext) -> Availability:
    try:
        answer: Availability = wait(handle, job)
    except EdgewrightError as error:
        return Availability(manifest.name, False, reason=error.message, remedy=error.remedy)
    return answer
