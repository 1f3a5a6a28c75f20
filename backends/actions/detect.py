"""What is in this machine: the probes, what every framework sees, and the measured throughput."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from backends.actions.frameworks import availabilities
from backends.domain.events import Progress, Started
from backends.domain.hardware import HardwareProfile, Throughput
from backends.frameworks import registry
from backends.frameworks.base import Availability, JobContext
from backends.hardware import throughput
from backends.hardware.detect import detect as look
from backends.hardware.framework_devices import with_framework_devices
from backends.jobs.launcher import run_job
from backends.jobs.spec import THROUGHPUT, JobSpec, ThroughputRequest
from backends.storage.paths import app_paths


@dataclass(frozen=True)
class Detected:
    hardware: HardwareProfile
    availability: Mapping[str, Availability]


def _nobody(found: Detected) -> None:
    """For callers who wait for the whole."""


def detect(job: JobContext, fresh: bool = False, on_found: Callable[[Detected], None] = _nobody) -> Detected:
    """Everything, in a few seconds. ``fresh`` measures the throughput again, cached or not.

    ``on_found`` gets what is known so far: after the probes, and after the frameworks have answered.
    """
    job.emit(Started("Looking at this machine"))
    hardware = look(storage_path=str(app_paths().data.anchor))
    on_found(Detected(hardware, {}))
    job.emit(Progress(0.2, "Asking the frameworks"))
    found = availabilities(job, hardware)
    titles = {manifest.name: manifest.title for manifest in registry.manifests()}
    hardware = with_framework_devices(
        hardware, {titles[name]: answer.devices for name, answer in found.items() if answer.available}
    )
    on_found(Detected(hardware, found))
    job.emit(Progress(0.6, "Measuring memory bandwidth and arithmetic"))
    return Detected(replace(hardware, throughput=measured(hardware, job, fresh)), found)


def measured(hardware: HardwareProfile, job: JobContext, fresh: bool = False) -> Throughput:
    """From the cache of this machine, or measured now in a process of its own (about two seconds)."""
    folder = app_paths().throughput
    known = None if fresh else throughput.cached(hardware, folder)
    return known or run_job(JobSpec(THROUGHPUT, ThroughputRequest(hardware, folder), ""), job)
