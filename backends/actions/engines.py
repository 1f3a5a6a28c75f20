"""Opening engines: the right interpreter for each framework, for the command line and the window alike."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from backends.domain.artifact import Configuration
from backends.domain.errors import FrameworkUnavailable
from backends.frameworks import registry
from backends.frameworks.base import JobContext, Manifest
from backends.frameworks.environments import Environments
from backends.jobs.engine import RemoteEngine
from backends.storage.paths import app_paths


def environments() -> Environments:
    """The managed environments of this user."""
    return Environments(app_paths().environments)


def note_use(path: Path) -> None:
    """Remember that something kept was used now; how long it lay unused decides when it may be cleared."""
    paths = app_paths()
    for root in (paths.artifacts, paths.conversions):
        if path.is_relative_to(root) and path != root:
            with suppress(OSError):
                os.utime(root / path.relative_to(root).parts[0])


def host(configuration: Configuration) -> Manifest:
    """Of the framework in whose environment the configuration is opened."""
    own = registry.manifest(configuration.artifact.framework)
    return registry.manifest(own.host(configuration.load.options))


def opener(job: JobContext) -> Callable[[Configuration], RemoteEngine]:
    """A function that opens a configuration in a process of its own, whose caller closes it."""
    known = environments()

    def open_engine(configuration: Configuration) -> RemoteEngine:
        manifest = host(configuration)
        missing = known.missing(manifest)
        if missing is not None:
            guest = manifest.name != configuration.artifact.framework
            needed = " It has what these load options need." if guest else ""
            raise FrameworkUnavailable(f"{manifest.title} is {missing.reason}.{needed}", missing.remedy)
        note_use(configuration.artifact.path)
        return RemoteEngine(configuration, job, known.runtime(manifest))

    return open_engine
